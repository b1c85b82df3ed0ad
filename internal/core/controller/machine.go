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

// Machine is the controller's decisions.
type Machine struct {
	parts
	staging     *staging
	deployments *deployments
	greetings   *greetings
	lists       nodeLists
	questions   nodeQuestions
	watching    *watching
	decisions   decisions
	// deposed says that another controller has changed the stored state.
	deposed bool
}

// New returns the machine of a controller that saved this state when it last
// ran, or the zero State. All chance comes from rng.
func New(cfg Config, saved State, rng *rand.Rand) *Machine {
	cfg = cfg.WithDefaults()
	t := &turn{rng: rng}
	p := parts{
		turn: t, cfg: &cfg,
		memory:   newMemory(t, &cfg, saved),
		roster:   newRoster(t, &cfg),
		dials:    &dials{turn: t, inForce: map[mgmt.InstanceName]netip.AddrPort{}, stale: true},
		legs:     &legs{turn: t},
		requests: newRequests(t, &cfg),
		observed: newObserved(t, &cfg),
	}
	m := &Machine{
		parts:     p,
		staging:   &staging{parts: p, by: map[mgmt.PeerID]uint64{}},
		lists:     nodeLists{p},
		questions: nodeQuestions{p},
		watching:  &watching{parts: p, again: map[mgmt.InstanceName]time.Time{}},
		decisions: newDecisions(),
	}
	m.deployments = &deployments{parts: p, staging: m.staging}
	m.greetings = &greetings{parts: p, deployments: m.deployments}
	return m
}

// Step applies ev and returns what must now be done, in order. A Save is
// answered by Saved or Deposed as the very next event. Any other event then, or
// one of these without a Save, is the caller's mistake, and panics.
func (m *Machine) Step(now time.Time, ev Event) []Effect {
	m.now, m.out = now, nil
	if answersSave(ev) != (m.memory.saving != nil) {
		panic(fmt.Sprintf("controller: event %T while a save is unanswered: %t", ev, m.memory.saving != nil))
	}
	if m.deposed {
		m.refuseRequest(ev)
		return m.out
	}
	m.redial()
	m.apply(ev)
	m.advance()
	return m.out
}

func answersSave(ev Event) bool {
	switch ev.(type) {
	case Saved, Deposed:
		return true
	}
	return false
}

func (m *Machine) apply(ev Event) {
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

// advance does what is due, up to the first Save.
func (m *Machine) advance() {
	if m.deposed || m.memory.saving != nil {
		return
	}
	m.redial()
	m.expireRequests()
	m.watching.askAgain()
	for again := true; again && m.memory.saving == nil; {
		m.greetings.renewAll()
		again = m.deployments.proceed()
		m.redial()
	}
	if m.memory.saving == nil {
		m.forgetLeavers()
	}
	if m.memory.saving == nil && m.memory.overdue() {
		m.memory.keep(m.memory.state, tidied{m.dials})
	}
}

// NextWake returns when a Tick is needed if nothing happens before, and false
// if none is. Before the first Step it is the zero time: at once.
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
	offer(m.watching.next())
	for _, a := range m.roster.agents {
		offer(m.greetings.next(a))
	}
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

// drop ends a's role as its instance's agent, and lets another peer have its
// name.
func (m *Machine) drop(a *agent) {
	m.roster.remove(a)
	m.legs.lose(a)
	if m.observed.lose(a.name); !m.memory.deployed.has(a.name) {
		m.observed.forget(a.name)
	}
	m.joined(m.roster.succeed(a))
}

// joined begins to observe an agent that has just joined; nil is none.
func (m *Machine) joined(a *agent) {
	if a != nil {
		m.observed.join(a.name)
		m.watching.begin(a)
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
		m.observed.change(a.name, msg, m.memory.deployed.runs(a.name, msg.Node.Name))
	}
}

func changeLevel(to mgmt.State) note.Level {
	if to == mgmt.Crashed || to == mgmt.Failed {
		return Warn
	}
	return Info
}

// fromClient takes requests alone. It ignores responses, and events that are not
// for clients to send (spec management-api 7.1, G-P4).
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

// expireRequests answers the requests whose deadline has come. A deployment sees
// to its own.
func (m *Machine) expireRequests() {
	for _, r := range m.requests.ledger.Due(m.now) {
		m.note(Note{Level: Warn, Text: "request timed out", Peer: r.Asker, ReqID: r.ID})
		if r.Settled() {
			m.requests.refuse(r, errTimedOut)
			continue
		}
		for _, name := range r.Awaited() {
			m.legs.fail(r.Detail.legs[name], errTimedOut) // the last one answers
		}
	}
}

// clientGone forgets the questions of a client. Changes that the client asked
// for go on.
func (m *Machine) clientGone(client mgmt.PeerID) {
	delete(m.staging.by, client)
	for _, r := range m.requests.ledger.Leave(client) {
		if d := r.Detail.deployment; d != nil {
			d.order.request = nil
		}
		for _, l := range r.Detail.legs {
			m.legs.close(l)
		}
	}
}

// redial makes the Connects in force those that are wanted: to the instances of
// a deployment that runs, to those of the deployed configuration, and to those
// that left and do not know yet.
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

// hangUp takes a Connect back. The agent behind it is gone from here on,
// although its peer is reported lost only later.
func (m *Machine) hangUp(name mgmt.InstanceName) {
	addr := m.dials.hangUp(name)
	if a := m.roster.agents[name]; a != nil && a.peer.dialed && a.peer.addr == addr {
		a.peer.retired = true
		m.drop(a)
	}
}

// forgetLeavers stops the search for instances that are to be told that they
// are no longer part of the cluster: those that know, and those that did not
// appear for LeaveTimeout (spec management-api 7.3, G-C10).
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
	m.memory.keep(next, tidied{m.dials})
}

// tidied dials anew after a Save that no request waits for.
type tidied struct{ *dials }

func (t tidied) saved(string) { t.stale = true }

// Held is how much a Machine remembers beside its State.
type Held struct{ Peers, Agents, Requests, Legs int }

// Held returns how much m remembers. All of it is bounded; see Config.
func (m *Machine) Held() Held {
	return Held{len(m.roster.peers), len(m.roster.agents), m.requests.ledger.Len(), m.legs.open.Len()}
}
