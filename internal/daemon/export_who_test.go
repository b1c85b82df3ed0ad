package daemon

import (
	"context"
	"log/slog"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// Greeted is the part of an agent to which nodes say hello. It has launched "starting",
// whose process does not exist yet. It has found that "unseen" may run.
type Greeted struct{ shell *agentShell }

// NewGreeted returns an agent with these callers.
func NewGreeted(ctx context.Context, callers Callers, launcher launch.Launcher) Greeted {
	parts, _ := newGroup(ctx)
	a := &agentShell{
		inbox:     inbox{happened: make(chan agent.Event)},
		processes: processes{nodes: map[launchID]*launched{}, live: &livePIDs{}, book: newNodeBook()},
		cfg: AgentConfig{
			Callers: callers, Launch: launcher, Logger: slog.New(slog.DiscardHandler), Bus: bus.Config{OnRefused: reporting(nil, nil)},
		},
		parts: parts,
		ends:  newEnds(),
	}
	a.obedience = newObedience(a, 0)
	a.adopt(ctx, proc.Adoption{Unseen: []proc.Unseen{{Name: "unseen", Launch: 1}}}, mgmt.Configuration{})
	id := launchID{"starting", 2}
	a.nodes[id] = &launched{launchID: id, awaited: true}
	return Greeted{a}
}

// Hello has a peer say hello as a node, and returns what the core is told; nil if
// that has to wait.
func (g Greeted) Hello(from bus.Peer, node mgmt.NodeName) agent.Event {
	return g.shell.nodeHello(from, mgmt.NotifyNodeHello{Node: node})
}

// Lost ends the connection with a peer.
func (g Greeted) Lost(from bus.Peer) { g.shell.translate(bus.PeerLost{Peer: from}) }

// Born gives "starting" a process, and returns what the core is told of hellos
// that waited for it.
func (g Greeted) Born(ctx context.Context, pid int) []agent.Event {
	p := g.shell.launchedAs("starting")
	waiting := len(p.early)
	g.shell.born(ctx, p, pid)
	var told []agent.Event
	for range waiting {
		told = append(told, <-g.shell.happened)
	}
	return told
}

// NewWhoOf is NewWho with another registry.
func NewWhoOf(cfg ControllerConfig, of registry) *Who {
	w := NewWho(cfg)
	w.authority, w.files = of, false
	return w
}

// Stands is stands.
func (w *Who) Stands(p bus.Peer, now time.Time) error { return w.stands(p, now) }

// Ends is ends.
func (w *Who) Ends(p bus.Peer, now time.Time) time.Time { return w.ends(p, now) }

func (c agentClaim) Certificate() string            { return c.certificate }
func (c agentClaim) Instances() []mgmt.InstanceName { return c.instances }
func (c agentClaim) Barred() string                 { return c.barred }

// Connected are the callers of a controller, without its loop.
type Connected struct{ *connected }

// NewConnected returns the callers of a controller to which nobody is connected.
func NewConnected(who *Who, drop func(string, error), refused func(bus.Refusal)) Connected {
	return Connected{newCallers(who, drop, refused)}
}

// Add says that a peer has connected.
func (c Connected) Add(p bus.Peer) { c.add(p, time.Now()) }

// Change says that the authority has changed.
func (c Connected) Change() {
	c.change(nil)
	<-c.changed
	c.judgeAll(time.Now())
}

// AwaitEnd waits until the next certificate ends.
func (c Connected) AwaitEnd() {
	<-c.ends.C
	c.judgeAll(time.Now())
}
