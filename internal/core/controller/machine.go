package controller

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Machine makes the controller's decisions.
type Machine struct {
	parts
	staging     *staging
	deployments *deployments
	reverting   *reverting
	greetings   *greetings
	operating   *operating
	listings    listings
	nodeLists   nodeLists
	questions   nodeQuestions
	watching    *watching
	decisions   decisions
	// began says that the first Step came.
	began bool
	// deposed says that another controller has changed the stored state.
	deposed bool
}

// New returns the machine of a controller that saved this state when it last ran,
// or the zero State if it never ran. All randomness comes from rng.
func New(cfg Config, saved State, rng *rand.Rand) *Machine {
	cfg = cfg.WithDefaults()
	t := &turn{rng: rng}
	ops := newOperations(t, &cfg, saved)
	mem, ros, legs := newMemory(t, &cfg, saved, ops), newRoster(t, &cfg), &legs{turn: t, cfg: &cfg}
	p := parts{
		turn: t, cfg: &cfg,
		memory:     mem,
		operations: ops,
		roster:     ros,
		dials:      &dials{turn: t, inForce: map[mgmt.InstanceName]netip.AddrPort{}, stale: true},
		legs:       legs,
		requests:   newRequests(t, &cfg),
		observed:   newObserved(t, &cfg),
		steers:     &steers{turn: t, cfg: &cfg, memory: mem, roster: ros, legs: legs},
	}
	m := &Machine{
		parts:     p,
		staging:   &staging{parts: p, by: map[mgmt.PeerID]uint64{}},
		listings:  listings{p},
		nodeLists: nodeLists{asking{p}},
		questions: nodeQuestions{asking{p}},
		watching:  &watching{parts: p, again: map[mgmt.InstanceName]time.Time{}},
		decisions: newDecisions(),
	}
	m.deployments = &deployments{parts: p, staging: m.staging, watching: m.watching}
	m.reverting = &reverting{parts: p, deployments: m.deployments}
	m.deployments.reverting = m.reverting
	m.operating = &operating{parts: p, deployments: m.deployments}
	p.steers.asker = m.operating
	m.greetings = &greetings{parts: p, deployments: m.deployments}
	return m
}

// Step handles ev and returns the effects that the shell must execute now, in
// order. The very next event after a Save must be Saved or Deposed. Step panics if
// it is another event, or if Saved or Deposed comes without a Save.
func (m *Machine) Step(now time.Time, ev Event) []Effect {
	m.now, m.out = now, nil
	if answersSave(ev) != (m.memory.saving != nil) {
		panic(fmt.Sprintf("controller: event %T while a save is unanswered: %t", ev, m.memory.saving != nil))
	}
	if m.deposed {
		m.refuseRequest(ev)
		return m.out
	}
	m.begin()
	m.redial()
	before := m.affairs()
	m.roster.newest = nil
	m.handle(ev)
	m.advance(m.concerned(ev, before))
	return m.out
}

// affairs are what concerns all agents: the configuration that is deployed, and the one that is
// about to be.
type affairs struct {
	deployment       *deployment // that runs
	phase            phase
	target, deployed *target
	saving           bool
}

func (m *Machine) affairs() affairs {
	is := affairs{deployment: m.deployments.running(), deployed: m.memory.deployed, saving: m.memory.saving != nil}
	if d := is.deployment; d != nil {
		is.phase, is.target = d.phase, d.target
	}
	return is
}

// concerned returns whom an event concerns: one agent, if the affairs of all are as before.
// A cluster may have ten thousand agents. All may come at once, and in a deployment each says how
// its nodes do.
func (m *Machine) concerned(ev Event, before affairs) whom {
	if before.saving || before != m.affairs() {
		return everybody
	}
	switch ev := ev.(type) {
	case PeerAdded:
		return m.roster.whom(ev.Peer)
	case PeerLost:
		return m.roster.whom(ev.Peer) // one that has waited may have taken the place of an agent
	case FromAgent:
		return m.roster.whom(ev.Peer)
	}
	return everybody
}

// begin takes up the operations that ran when the controller ended last.
func (m *Machine) begin() {
	if m.began {
		return
	}
	m.began = true
	m.reverting.takeUp()
	m.operations.interruptAll(m.goesOn)
}

// goesOn reports whether a part of m goes on with an operation that ran when the
// controller ended.
func (m *Machine) goesOn(o *operation) bool {
	d := m.deployments.running()
	return m.reverting.watches(o) || d != nil && d.steps.op == o
}

func answersSave(ev Event) bool {
	switch ev.(type) {
	case Saved, Deposed:
		return true
	}
	return false
}

