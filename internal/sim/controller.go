package sim

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// controllerPart is the controller with its disk. It does what the controller's shell does.
type controllerPart struct {
	w    *world
	name string
	host *host
	disk controllerDisk
	// member is its place among several controllers. It is nil if there is one.
	member *member

	ops *operationLife
	*opened

	// What follows is of the present life, or of the last one if none runs. A life
	// lasts from a start of the program to its end. Among several controllers, a term is a
	// life, and ep outlasts it.
	life  int
	m     *controller.Machine // nil: none runs
	ep    *endpoint
	clock clock
	alarm alarm
	dials []*instanceDial
	peers acquaintances
	book  controllerBook
	shown *mgmt.Snapshot // after the latest step, once somebody has asked for it
	// deposed says that the core was told of a save by another controller.
	deposed bool
	// pure says that the event that comes next must change nothing.
	pure bool
}

// instanceDial dials an instance, from its Connect until its Disconnect.
type instanceDial struct {
	instance mgmt.InstanceName
	*dialer
}

// start begins a life of the controller.
func (c *controllerPart) start() {
	if c.member != nil {
		c.member.start()
		return
	}
	if c.m != nil {
		return
	}
	c.clock = c.w.newClock(c.clock)
	c.ep = &endpoint{id: mgmt.PeerID(fmt.Sprintf("%s.%d", c.name, c.life+1)), part: c, host: c.host}
	c.begin(c.disk.load(c.w), c.w.acknowledged)
	c.w.did(string(c.ep.id), "starts")
	c.arm()
}

// begin begins a life of the core, with what was saved, and acknowledged before it was loaded.
func (c *controllerPart) begin(saved controller.State, before acknowledged) {
	c.life++
	c.alarm, c.dials, c.book.asked, c.peers = alarm{}, nil, nil, nil
	c.book.stagedBy, c.book.reports = map[mgmt.PeerID]uint64{}, newReports()
	c.ops.begins()
	c.opened.open = nil // of the earlier life, whose clients are gone
	c.book.checkRemembered(before)
	c.m, c.deposed = controller.New(c.w.terms.controller, saved, c.w.source()), false
	c.shown = nil
}

// heal ends what is wrong with the controller, and starts it.
func (c *controllerPart) heal() {
	c.disk.state = diskWorks
	if c.member != nil {
		c.member.heal()
		return
	}
	if c.disk.foreign() {
		c.end("crashes, and does not know yet that another has saved")
	}
	c.start()
}

// end ends the controller's life.
func (c *controllerPart) end(how string) {
	if c.member != nil {
		c.member.crash(how)
		return
	}
	if c.m == nil {
		return
	}
	c.w.did(string(c.ep.id), how)
	ep := c.ep
	c.m, c.ep = nil, nil
	for _, d := range c.dials {
		d.stopped = true
	}
	c.w.net.vanish(ep, false)
}

// wants returns true for the topics that the controller subscribes to: those of
// all agents, and that of the clients.
func (c *controllerPart) wants(t topic) bool {
	return c.m != nil && t.channel == toAgents || t.channel == toController
}

func (c *controllerPart) peerAdded(e *end) { c.enter(func() { c.meets(e) }) }

func (c *controllerPart) meets(e *end) {
	if e.state != up || c.member.follows(e) {
		return
	}
	if _, ok := e.far.self.part.(*client); ok {
		return
	}
	a, isAgent := e.far.self.part.(*agentPart)
	if isAgent && a.m != nil && c.member != nil {
		c.member.hears(agent.Obeyed(a.m)) // it says so in the handshake
	}
	fleet := isAgent && c.w.terms.fleetAgents
	if most := c.w.terms.controller.Limits.Peers; most == 0 || len(c.peers) < most {
		c.peers = append(c.peers, &acquaintance{id: e.far.self.id, addr: e.addr, dialed: e.dialed, fleet: fleet})
	}
	c.step(controller.PeerAdded{Peer: e.far.self.id, Addr: e.addr, Dialed: e.dialed, Fleet: fleet, Plans: fleet && c.w.terms.plans, Checks: fleet && c.w.terms.plans, Steers: fleet && c.w.terms.steers})
}

func (c *controllerPart) peerLost(e *end) { c.enter(func() { c.loses(e) }) }

