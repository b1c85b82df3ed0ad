package controller

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Machine is the controller's decisions.
type Machine struct {
	cfg Config
	rng *rand.Rand

	now time.Time // of the Step that runs, or the last; zero before the first
	out []Effect  // of the Step that runs

	state   State
	saving  *saving // what waits for its Saved; nil if nothing does
	unsaved unsaved

	peers  map[mgmt.PeerID]*peer
	agents map[mgmt.InstanceName]*agent         // those that introduced themselves
	roster uint64                               // counts the changes of agents
	dials  map[mgmt.InstanceName]netip.AddrPort // the Connects in force

	deployed  *target     // state.Deployed, indexed; nil if there is none
	deploying *deployment // nil if none runs
	requests  map[requestKey]*request
	calls     map[mgmt.ReqID]*call
	// stagedBy is the revision that each client staged last.
	stagedBy map[mgmt.PeerID]uint64
}

// New returns the machine of a controller that saved this state when it last
// ran, or the zero State. All chance comes from rng.
func New(cfg Config, saved State, rng *rand.Rand) *Machine {
	m := &Machine{
		cfg:      cfg.withDefaults(),
		rng:      rng,
		state:    saved,
		peers:    map[mgmt.PeerID]*peer{},
		agents:   map[mgmt.InstanceName]*agent{},
		dials:    map[mgmt.InstanceName]netip.AddrPort{},
		requests: map[requestKey]*request{},
		calls:    map[mgmt.ReqID]*call{},
		stagedBy: map[mgmt.PeerID]uint64{},
	}
	if saved.Deployed != nil {
		m.deployed = newTarget(saved.Deployed.Config)
	}
	return m
}

// Step applies ev and returns what must now be done, in order. An event other
// than Saved while a Save is unanswered is the caller's mistake, and panics.
func (m *Machine) Step(now time.Time, ev Event) []Effect {
	starting := m.now.IsZero()
	m.now, m.out = now, nil
	if _, ok := ev.(Saved); ok != (m.saving != nil) {
		panic(fmt.Sprintf("controller: event %T while a save is unanswered: %t", ev, m.saving != nil))
	}
	if starting {
		m.redial()
	}
	m.apply(ev)
	m.advance()
	return m.out
}

// advance does what is due, up to the first Save.
func (m *Machine) advance() {
	if m.saving != nil {
		return
	}
	m.expireRequests()
	for again := true; again && m.saving == nil; {
		m.settleAll()
		again = m.proceed()
	}
	if m.saving == nil {
		m.forgetLeavers()
	}
	if m.saving == nil {
		m.resave()
	}
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
		m.saved(ev.Err)
	case Tick:
	default:
		panic(fmt.Sprintf("controller: unhandled event %T", ev))
	}
}

// NextWake returns when a Tick is needed if nothing happens before, and false
// if none is. Before the first Step it is the zero time: at once.
func (m *Machine) NextWake() (time.Time, bool) {
	if m.now.IsZero() {
		return time.Time{}, true
	}
	var next time.Time
	found := false
	offer := func(at time.Time) {
		if !found || at.Before(next) {
			next, found = at, true
		}
	}
	for _, r := range m.requests {
		if r.deployment == nil {
			offer(r.deadline)
		}
	}
	for _, a := range m.agents {
		if at, ok := m.attention(a); ok {
			offer(at)
		}
	}
	if d := m.deploying; d != nil {
		offer(d.due())
	}
	if at := m.unsaved.retryAt; !at.IsZero() {
		offer(at)
	}
	for _, l := range m.state.Leaving {
		offer(l.Since.Add(m.cfg.LeaveTimeout))
	}
	return next, found
}

func (m *Machine) emit(e Effect) { m.out = append(m.out, e) }

func (m *Machine) note(n Note) { m.emit(n) }
