package sim

import (
	"net/netip"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// mischief is one kind of trouble. It sees to its own end.
type mischief func(*world)

func everyMischief() []mischief {
	return []mischief{
		(*world).breakConnection,
		(*world).partition,
		(*world).crashBehindCut,
		(*world).crashController,
		(*world).crashAgent,
		(*world).stopNodes,
		(*world).losePower,
		(*world).killProcess,
		(*world).loseProcess,
		(*world).fillDisk,
		(*world).saveBehind,
		(*world).double,
		(*world).forge,
		(*world).answerForAnother,
		(*world).impersonate,
		(*world).updatePeer,
		(*world).usurp,
	}
}

// harass makes trouble from time to time, for as long as there is mischief.
func (w *world) harass() {
	if w.mood.pace == 0 {
		return
	}
	if len(w.mood.mischief) > 0 {
		pick(w, w.mood.mischief)(w)
	}
	w.after(w.between(0, 4*w.mood.pace), w.harass)
}

// breakConnection ends a connection; its two ends notice one after the other.
func (w *world) breakConnection() {
	ep := pick(w, w.agents).ep
	if w.controller.ep != nil && w.chance(0.5) {
		ep = w.controller.ep
	}
	if ep == nil || len(ep.ends) == 0 {
		return
	}
	w.lose(pick(w, ep.ends))
}

func (w *world) partition() {
	h := pick(w, w.agents).host
	if h == w.controller.host || h.cut {
		return
	}
	w.cutOff(h)
	w.after(w.between(10*time.Millisecond, 90*time.Second), func() {
		if h.cut {
			w.mend(h)
		}
	})
}

// crashBehindCut has the controller begin another life while an agent is cut
// off, which learns of that only afterwards.
func (w *world) crashBehindCut() {
	h := pick(w, w.agents).host
	if h == w.controller.host || h.cut {
		return
	}
	w.cutOff(h)
	w.after(w.between(0, 10*time.Second), func() {
		if w.mood.pace > 0 {
			w.crashController()
		}
	})
	w.after(w.between(5*time.Second, 40*time.Second), func() {
		if h.cut {
			w.mend(h)
		}
	})
}

func (w *world) crashController() {
	w.controller.end("crashes")
	w.after(w.pause(), w.controller.start)
}

// pause is how long a part stays away.
func (w *world) pause() time.Duration {
	return w.between(time.Millisecond, pick(w, []time.Duration{time.Second, 30 * time.Second}))
}

func (w *world) crashAgent() {
	a := pick(w, w.agents)
	a.end("crashes", false)
	w.after(w.pause(), func() { w.revive(a) })
}

// revive starts an agent, unless it is a double, whose time has come.
func (w *world) revive(a *agentPart) {
	if a.label == string(a.name) || w.mood.pace > 0 {
		a.start()
	}
}

// stopNodes shuts an agent down together with its nodes.
func (w *world) stopNodes() {
	a := pick(w, w.agents)
	if a.m == nil {
		return
	}
	a.shutdown()
	w.after(w.between(0, time.Minute), func() { w.replace(a) })
}

// shutdown asks an agent to end together with its nodes.
func (a *agentPart) shutdown() {
	for _, p := range a.procs {
		p.condemned = true
	}
	a.book.shutdown = true
	a.step(agent.Shutdown{})
}

// replace ends what is left of an agent's life, and begins another.
func (w *world) replace(a *agentPart) {
	if a.book.shutdown {
		a.end("ends", false)
		w.revive(a)
	}
}

func (w *world) losePower() {
	a := pick(w, w.agents)
	if a.host != w.controller.host {
		a.powerOff()
		w.after(w.pause(), func() { w.revive(a) })
	}
}

func (w *world) someProcess() *process {
	if a := pick(w, w.agents); len(a.procs) > 0 {
		return pick(w, a.procs)
	}
	return nil
}

func (w *world) killProcess() {
	if p := w.someProcess(); p != nil {
		p.exit("killed by SIGSEGV")
	}
}

// loseProcess has a process drop its connection, for good or until it dials
// again.
func (w *world) loseProcess() {
	p := w.someProcess()
	if p == nil || p.ep == nil {
		return
	}
	if w.chance(0.3) {
		p.fate.mute = true
		w.hangUp(p.dialer)
	} else if len(p.ep.ends) > 0 {
		w.lose(pick(w, p.ep.ends))
	}
}

// fillDisk makes a disk misbehave for a while.
func (w *world) fillDisk() {
	state := &w.controller.disk.state
	if w.chance(0.5) {
		state = &pick(w, w.agents).disk.state
	}
	*state = pick(w, []diskState{diskFull, crashBeforeSave, crashAfterSave})
	w.after(w.between(0, 30*time.Second), func() { *state = diskWorks })
}

// double has a second agent with the name of another come, or go.
func (w *world) double() {
	d := w.agents[len(w.agents)-1]
	if d.label == string(d.name) {
		h := &host{addr: netip.AddrFrom4([4]byte{10, 0, 0, 66})}
		if w.doubled == "" {
			w.doubled = pick(w, w.agents).name
		}
		d = w.newAgent("double", w.doubled, h, true)
	}
	if d.m != nil {
		d.powerOff()
	} else {
		d.start()
	}
}

// forge has a stranger say what only an agent may say, and what nobody would.
func (w *world) forge() {
	c := w.controller
	if c.m == nil {
		return
	}
	stranger := mgmt.PeerID("stranger")
	name := pick(w, w.agents).name
	id := w.newReqID()
	for _, msg := range []mgmt.Message{
		mgmt.NotifyAgentHello{Instance: name, ID: "another", APIVersion: mgmt.APIVersion},
		mgmt.AgentWelcomeResponse{ReqID: id, Result: mgmt.Result{Success: true}},
		mgmt.AgentDeployResponse{ReqID: id},
		mgmt.AgentPrepareResponse{ReqID: id},
		mgmt.AgentGetNodesResponse{ReqID: id},
		mgmt.NotifyChange{Instance: name},
	} {
		if w.chance(0.5) && c.m != nil {
			c.step(controller.FromAgent{Peer: stranger, Instance: name, Msg: msg})
		}
	}
}

// answerForAnother has an agent answer what another was asked, on its own topic
// or the other's.
func (w *world) answerForAnother() {
	a, b := pick(w, w.agents), pick(w, w.agents)
	if a == b || a.m == nil || b.m == nil || len(b.book.asked) == 0 {
		return
	}
	r := pick(w, b.book.asked)
	results := []mgmt.Result{{ReqID: r.id, Success: true, Instance: b.name}}
	for _, n := range r.nodes {
		results = append(results, mgmt.Result{ReqID: r.id, Success: true, Instance: b.name, Node: n, Data: mgmt.Text("forged")})
	}
	answer := r.request.Answer(r.id, results...)
	w.publish(a.ep, parcel{topic{toAgents, pick(w, []mgmt.InstanceName{a.name, b.name})}, answer})
}

// impersonate has a node say that it is another, and answer in its name.
func (w *world) impersonate() {
	p, other := w.someProcess(), pick(w, nodePool).Name
	if p == nil || p.ep == nil || p.name == other {
		return
	}
	for _, msg := range []mgmt.Message{
		mgmt.NotifyNodeHello{Node: p.name},
		mgmt.NotifyNodeHello{Node: other},
		mgmt.NodeDispatchResponse{ReqID: p.latest, Result: mgmt.Result{Success: true, Node: other, Data: mgmt.Text("forged")}},
	} {
		w.publish(p.ep, parcel{topic{channel: toNodes}, msg})
	}
}

// updatePeer tells an agent that a peer's subscriptions changed.
func (w *world) updatePeer() {
	a := pick(w, w.agents)
	if a.m == nil || len(a.ep.ends) == 0 {
		return
	}
	if e := pick(w, a.ep.ends); e.state == up {
		a.step(agent.PeerUpdated{Peer: e.far.self.id, Fleet: a.fleet(e)})
	}
}
