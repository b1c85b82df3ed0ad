package sim

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// agentPart is an instance: the agent, its disk, and the processes of its nodes. It
// does what the agent's shell does.
type agentPart struct {
	w     *world
	label string // its name in the dialogue: name, or "double" for a second agent of that name
	name  mgmt.InstanceName
	host  *host
	// dials says that the agent dials the controller. Otherwise the controller
	// dials the agent.
	dials bool
	addr  netip.AddrPort

	disk  agentDisk
	procs processTable
	depot depot

	// What follows is of the present life, or of the last one if none runs. A life
	// lasts from a start of the agent to its end.
	life  int
	m     *agent.Machine // nil: none runs
	ep    *endpoint
	clock clock
	alarm alarm
	book  agentBook
	pure  purity
}

func (w *world) newAgent(label string, name mgmt.InstanceName, h *host, dials bool) *agentPart {
	a := &agentPart{w: w, label: label, name: name, host: h, dials: dials,
		disk: agentDisk{instance: name}, procs: processTable{latest: map[mgmt.NodeName]*process{}}, depot: newDepot(),
	}
	a.addr = netip.AddrPortFrom(h.addr, uint16(2151+len(w.agents)))
	w.agents = append(w.agents, a)
	return a
}

// start begins a life of the agent. The agent adopts the processes of its earlier
// lives.
func (a *agentPart) start() {
	if a.m != nil {
		return
	}
	a.life++
	a.clock = a.w.newClock(a.clock)
	a.alarm = alarm{}
	a.book, a.pure = newAgentBook(a), purity{}
	cfg := a.w.terms.agent
	cfg.Name, cfg.Connecting = a.name, a.dials
	a.ep = &endpoint{id: mgmt.PeerID(fmt.Sprintf("%s.%d", a.label, a.life)), part: a, host: a.host}
	cfg.EndpointID = string(a.ep.id)
	if a.life > 1 && a.w.chance(a.w.mood.lost) {
		a.w.did(string(a.ep.id), "finds its state missing")
		a.disk.lose()
		a.procs.forgiveAll()
	}
	a.procs.forgive(&a.disk)
	a.m = agent.New(cfg, a.restored(a.disk.values), a.w.source())
	a.w.did(string(a.ep.id), "starts")
	for _, p := range a.procs.latest {
		p.buried = p.buried || p.phase == over // the shell buries it before it adopts the others
	}
	adopted := agent.Adopted{}
	for _, p := range slices.Clone(a.procs.live) {
		if p.phase == launching {
			a.remove(p)
			continue
		}
		p.watcher = a.life
		if a.w.chance(a.w.mood.unseen) {
			p.unseen = a.life
			a.w.did(string(a.ep.id), "cannot see "+p.String())
			adopted.Unseen = append(adopted.Unseen, agent.Unseen{Node: p.name, Launch: p.launch, Why: "it cannot be seen"})
			continue
		}
		p.known = a.life
		adopted.Processes = append(adopted.Processes, agent.Process{
			Node: p.name, Launch: p.launch, PID: p.pid, Fingerprint: p.plan, Started: p.started,
		})
	}
	if a.dials {
		for _, c := range a.w.controllers {
			d := &dialer{from: a.ep, to: func() *endpoint { return c.ep }}
			a.w.after(a.w.net.delay(), func() { a.w.net.dial(d) })
		}
	}
	a.step(adopted)
}

// end ends the agent's life. Its processes run on.
func (a *agentPart) end(how string, powerLost bool) {
	if a.m == nil {
		return
	}
	a.w.did(string(a.ep.id), how)
	ep := a.ep
	a.m, a.ep = nil, nil
	a.w.net.vanish(ep, powerLost)
}

// powerOff ends the agent's life and its processes.
func (a *agentPart) powerOff() {
	a.end("loses power", true)
	for _, p := range slices.Clone(a.procs.live) {
		a.remove(p)
	}
}

// remove ends a process.
func (a *agentPart) remove(p *process) {
	p.buried = p.phase == launching // there was no process yet: nothing is to be buried
	p.phase, p.fell = over, !p.condemned
	a.procs.remove(p)
	if p.ep != nil {
		p.dialer.stopped = true
		a.w.net.vanish(p.ep, false)
	}
}

func (a *agentPart) wants(t topic) bool { return agentFilter(a.name, t) }

func (a *agentPart) peerAdded(e *end) {
	e.announced = announcedBy(e.far)
	a.step(agent.PeerAdded{Peer: e.far.self.id, Fleet: a.fleet(e), Name: e.announced.name, Term: e.announced.term})
}

// fleet reports whether the peer announces itself as a controller of ours.
func (a *agentPart) fleet(e *end) bool {
	_, ok := e.far.self.part.(*controllerPart)
	return a.w.terms.fleet && ok && !e.announced.mute
}

func (a *agentPart) peerLost(e *end) { a.step(agent.PeerLost{Peer: e.far.self.id}) }

// receive takes messages on the topic of exactly this agent, and on the topic of
// nodes.
func (a *agentPart) receive(e *end, got parcel) {
	from := e.far.self.id
	if told, ok := got.msg.(announcement); ok {
		e.announced = told
		a.step(agent.PeerUpdated{Peer: from, Fleet: a.fleet(e), Term: told.term})
		return
	}
	if !a.beginPurely(isPlan(got.msg) && got.topic == (topic{toAgents, a.name})) {
		return
	}
	switch {
	case got.topic.channel == toNodes:
		a.book.announcement(e, got.msg)
		a.step(agent.FromNode{Peer: from, Msg: got.msg})
	case got.topic.instance == a.name:
		a.book.expect(from, got.msg)
		a.step(agent.FromController{Peer: from, Msg: got.msg})
	}
}

