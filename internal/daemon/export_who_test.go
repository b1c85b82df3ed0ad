package daemon

import (
	"context"
	"log/slog"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// OpenLauncher is openLauncher for an agent that listens at 127.0.0.1:2151.
func OpenLauncher(t *testing.T, set settings.Agent) (Launcher, error) {
	l, _, err := openLauncher(t.Context(), set, slog.New(slog.DiscardHandler), "127.0.0.1:2151")
	return l, err
}

// Greeted is the part of an agent to which nodes say hello. It has launched
// "starting", of which there is no process yet, and found that "unseen" may run.
type Greeted struct{ shell *agentShell }

// NewGreeted returns an agent with these callers.
func NewGreeted(ctx context.Context, callers Callers, launch Launcher) Greeted {
	parts, _ := newGroup(ctx)
	a := &agentShell{
		cfg:      AgentConfig{Callers: callers, Launch: launch, Logger: slog.New(slog.DiscardHandler)},
		live:     &livePIDs{},
		nodes:    map[launchID]*launched{},
		parts:    parts,
		happened: make(chan agent.Event),
	}
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

// WebSocketConfig is how a controller with these settings serves its clients.
var WebSocketConfig = websocketConfig
