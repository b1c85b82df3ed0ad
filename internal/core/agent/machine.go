package agent

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Machine decides what one agent does.
type Machine struct {
	*turn
	mode mode

	desired mgmt.Configuration
	told    bool // see State.Told

	rollout   *rollout
	peers     *peers
	requests  *requests
	proposals *proposals
	options   *options
	limits    *limits
	terms     *terms
}

// mode says how far the agent is in its life.
type mode int

const (
	waiting  mode = iota // Adopted has not come yet
	serving              // Adopted came
	stopping             // Shutdown came
	stopped              // StoppedAll went out
)

// New returns the machine of an agent. saved is the State that the agent saved last,
// or the zero State. The machine draws all random numbers from rng.
func New(cfg Config, saved State, rng *rand.Rand) *Machine {
	t := &turn{cfg: cfg.WithDefaults(), rng: rng, plans: madePlans{instance: cfg.Name}}
	requests := newRequests(t)
	rollout := newRollout(t)
	rollout.steering = newSteering(saved.Stopped, saved.Paused)
	peers := newPeers(t)
	return &Machine{
		turn:      t,
		desired:   saved.Desired,
		told:      saved.Told,
		rollout:   rollout,
		peers:     peers,
		requests:  requests,
		proposals: &proposals{turn: t, requests: requests},
		options:   &options{turn: t, rollout: rollout, peers: peers},
		limits:    &limits{turn: t, rollout: rollout},
		terms:     &terms{turn: t, known: saved.Term},
	}
}

// Step handles ev and returns the effects that the shell must perform, in their
// order. It panics if a Save is unanswered and ev is not Saved, and if ev is Saved
// and no Save is unanswered: both are mistakes of the caller.
func (m *Machine) Step(now time.Time, ev Event) []Effect {
	if _, ok := ev.(Saved); ok != m.saving() {
		panic(fmt.Sprintf("agent: event %T while a save is unanswered: %t", ev, m.saving()))
	}
	m.begin(now)
	m.handle(ev)
	m.proceed()
	if m.saving() {
		m.emit(Save{m.next(*m.proposals.saving).Changes()})
	}
	return m.out
}

// next returns the State in which c is saved.
func (m *Machine) next(c change) State {
	s, by := State{Desired: m.desired, Told: m.told, Term: m.terms.known}, m.rollout.steering
	switch c.purpose {
	case raises:
		s.Term = c.term
	case steers:
		by = c.steering
	default:
		s.Desired, s.Told, by = c.config, true, by.within(c.config, m.cfg.Name)
	}
	s.Stopped, s.Paused = by.stopped, by.paused
	return s
}

func (m *Machine) saving() bool { return m.proposals.saving != nil }

func (m *Machine) handle(ev Event) {
	switch ev := ev.(type) {
	case Adopted:
		m.adopted(ev)
	case Freed:
		m.rollout.freed(ev)
	case PeerAdded:
		m.peerAdded(ev)
	case PeerUpdated:
		m.peerUpdated(ev)
	case PeerLost:
		m.peerLost(ev)
	case FromController:
		m.fromController(ev)
	case FromNode:
		m.fromNode(ev)
	case Fetching:
		m.proposals.progress(ev)
	case Fetched:
		weighing{m}.fetched(ev)
	case Preflighted:
		m.proposals.preflighted(ev)
	case Started:
		m.rollout.started(ev)
	case StartFailed:
		m.rollout.startFailed(ev)
	case Ready:
		m.rollout.ready(ev)
	case Exited:
		m.rollout.exited(ev)
	case Buried:
		m.rollout.burials.end(ev)
	case StopFailed:
		m.rollout.stopFailed(ev)
	case Limited:
		m.limits.limited(ev)
	case Saved:
		m.saved(ev)
	case Shutdown:
		m.shutdown(ev)
	case Measure:
		m.measure()
	case Tick:
	default:
		panic(fmt.Sprintf("agent: unhandled event %T", ev))
	}
}

// proceed does what is due. It stops where a Save becomes necessary: nothing more
// happens until that Save is answered.
func (m *Machine) proceed() {
	m.settle()
	if m.saving() {
		return
	}
	m.expire()
	m.proposals.expireFetch()
	m.proposals.expirePreflight()
	if !m.saving() {
		obeying{m}.retryRaise()
	}
	if m.saving() {
		return
	}
	m.rollout.reportLate()
	m.options.tellAll()
	m.limits.applyAll()
	m.settle()
	m.rollout.advance()
	if m.mode == stopping && (m.rollout.nodes.allEnded() || m.rollout.last.over(m.now)) {
		m.mode = stopped
		if left := m.rollout.nodes.sorted(func(n *node) bool { return n.proc != nil && n.stuck() == "" }); len(left) > 0 {
			m.emit(Note{Level: Error, Text: "nodes have not ended in time, and are left behind", Err: names(left)})
		}
		m.emit(StoppedAll{})
	}
}

// shutdown has every process stopped, and none started any more. The saved
// configuration stays as it is.
func (m *Machine) shutdown(ev Shutdown) {
	if m.mode == stopping || m.mode == stopped {
		return
	}
	m.mode = stopping
	m.requests.failAll("agent is shutting down")
	m.rollout.last = endBy(m.now, ev.Within)
	m.rollout.stopAll()
}

// NextWake returns when a Tick is due if no other event comes before. It returns
// false if no Tick is due.
func (m *Machine) NextWake() (time.Time, bool) {
	var w wake
	if at, ok := m.requests.inFlight.Next(); ok {
		w.at(at)
	}
	if c := m.proposals.pending; c != nil && !c.until.IsZero() {
		w.at(c.until)
	}
	if f := m.proposals.fetching; f != nil && !f.until.IsZero() {
		w.at(f.until)
	}
	if !m.terms.retry.IsZero() {
		w.at(m.terms.retry)
	}
	if m.mode == stopping && !m.rollout.last.end.IsZero() {
		w.at(m.rollout.last.end)
	}
	m.rollout.wakeUp(&w)
	return w.next, !w.next.IsZero()
}

// Present returns the nodes that are desired, that have a process, or that may have one, in
// no order. It returns false if that is not known: processes were not adopted yet, or no
// controller has said what should run.
func (m *Machine) Present() ([]mgmt.NodeName, bool) {
	if m.mode == waiting || !m.told {
		return nil, false
	}
	return slices.Collect(maps.Keys(m.rollout.nodes.named)), true
}

// NodePeers returns which peers are nodes, whose hellos were believed.
func (m *Machine) NodePeers() map[mgmt.PeerID]mgmt.NodeName {
	peers := map[mgmt.PeerID]mgmt.NodeName{}
	for name, n := range m.rollout.nodes.named {
		if n.peer != "" {
			peers[n.peer] = name
		}
	}
	return peers
}

// Held counts what a machine remembers.
type Held struct{ Nodes, Peers, Requests, Burials int }

// Held counts what m remembers. Config bounds the nodes and the requests. The shell
// bounds the peers and the burials.
func (m *Machine) Held() Held {
	return Held{len(m.rollout.nodes.named), len(m.peers.known), m.requests.inFlight.Len(), len(m.rollout.burials)}
}