func (c *controllerPart) loses(e *end) {
	if c.m == nil {
		return
	}
	id := e.far.self.id
	if _, ok := e.far.self.part.(*client); ok {
		c.book.asked = slices.DeleteFunc(c.book.asked, func(r request) bool { return r.client == id })
		delete(c.book.stagedBy, id)
		c.step(controller.ClientGone{Client: id})
		return
	}
	c.lost(id)
	c.peers = slices.DeleteFunc(c.peers, func(a *acquaintance) bool { return a.id == id })
	c.step(controller.PeerLost{Peer: id})
}

// lost notes that the agent of an instance is gone.
func (c *controllerPart) lost(id mgmt.PeerID) {
	for _, a := range c.peers {
		if a.id == id && c.peers.holder(a.name) == a {
			c.w.ops.lost(a.name)
		}
	}
}

// receive takes messages of clients from the controller's topic, and messages of
// agents from the agents' topics.
func (c *controllerPart) receive(e *end, got parcel) {
	if told, ok := got.msg.(obeys); ok {
		c.member.hears(told.term)
		return
	}
	c.enter(func() { c.takes(e, got) })
}

func (c *controllerPart) takes(e *end, got parcel) {
	if c.m == nil {
		return
	}
	from := e.far.self.id
	sender, fromClient := e.far.self.part.(*client)
	if !c.beginPurely(isPlan(got.msg)) {
		if c.member.stalls() {
			c.member.first(func() { c.takes(e, got) })
		}
		return
	}
	switch {
	case got.topic.channel == toController && fromClient:
		user := mgmt.Principal{Name: string(from), Role: sender.role}
		c.book.expect(from, user.Role, got.msg)
		if req, ok := got.msg.(mgmt.Request); ok && mgmt.KindOf(req).Name() == c.w.gullible {
			user.Role = mgmt.Admin
		}
		c.step(controller.FromClient{Client: from, Principal: user, Msg: got.msg})
	case !fromClient:
		c.peers.meet(c.w.now, from, got)
		if h := c.peers.holder(got.topic.instance); h != nil && h.id == from {
			c.book.reports.take(h, got.msg)
			c.w.ops.heard(h.name, got.msg)
			c.book.putOff(got.msg)
		}
		c.step(controller.FromAgent{Peer: from, Instance: got.topic.instance, Msg: got.msg})
	}
}

func (c *controllerPart) alive(life int) bool { return c.m != nil && c.life == life }

func (c *controllerPart) arm() {
	life := c.life
	c.w.arm(&c.alarm, c.clock, c.m, func() bool { return c.alive(life) }, func() { c.enter(func() { c.tick(life) }) })
}

func (c *controllerPart) tick(life int) {
	if c.alive(life) {
		c.step(controller.Tick{})
	}
}

// controllerTurn is a step of the controller, with the outcomes of its effects.
type controllerTurn struct {
	life  int
	seen  uint64
	ev    controller.Event
	queue []controller.Event
}

// step hands an event to the core and performs the effects.
func (c *controllerPart) step(ev controller.Event) {
	c.proceed(controllerTurn{c.life, c.disk.seen, ev, []controller.Event{ev}})
}

// proceed goes on with a step. If a save takes time, the step goes on when that has ended.
func (c *controllerPart) proceed(t controllerTurn) {
	for len(t.queue) > 0 {
		c.w.steps++
		effects := c.m.Step(c.clock.read(c.w.now), t.queue[0])
		c.shown = nil
		c.w.ops.tells(effects)
		c.w.ops.checkSnapshot(c.snapshot())
		c.checkPure(t.queue[0], effects)
		t.queue = t.queue[1:]
		for i, effect := range effects {
			if c.w.chance(c.w.mood.stepCrash) {
				c.end("crashes")
				return
			}
			if save, ok := effect.(controller.Save); ok && c.member != nil {
				if i < len(effects)-1 {
					c.w.violated("controller does %T after a save, whose outcome it does not know", effects[i+1])
				}
				c.member.save(save.Changes, t)
				return
			}
			outcome := c.perform(effect)
			if !c.alive(t.life) {
				return
			}
			if outcome != nil {
				t.queue = slices.Insert(t.queue, 0, outcome)
			}
		}
	}
	c.settled(t)
}

// snapshot returns what the core shows after its latest step.
func (c *controllerPart) snapshot() *mgmt.Snapshot {
	if c.shown == nil {
		c.shown = c.m.Snapshot()
	}
	return c.shown
}