func (a *agentPart) alive(life int) bool { return a.m != nil && a.life == life }

// step hands an event to the core and performs the effects. Outcomes are the next
// events, the outcome of the last effect first.
func (a *agentPart) step(ev agent.Event) {
	life := a.life
	for queue := []agent.Event{ev}; len(queue) > 0; {
		a.w.steps++
		effects := a.m.Step(a.clock.read(a.w.now), queue[0])
		a.checkPure(queue[0], effects)
		handled := queue[0]
		queue = queue[1:]
		for _, effect := range effects {
			if a.w.chance(a.w.mood.stepCrash) {
				a.end("crashes", false)
				return
			}
			outcome := a.perform(effect)
			if !a.alive(life) {
				return
			}
			if outcome != nil {
				queue = slices.Insert(queue, 0, outcome)
			}
		}
		a.book.checkHandled(handled)
	}
	a.book.checkHeld()
	a.w.arm(&a.alarm, a.clock, a.m, func() bool { return a.alive(life) }, func() { a.step(agent.Tick{}) })
}

func (a *agentPart) perform(effect agent.Effect) (outcome agent.Event) {
	switch e := effect.(type) {
	case agent.Save:
		return a.save(e.Changes)
	case agent.Fetch:
		a.fetch(e)
	case agent.Use:
		a.use(e.Bundles)
	case agent.Preflight:
		a.preflight(e)
	case agent.Start:
		a.book.checkStart(e)
		a.w.did(string(a.ep.id), e)
		if slices.ContainsFunc(a.procs.live, func(p *process) bool { return p.name == e.Plan.Node.Name }) {
			return agent.StartFailed{Node: e.Plan.Node.Name, Launch: e.Launch, Err: "a launch is under way"}
		}
		a.launch(e, a.fateOf(e.Plan.Node.Name))
	case agent.Stop:
		a.book.checkStop(e)
		a.w.did(string(a.ep.id), e)
		if p := a.procs.find(e.Node, e.Launch); p != nil {
			return p.terminate()
		}
	case agent.Limit:
		a.limit(e)
	case agent.ToController:
		a.book.said(e)
		p := parcel{topic{toAgents, a.name}, e.Msg}
		if e.Peer == "" {
			a.w.net.publish(a.ep, p)
		} else {
			a.w.net.sendTo(a.ep, e.Peer, p)
		}
	case agent.ToNodes:
		for _, to := range e.To {
			a.w.net.sendTo(a.ep, to.Peer, parcel{topic{channel: toNodes}, e.Msg})
		}
	case agent.Drop:
		a.drop(e)
	case agent.StoppedAll:
		for _, p := range a.procs.live {
			if p.unseen != a.life && p.stuck != a.life {
				a.w.violated("%s says that all nodes have ended, and %s runs", a.label, p)
			}
		}
		a.end("has stopped", false)
	case agent.Obeys:
		a.w.net.announce(a.ep, obeys{term: e.Term})
	case agent.Ordered:
		a.checkOrdered(e)
	case agent.Note:
		a.w.did(string(a.ep.id), e)
	}
	return nil
}

// drop ends a connection after the present step.
func (a *agentPart) drop(e agent.Drop) {
	for _, end := range a.ep.ends {
		if end.far.self.id == e.Peer {
			a.w.after(0, func() { a.w.net.lose(end) })
		}
	}
}

// preflight checks the nodes that a deployment is to start.
func (a *agentPart) preflight(e agent.Preflight) {
	found := agent.Preflighted{ID: e.ID}
	if a.w.chance(a.w.mood.unfit) {
		found.Findings = []mgmt.Finding{{Node: pick(a.w.dice, e.Start).Node.Name, Problem: "port is taken"}}
	}
	for _, plan := range e.Start {
		if a.w.fates[plan.Node.Name].unfit {
			found.Findings = append(found.Findings, mgmt.Finding{Node: plan.Node.Name, Problem: "port is taken"})
		}
	}
	took := a.w.between(0, 200*time.Millisecond)
	if a.w.chance(a.w.mood.slow) {
		took = a.w.between(0, 20*time.Second)
	}
	if slices.ContainsFunc(e.Start, func(p mgmt.Plan) bool { return a.w.fates[p.Node.Name].opaque }) {
		took = time.Hour
	}
	if left := max(0, e.Deadline.Sub(a.clock.read(a.w.now))); took > left {
		took, found.Findings = left, nil
		for _, plan := range e.Start {
			found.Unfinished = append(found.Unfinished, plan.Node.Name)
		}
	}
	if a.w.chance(a.w.mood.late) {
		took += a.w.between(0, time.Minute)
	}
	life := a.life
	a.w.after(took, func() {
		if a.alive(life) {
			if a.beginPurely(a.pure.preflights[found.ID]) {
				a.step(found)
			}
		}
	})
}

// fateOf returns the fate of a node's next process.
func (a *agentPart) fateOf(n mgmt.NodeName) fate {
	if f, ok := a.w.fates[n]; ok {
		return f
	}
	return a.w.newFate()
}

// save stores the changes, or fails, or ends the agent's life.
func (a *agentPart) save(changes []agent.Change) agent.Event {
	values := a.disk.changed(changes)
	s := a.restored(values)
	a.book.checkSave(s)
	stored, survived := a.w.saves(a.disk.state)
	if stored {
		a.w.did(string(a.ep.id), s)
		a.disk.save(values, s)
		a.procs.condemnChanged(&a.disk)
		a.procs.forgive(&a.disk)
	}
	switch {
	case !survived:
		a.disk.state = diskWorks
		a.end("crashes while saving", false)
		return nil
	case !stored:
		return agent.Saved{Err: "disk full"}
	}
	return agent.Saved{}
}
