package sim

import (
	"net/netip"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// chaos is what goes wrong in a world.
type chaos struct {
	*world
	doubled   mgmt.InstanceName // the instance whose name a second agent has used; empty: none
	strangers int               // how many strangers there were
}

// mischief makes one kind of trouble. It also plans the end of that trouble.
type mischief func(*chaos)

func everyMischief() []mischief {
	return []mischief{
		(*chaos).breakConnection,
		(*chaos).partition,
		(*chaos).crashBehindCut,
		(*chaos).crashController,
		(*chaos).crashAgent,
		(*chaos).stopNodes,
		(*chaos).losePower,
		(*chaos).killProcess,
		(*chaos).loseProcess,
		(*chaos).fillDisk,
		(*chaos).saveBehind,
		(*chaos).double,
		(*chaos).forge,
		(*chaos).answerForAnother,
		(*chaos).impersonate,
		(*chaos).updatePeer,
		(*chaos).usurp,
	}
}

// harass makes trouble from time to time, until peace begins.
func (ch *chaos) harass() {
	if ch.mood.pace == 0 {
		return
	}
	if len(ch.mood.mischief) > 0 {
		pick(ch.dice, ch.mood.mischief)(ch)
	}
	ch.after(ch.between(0, 4*ch.mood.pace), ch.harass)
}

// breakConnection ends a connection. Its two ends notice one after the other.
func (ch *chaos) breakConnection() {
	ep := pick(ch.dice, ch.agents).ep
	if ch.controller.ep != nil && ch.chance(0.5) {
		ep = ch.controller.ep
	}
	if ep == nil || len(ep.ends) == 0 {
		return
	}
	ch.net.lose(pick(ch.dice, ep.ends))
}

func (ch *chaos) partition() {
	h := pick(ch.dice, ch.agents).host
	if ch.hasController(h) || h.cut {
		return
	}
	ch.net.cutOff(h)
	ch.after(ch.between(10*time.Millisecond, 90*time.Second), func() {
		if h.cut {
			ch.net.mend(h)
		}
	})
}

// crashBehindCut restarts the controller while an agent is cut off. The agent learns
// of the restart only after the cut.
func (ch *chaos) crashBehindCut() {
	h := pick(ch.dice, ch.agents).host
	if ch.hasController(h) || h.cut {
		return
	}
	ch.net.cutOff(h)
	ch.after(ch.between(0, 10*time.Second), func() {
		if ch.mood.pace > 0 {
			ch.crashController()
		}
	})
	ch.after(ch.between(5*time.Second, 40*time.Second), func() {
		if h.cut {
			ch.net.mend(h)
		}
	})
}

func (ch *chaos) crashController() {
	c := ch.someController()
	c.end("crashes")
	ch.after(ch.pause(), c.start)
}

// pause returns how long a part stays away after a crash.
func (ch *chaos) pause() time.Duration {
	return ch.between(time.Millisecond, pick(ch.dice, []time.Duration{time.Second, 30 * time.Second}))
}

func (ch *chaos) crashAgent() {
	a := pick(ch.dice, ch.agents)
	a.end("crashes", false)
	ch.after(ch.pause(), func() { ch.revive(a) })
}

// revive starts an agent. It does not start a double in times of peace.
func (ch *chaos) revive(a *agentPart) {
	if a.label == string(a.name) || ch.mood.pace > 0 {
		a.start()
	}
}

// stopNodes shuts an agent down together with its nodes.
func (ch *chaos) stopNodes() {
	a := pick(ch.dice, ch.agents)
	if a.m == nil {
		return
	}
	a.shutdown()
	ch.after(ch.between(0, time.Minute), func() { ch.replace(a) })
}

// shutdown asks an agent to end together with its nodes.
func (a *agentPart) shutdown() {
	a.procs.condemnAll()
	a.book.shutdown = true
	a.step(agent.Shutdown{})
}

// replace ends an agent that is shutting down, and starts it again.
func (ch *chaos) replace(a *agentPart) {
	if a.book.shutdown {
		a.end("ends", false)
		ch.revive(a)
	}
}

func (ch *chaos) losePower() {
	a := pick(ch.dice, ch.agents)
	if !ch.hasController(a.host) {
		a.powerOff()
		ch.after(ch.pause(), func() { ch.revive(a) })
	}
}

func (ch *chaos) someProcess() *process {
	if a := pick(ch.dice, ch.agents); len(a.procs.live) > 0 {
		return pick(ch.dice, a.procs.live)
	}
	return nil
}

func (ch *chaos) killProcess() {
	if p := ch.someProcess(); p != nil {
		p.exit("killed by SIGSEGV")
	}
}

// loseProcess ends the connection of a process. The process dials again, or never.
func (ch *chaos) loseProcess() {
	p := ch.someProcess()
	if p == nil || p.ep == nil {
		return
	}
	if ch.chance(0.3) {
		p.fate.mute = true
		ch.net.hangUp(p.dialer)
	} else if len(p.ep.ends) > 0 {
		ch.net.lose(pick(ch.dice, p.ep.ends))
	}
}

// fillDisk lets the saves of a disk fail for a while, or end their program.
func (ch *chaos) fillDisk() {
	state := &ch.someController().disk.state
	if ch.chance(0.5) {
		state = &pick(ch.dice, ch.agents).disk.state
	}
	*state = pick(ch.dice, []diskState{diskFull, crashBeforeSave, crashAfterSave})
	ch.after(ch.between(0, 30*time.Second), func() { *state = diskWorks })
}

// double starts a second agent that has the name of another agent. If there is one,
// it ends.
func (ch *chaos) double() {
	d := ch.agents[len(ch.agents)-1]
	if d.label == string(d.name) {
		h := &host{addr: netip.AddrFrom4([4]byte{10, 0, 0, 66})}
		if ch.doubled == "" {
			ch.doubled = pick(ch.dice, ch.agents).name
		}
		d = ch.newAgent("double", ch.doubled, h, true)
	}
	if d.m != nil {
		d.powerOff()
	} else {
		d.start()
	}
}

// forge sends messages of agents to the controller from a stranger.
func (ch *chaos) forge() {
	c := ch.controller
	if c.m == nil {
		return
	}
	stranger := mgmt.PeerID("stranger")
	name := pick(ch.dice, ch.agents).name
	id := ch.newReqID()
	for _, msg := range []mgmt.Message{
		mgmt.NotifyAgentHello{Instance: name, ID: "another", APIVersion: mgmt.APIVersion},
		mgmt.AgentWelcomeResponse{ReqID: id, Result: mgmt.Result{Success: true}},
		mgmt.AgentDeployResponse{ReqID: id},
		mgmt.AgentPrepareResponse{ReqID: id},
		mgmt.AgentGetNodesResponse{ReqID: id},
		mgmt.NotifyChange{Instance: name},
	} {
		if ch.chance(0.5) && c.m != nil {
			c.enter(func() {
				if c.m != nil {
					c.step(controller.FromAgent{Peer: stranger, Instance: name, Msg: msg})
				}
			})
		}
	}
}

// answerForAnother lets an agent answer a request to another agent, on its own
// topic or on the topic of the other agent.
func (ch *chaos) answerForAnother() {
	a, b := pick(ch.dice, ch.agents), pick(ch.dice, ch.agents)
	if a == b || a.m == nil || b.m == nil || len(b.book.asked) == 0 {
		return
	}
	r := pick(ch.dice, b.book.asked)
	results := []mgmt.Result{{ReqID: r.id, Success: true, Instance: b.name}}
	for _, n := range r.nodes {
		results = append(results, mgmt.Result{ReqID: r.id, Success: true, Instance: b.name, Node: n, Data: mgmt.Text("forged")})
	}
	answer := r.request.Answer(r.id, results...)
	ch.net.publish(a.ep, parcel{topic{toAgents, pick(ch.dice, []mgmt.InstanceName{a.name, b.name})}, answer})
}

// impersonate lets a node say that it is another node, and answer in its name.
func (ch *chaos) impersonate() {
	p, other := ch.someProcess(), pick(ch.dice, nodePool).Name
	if p == nil || p.ep == nil || p.name == other {
		return
	}
	for _, msg := range []mgmt.Message{
		mgmt.NotifyNodeHello{Node: p.name},
		mgmt.NotifyNodeHello{Node: other},
		mgmt.NodeDispatchResponse{ReqID: p.latest, Result: mgmt.Result{Success: true, Node: other, Data: mgmt.Text("forged")}},
	} {
		ch.net.publish(p.ep, parcel{topic{channel: toNodes}, msg})
	}
}

// updatePeer tells an agent that a peer's subscriptions changed.
func (ch *chaos) updatePeer() {
	a := pick(ch.dice, ch.agents)
	if a.m == nil || len(a.ep.ends) == 0 {
		return
	}
	if e := pick(ch.dice, a.ep.ends); e.state == up {
		a.step(agent.PeerUpdated{Peer: e.far.self.id, Fleet: a.fleet(e), Term: e.announced.term})
	}
}