func (m *Machine) handle(ev Event) {
	switch ev := ev.(type) {
	case PeerAdded:
		m.peerAdded(ev)
	case PeerLost:
		m.peerLost(ev.Peer)
	case FromAgent:
		m.fromAgent(ev)
	case FromClient:
		m.fromClient(ev)
	case ClientGone:
		m.clientGone(ev.Client)
	case Saved:
		m.memory.saved(ev.Err)
	case Deposed:
		m.depose()
	case Tick:
	default:
		panic(fmt.Sprintf("controller: unhandled event %T", ev))
	}
}

// advance does everything that is due, up to the first Save.
func (m *Machine) advance(concerned whom) {
	if m.deposed || m.memory.saving != nil {
		return
	}
	m.redial()
	m.expireRequests()
	m.watching.askAgain()
	for again := true; again && m.memory.saving == nil; {
		m.greetings.renewAll(concerned)
		m.steers.tellAll(concerned)
		again = m.deployments.proceed(concerned)
		concerned = everybody
		if again = again || m.reverting.proceed(); m.memory.saving == nil {
			again = m.operating.proceed() || again
		}
		m.redial()
	}
	if m.memory.saving == nil {
		m.forgetLeavers()
	}
	if m.memory.saving == nil && (m.memory.overdue() || m.operations.unsaved && !m.memory.unsaved) {
		m.memory.keep(m.memory.state, redialAfterSave{m.dials})
	}
}

// NextWake returns when the Machine needs a Tick if no event comes before. It
// returns false if the Machine needs none. Before the first Step the time is zero,
// which means at once.
func (m *Machine) NextWake() (time.Time, bool) {
	if m.now.IsZero() {
		return time.Time{}, true
	}
	if m.deposed {
		return time.Time{}, false
	}
	var next time.Time
	found := false
	offer := func(at time.Time, ok bool) {
		if ok && (!found || at.Before(next)) {
			next, found = at, true
		}
	}
	offer(m.requests.next())
	offer(m.deployments.next())
	offer(m.reverting.next())
	offer(m.watching.next())
	offer(m.steers.next())
	offer(m.operating.next())
	offer(m.greetings.due.next())
	offer(m.memory.retryAt, m.memory.unsaved)
	for _, l := range m.memory.state.Leaving {
		offer(l.Since.Add(m.cfg.LeaveTimeout), true)
	}
	return next, found
}

func (m *Machine) peerAdded(ev PeerAdded) {
	if m.roster.peers[ev.Peer] != nil {
		m.peerLost(ev.Peer) // nothing of the earlier peering counts
	}
	m.roster.add(ev)
}

func (m *Machine) peerLost(id mgmt.PeerID) {
	m.clientGone(id)
	if a := m.roster.lose(id); a != nil {
		m.drop(a)
	}
}

// drop ends a's role as its instance's agent. Another peer may then take its name.
func (m *Machine) drop(a *agent) {
	m.roster.remove(a)
	m.legs.lose(a)
	m.operating.lost(a.name)
	if m.observed.lose(a.name); !m.memory.deployed.has(a.name) {
		m.observed.forget(a.name)
	}
	m.joined(m.roster.promoteNext(a))
}

// joined begins to observe an agent that has just joined. It does nothing for nil.
func (m *Machine) joined(a *agent) {
	if a != nil {
		m.observed.join(a.name)
		m.watching.begin(a)
		if a.peer.tells {
			m.emit(Follow{a.peer.id, a.name})
		}
	}
}

func (m *Machine) fromAgent(ev FromAgent) {
	if hello, ok := ev.Msg.(mgmt.NotifyAgentHello); ok {
		m.joined(m.roster.hello(ev, hello))
		return
	}
	a := m.roster.sender(ev)
	if a == nil {
		return
	}
	switch msg := ev.Msg.(type) {
	case mgmt.Response:
		m.legs.answer(a, msg)
	case mgmt.NotifyFetching:
		m.legs.fetches(a, msg)
	case mgmt.HappeningsTold:
		if a.peer.tells {
			m.emit(Hear{a.peer.id, msg})
		}
	case mgmt.NotifyError:
		m.note(Note{Level: Warn, Text: "agent complains", Instance: a.name, Node: msg.Node, Err: msg.Msg})
		if d := m.deployments.running(); d != nil {
			d.complained(a, msg)
		}
	case mgmt.NotifyLog:
		m.note(Note{Level: Info, Text: "agent says", Instance: a.name, Node: msg.Node, Err: msg.Msg})
	case mgmt.NotifyChange:
		m.note(Note{Level: changeLevel(msg.New), Text: "node changed", Instance: a.name, Node: msg.Node.Name,
			Err: fmt.Sprintf("%s to %s", msg.Old, msg.New)})
		m.operations.asItsAgentSays(a, msg)
		m.observed.change(a.name, msg, m.memory.deployed.runs(a.name, msg.Node.Name))
		m.watching.changed(a, msg.Node.Name)
		if d := m.deployments.running(); d != nil && d.phase == sending {
			d.steps.changed(a.name, msg)
		}
		m.operating.changed(stepKey{a.name, msg.Node.Name})
	}
}

