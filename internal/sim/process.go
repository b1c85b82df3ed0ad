package sim

import (
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/node"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// process is one process of a node, with the node's core. An agent starts it and
// watches it, as package proc does. The process outlives the agent.
type process struct {
	w         *world
	home      *agentPart
	name      mgmt.NodeName
	launch    uint64
	plan      mgmt.Fingerprint
	fate      fate
	bundles   []mgmt.Bundle // with which it was started
	options   []string      // the names and values of its options
	limits    mgmt.Limits
	phase     processPhase
	pid       int64
	started   time.Time
	unseen    int           // the life of the agent that cannot see it
	begunIn   int           // the life of the agent that has launched it
	announced int           // the life of the agent that has heard what it can do
	watcher   int           // the life of the agent that hears of its end
	told      time.Duration // when the latest report about it arrives
	// condemned says that the agent has a reason to stop it: it is not as the
	// saved configuration has it, or a restart was asked for.
	condemned bool
	known     int           // the life of the agent that has heard of its beginning
	stopped   int           // the life of the agent that has stopped it
	stuck     int           // the life of the agent that has heard that it cannot be stopped
	ended     time.Duration // when the agent heard that it ended by itself; zero: it has not
	fell      bool          // it ended by itself, and nothing was a reason to start it again since
	buried    bool          // its logs and its crash record are put away, or there are none

	latest mgmt.ReqID // of the last dispatch that it got
	ep     *endpoint  // nil before it looks for its agent
	m      *node.Machine
	dialer *dialer
	clock  clock
	alarm  alarm
}

type processPhase int

const (
	launching processPhase = iota
	running
	over
)

// fate is what becomes of a process.
type fate struct {
	launch    time.Duration // until there is a process
	work      time.Duration // from then until it looks for its agent
	stop      time.Duration // from SIGTERM until it ends
	burial    time.Duration // from when the agent hears of its end until it is buried
	life      time.Duration // until it ends by itself; zero: it does not
	unfit     bool          // there will be no process
	opaque    bool          // its preflight takes too long
	mute      bool          // it never looks for its agent
	deaf      bool          // it does not answer dispatches
	old       bool          // it cannot be told of options
	stubborn  bool          // it takes no options while it runs
	unbounded bool          // nobody can limit it while it runs
	hangs     bool          // it ignores SIGTERM
	guard     guard         // whether it may be signalled
}

// guard says which signals the agent may not send to a process, because the
// process belongs to another user by then.
type guard int

const (
	guardNone guard = iota
	guardAll
	guardKill // SIGTERM may be sent, and the process ignores it; SIGKILL may not be sent
)

// newFate draws a fate.
func (e *environment) newFate() fate {
	m := e.mood
	f := fate{launch: e.between(0, 20*time.Millisecond), work: e.between(0, 200*time.Millisecond), stop: e.between(0, time.Second)}
	if e.chance(m.slow) {
		f.work = e.between(time.Second, 90*time.Second)
	}
	if e.chance(m.instant) {
		f.life = 1 + e.between(0, 50*time.Millisecond)
	}
	if e.chance(m.brief) {
		f.life = 1 + e.between(0, 90*time.Second)
	}
	if e.chance(m.burial) {
		f.burial = e.between(0, 10*time.Second)
	}
	f.unfit, f.mute, f.deaf, f.hangs = e.chance(m.unfit), e.chance(m.mute), e.chance(m.deaf), e.chance(m.hang)
	f.old, f.stubborn, f.unbounded = e.chance(m.old), e.chance(m.stubborn), e.chance(m.stubborn)
	if e.chance(m.guard) {
		f.guard = pick(e.dice, []guard{guardAll, guardKill})
	}
	return f
}

// sound reports whether nothing is wrong with a process.
func (p *process) sound() bool {
	return !p.fate.mute && !p.fate.deaf && !p.fate.old && !p.fate.stubborn && !p.fate.hangs && p.fate.guard == guardNone && p.fate.work < time.Second && p.fate.life == 0
}

func (a *agentPart) launch(e agent.Start, f fate) {
	p := &process{
		w: a.w, home: a, name: e.Plan.Node.Name, launch: e.Launch, plan: e.Fingerprint, fate: f, watcher: a.life, begunIn: a.life,
		bundles: e.Plan.Node.Bundles, options: e.Plan.Node.RunOptionArguments(), limits: e.Plan.Node.Limits,
	}
	a.procs.add(p)
	a.w.launched[place{a.name, p.name}] = a.w.now
	life := a.life
	a.w.after(f.launch, func() {
		switch {
		case p.phase != launching: // undone
		case a.life != life:
			a.remove(p) // the helper reads the end of the pipe
		case p.fate.unfit:
			a.remove(p)
			p.report(agent.StartFailed{Node: p.name, Launch: p.launch, Err: "exec: no such file", Outputs: mgmt.NodeOutputs{Stderr: "no such file"}})
		default:
			p.begin()
		}
	})
}

// begin begins the process. From now on there is a record of it.
func (p *process) begin() {
	p.phase, p.pid = running, p.w.newPID()
	p.clock = p.home.clock
	p.started = p.clock.read(p.w.now)
	p.w.did(p.String(), "runs")
	p.report(agent.Started{Node: p.name, Launch: p.launch, PID: p.pid})
	if !p.fate.mute {
		p.w.after(p.fate.work, p.work)
	}
	if p.fate.life > 0 {
		p.w.after(p.fate.life, func() { p.exit("exit status 1") })
	}
}

// work lets the process look for its agent.
func (p *process) work() {
	if p.phase != running || p.ep != nil {
		return
	}
	p.ep = &endpoint{id: mgmt.PeerID(p.String()), part: p, host: p.home.host}
	cfg := node.Config{Name: p.name, Actions: []string{mgmt.SetOptions}}
	if p.fate.old {
		cfg.Actions = nil
	}
	p.m = node.New(cfg)
	p.dialer = &dialer{from: p.ep, to: func() *endpoint { return p.home.ep }}
	p.w.net.dial(p.dialer)
}

// limit gives a process other limits. The answer comes later, as from a service manager.
func (a *agentPart) limit(e agent.Limit) {
	a.book.checkLimit(e)
	p := a.procs.find(e.Node, e.Launch)
	if p == nil {
		return
	}
	answer := agent.Limited{Node: e.Node, Launch: e.Launch, Limits: e.Limits}
	if p.fate.unbounded {
		answer.Err = "nobody may limit it"
	} else {
		p.limits = e.Limits
	}
	a.w.after(a.w.between(0, time.Second), func() {
		if p.phase == running {
			p.report(answer)
		}
	})
}

// exit ends the process.
func (p *process) exit(reason string) {
	if p.phase != running {
		return
	}
	if p.ep != nil && p.w.chance(p.w.mood.lastWords) {
		p.w.net.publish(p.ep, parcel{topic{channel: toNodes}, mgmt.NotifyNodeHello{Node: p.name}})
	}
	p.home.remove(p)
	p.w.did(p.String(), "ends, "+reason)
	if p.unseen == p.home.life {
		p.report(agent.Freed{Node: p.name, Launch: p.launch, Last: true})
		return
	}
	p.report(agent.Exited{Node: p.name, Launch: p.launch, Reason: reason, Outputs: mgmt.NodeOutputs{Stderr: "the end"}})
}

// terminate sends SIGTERM, and SIGKILL after the grace unless the agent ends
// before. It returns the outcome, if there is one at once.
func (p *process) terminate() agent.Event {
	if p.phase != running {
		return nil
	}
	if p.fate.guard == guardAll {
		p.stopped, p.stuck = 0, p.home.life
		return p.refusal()
	}
	if p.fate.guard == guardNone && !p.fate.hangs {
		p.w.after(p.fate.stop, func() { p.exit("exit status 0") })
	} else if p.w.chance(0.5) && p.dialer != nil {
		p.w.net.hangUp(p.dialer)
	}
	life := p.home.life
	p.w.after(p.w.terms.stopGrace, func() {
		switch {
		case p.home.life != life || p.phase != running:
		case p.fate.guard == guardNone:
			p.exit("killed by SIGKILL")
		default:
			p.report(p.refusal())
		}
	})
	return nil
}

// refusal is the outcome of a signal that may not be sent to the process.
func (p *process) refusal() agent.Event {
	return agent.StopFailed{Node: p.name, Launch: p.launch, Err: "it is another user's"}
}

// report tells an event to the agent's shell, if the life of the agent that watches
// the process still lasts.
func (p *process) report(ev agent.Event) {
	p.told = max(p.told, p.w.now+p.w.between(0, 10*time.Millisecond))
	watched := func() bool { return p.watcher == p.home.life && p.home.m != nil }
	if p.phase == over && watched() {
		p.home.book.unheard[p.name]++
	}
	p.w.at(p.told, func() {
		if !watched() {
			return
		}
		p.heard(ev)
		p.home.step(ev)
		switch ev.(type) {
		case agent.Exited, agent.Freed:
			p.bury()
		}
	})
}

// bury lets the agent's shell put away the logs and the crash record of the process
// after a time. If the agent ends before, its next life does it.
func (p *process) bury() {
	life := p.home.life
	p.w.after(p.fate.burial, func() {
		if p.home.alive(life) {
			p.buried = true
			p.home.step(agent.Buried{Node: p.name, Launch: p.launch})
		}
	})
}

// heard notes that the agent hears of the process's beginning or its end.
func (p *process) heard(ev agent.Event) {
	switch ev.(type) {
	case agent.Started:
		p.known = p.home.life
		return
	case agent.StopFailed:
		p.stopped, p.stuck = 0, p.home.life
		return
	case agent.Limited:
		return
	}
	p.home.book.unheard[p.name] = 0                           // no other process of the node begins before the agent hears of this end
	if _, freed := ev.(agent.Freed); !p.condemned && !freed { // after Freed there is no delay
		p.ended = p.w.now
	}
}

func (p *process) String() string { return fmt.Sprintf("%s@%s.%d", p.name, p.home.label, p.launch) }

func (p *process) wants(t topic) bool { return t.channel == toNodes }

func (p *process) peerAdded(e *end) { p.step(node.PeerAdded{Peer: e.far.self.id}) }

func (p *process) peerLost(e *end) { p.step(node.PeerLost{Peer: e.far.self.id}) }

func (p *process) receive(e *end, got parcel) {
	if msg, ok := got.msg.(mgmt.NodeDispatchRequest); ok && got.topic.channel == toNodes && !p.fate.deaf {
		p.latest = msg.ReqID
		p.step(node.Received{Peer: e.far.self.id, Msg: msg})
	}
}

func (p *process) step(ev node.Event) {
	if p.phase != running {
		return
	}
	p.w.steps++
	for _, effect := range p.m.Step(p.clock.read(p.w.now), ev) {
		switch e := effect.(type) {
		case node.Publish:
			p.w.net.sendTo(p.ep, e.Peer, parcel{topic{channel: toNodes}, e.Msg})
		case node.Call:
			p.call(e)
		}
	}
	if held := p.m.Held(); held.Agents > len(p.ep.ends) || held.Calls > 100 {
		p.w.violated("node %s remembers %+v with %d connections", p, held, len(p.ep.ends))
	}
	p.w.arm(&p.alarm, p.clock, p.m, func() bool { return p.phase == running }, func() { p.step(node.Tick{}) })
}

// call answers a dispatch with the node's name and instance. It takes no longer than
// package node allows.
func (p *process) call(c node.Call) {
	took := p.w.between(0, 20*time.Millisecond)
	if p.w.chance(p.w.mood.slow) {
		took = p.w.between(0, 4*time.Second)
	}
	refused := ""
	if c.Action == mgmt.SetOptions {
		refused = p.setOptions(c.Args)
	}
	p.w.after(took, func() {
		returned := node.Returned{Call: c.Call, Data: fmt.Sprintf("%q", string(p.name)+"@"+string(p.home.name))}
		if len(c.Args) > 0 && c.Args[0] == unknownID {
			returned = node.Returned{Call: c.Call, Err: "unknown id"}
		}
		if c.Action == mgmt.SetOptions {
			returned = node.Returned{Call: c.Call, Err: refused}
		}
		p.step(returned)
	})
}

// unknownID is an identifier that no node knows.
const unknownID = "No::such"