// settled checks what holds after a step.
func (c *controllerPart) settled(t controllerTurn) {
	c.book.checkHeld()
	c.book.checkAsked()
	if _, fromClient := t.ev.(controller.FromClient); !fromClient || c.disk.seen != t.seen {
		c.book.checkSnapshot()
	}
	if c.deposed {
		c.book.checkDeposed(c.clock.read(c.w.now))
		if c.member != nil {
			c.member.close("another controller has saved", true)
			return
		}
		c.end("ends, for another has saved")
		c.w.after(c.w.chaos.pause(), c.start)
		return
	}
	c.arm()
}

func (c *controllerPart) perform(effect controller.Effect) (outcome controller.Event) {
	switch effect.(type) {
	case controller.Reply, controller.Note, controller.Audit, controller.Happened:
	default:
		if c.deposed {
			c.w.violated("controller leads no longer, and does %T", effect)
		}
	}
	switch e := effect.(type) {
	case controller.Save:
		return c.save(e.Changes)
	case controller.ToAgent:
		c.book.checkSent(e)
		c.w.warrants.checkSent(e.Msg)
		c.w.net.sendTo(c.ep, e.Peer, parcel{topic{toAgents, e.Instance}, e.Msg})
	case controller.Refuse:
		c.w.net.sendTo(c.ep, e.Peer, parcel{topic{toAgents, e.Instance}, mgmt.NotifyError{Instance: e.Instance, Msg: e.Reason}})
	case controller.Reply:
		c.book.replied(e)
		c.w.net.publish(c.ep, parcel{topic{channel: toController}, e.Msg})
	case controller.Connect:
		c.w.did(string(c.ep.id), e)
		c.connect(e)
	case controller.Disconnect:
		c.w.did(string(c.ep.id), e)
		if a := c.peers.retire(e); a != nil {
			c.w.ops.lost(a.name)
		}
		c.disconnect(e.Instance)
	case controller.Audit:
		c.book.audited = e.Record
		c.w.warrants.audited(e.Record)
		c.w.did(string(c.ep.id), e)
	case controller.Note:
		c.w.did(string(c.ep.id), e)
	}
	return nil
}

func (c *controllerPart) save(changes []controller.Change) controller.Event {
	stored, survived := c.w.saves(c.disk.state)
	if survived && c.disk.foreign() {
		c.deposed = true
		return controller.Deposed{}
	}
	if stored && !c.disk.foreign() {
		values := c.disk.changed(changes)
		c.adopt(values, c.checkSaved(values))
	}
	switch {
	case !survived:
		c.disk.state = diskWorks
		c.end("crashes while saving")
		return nil
	case !stored:
		return controller.Saved{Err: "disk full"}
	}
	return controller.Saved{}
}

// checkSaved checks the values that a save leaves, and returns them as a state.
func (c *controllerPart) checkSaved(values disk) controller.State {
	s := restore(c.w, values)
	c.book.checkSave(s)
	c.w.ops.checkSave(c.disk.saved, s, c.disk.values, values)
	c.w.warrants.checkSave(c.disk.saved, s)
	c.w.did(string(c.ep.id), s)
	return s
}

// adopt takes what was saved as what this life has saved.
func (c *controllerPart) adopt(values disk, s controller.State) {
	c.disk.values, c.disk.saved = values, s
	c.disk.saves++
	c.disk.seen++
	c.book.noteAddresses(s.Deployed)
}

func (c *controllerPart) connect(e controller.Connect) {
	c.disconnect(e.Instance)
	d := &dialer{from: c.ep, addr: e.Addr, to: func() *endpoint { return c.w.listening(e.Addr) }}
	c.dials = append(c.dials, &instanceDial{e.Instance, d})
	c.w.after(c.w.net.delay(), func() { c.w.net.dial(d) })
}

func (c *controllerPart) disconnect(instance mgmt.InstanceName) {
	i := slices.IndexFunc(c.dials, func(d *instanceDial) bool { return d.instance == instance })
	if i >= 0 {
		c.w.net.hangUp(c.dials[i].dialer)
		c.dials = slices.Delete(c.dials, i, i+1)
	}
}

// listening returns the agent at an address, or nil.
func (w *world) listening(addr netip.AddrPort) *endpoint {
	for _, a := range w.agents {
		if a.addr == addr {
			return a.ep
		}
	}
	return nil
}