func changeLevel(to mgmt.State) note.Level {
	if to == mgmt.Crashed || to == mgmt.Failed {
		return Warn
	}
	return Info
}

// fromClient accepts only requests. It ignores responses, and events that clients
// may not send (spec management-api 7.1, G-P4).
func (m *Machine) fromClient(ev FromClient) {
	msg, ok := mgmt.AsRequest(ev.Msg)
	if !ok {
		return
	}
	decide, ok := m.decisions[reflect.TypeOf(msg)]
	if !ok {
		return
	}
	if r := m.requests.take(ev, msg); r != nil {
		decide(m, r)
	}
}

// expireRequests answers the requests whose deadline has come. Deployments check
// their own deadlines.
func (m *Machine) expireRequests() {
	for _, r := range m.requests.ledger.Due(m.now) {
		m.note(Note{Level: Warn, Text: "request timed out", Peer: r.Asker, ReqID: r.ID})
		if t := r.Detail.task; t != nil {
			t.clientLate()
			continue
		}
		if r.Settled() {
			m.requests.refuse(r, errTimedOut)
			continue
		}
		for _, name := range r.Awaited() {
			m.legs.fail(r.Detail.legs[name], errTimedOut) // the last one answers
		}
	}
}

// clientGone forgets the requests of a client that only read. Requests that change
// something go on.
func (m *Machine) clientGone(client mgmt.PeerID) {
	delete(m.staging.by, client)
	for _, r := range m.requests.ledger.Leave(client) {
		if d := r.Detail.deployment; d != nil {
			d.order.request = nil
		} else if t := r.Detail.task; t != nil {
			t.clientLeft()
		} else {
			m.requests.auditEnd(r.Detail, []mgmt.Result{{Error: "its client left before the outcome was known"}})
		}
		for _, l := range r.Detail.legs {
			m.legs.close(l)
		}
	}
}

// redial makes the Connects in force those that are wanted: to the instances of a
// deployment that runs, to those of the deployed configuration, and to instances
// that left the cluster and do not know it yet.
func (m *Machine) redial() {
	if !m.dials.stale {
		return
	}
	m.dials.stale = false
	wanted := wantedDials{}
	for _, l := range m.memory.state.Leaving {
		wanted.add(l.Instance)
	}
	wanted.addAll(m.memory.deployed)
	if d := m.deployments.running(); d != nil {
		wanted.addAll(d.target)
	}
	for _, name := range m.dials.unwanted(wanted) {
		m.hangUp(name)
	}
	m.dials.dialMissing(wanted)
}

// hangUp takes a Connect back. From here on the agent behind it counts as gone,
// although the loss of its peer is reported later.
func (m *Machine) hangUp(name mgmt.InstanceName) {
	addr := m.dials.hangUp(name)
	if a := m.roster.agents[name]; a != nil && a.peer.dialed && a.peer.addr == addr {
		a.peer.retired = true
		m.drop(a)
	}
}

// forgetLeavers ends the search for instances that must still be told that they
// left the cluster. It forgets those that know it, and those that did not connect
// for LeaveTimeout (spec management-api 7.3, G-C10).
func (m *Machine) forgetLeavers() {
	leaving := m.memory.state.Leaving
	stay := slices.DeleteFunc(slices.Clone(leaving), func(l Leaving) bool {
		a := m.roster.agents[l.Instance.Name]
		knows := a != nil && a.standing == dismissed
		late := !knows && m.now.Sub(l.Since) >= m.cfg.LeaveTimeout
		if late {
			m.note(Note{Level: Warn, Text: "dropped instance never stood by", Instance: l.Instance.Name})
		}
		return knows || late
	})
	if len(stay) == len(leaving) {
		return
	}
	next := m.memory.state
	next.Leaving = slices.Clip(stay)
	m.memory.keep(next, redialAfterSave{m.dials})
}

// redialAfterSave dials anew after a Save that no request waits for.
type redialAfterSave struct{ *dials }

func (t redialAfterSave) saved(string) { t.stale = true }

// Held says how much a Machine remembers beside its State.
type Held struct{ Peers, Agents, Requests, Legs, Operations int }

// Held returns how much m remembers. All of it is bounded; see Config.
func (m *Machine) Held() Held {
	return Held{
		len(m.roster.peers), len(m.roster.agents), m.requests.ledger.Len(), m.legs.open.Len(), len(m.operations.unfinished()),
	}
}
