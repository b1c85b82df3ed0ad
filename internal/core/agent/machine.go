package agent

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Machine is one agent's decisions.
type Machine struct {
	cfg     Config
	rng     *rand.Rand
	mode    mode
	desired mgmt.Configuration
	told    bool // what is desired; see State.Told

	nodes map[mgmt.NodeName]*node
	tiers [tierCount][]*node // the same nodes, each tier sorted by name
	peers map[mgmt.PeerID]*peer

	requests []*request // in flight, in the order of their arrival
	check    *check     // awaits its Preflighted
	change   *change    // awaits its Saved
	rest     *rest      // of a deployment that was answered before its end
	prepared *prepared  // what may be deployed without being looked at again

	launches uint64 // the highest number of a launch so far
	moments  uint64 // orders peerings and launches among each other
	checks   uint64 // the number of preflights so far

	now time.Time // of the latest Step
	out []Effect  // of the current Step
}

// mode is where the agent is in its own life.
type mode int

const (
	waiting  mode = iota // for Adopted
	serving              //
	stopping             // Shutdown came
	stopped              // and no process is left
)

// New returns the machine of an agent that saved this state when it last ran,
// or the zero State. All chance comes from rng.
func New(cfg Config, saved State, rng *rand.Rand) *Machine {
	return &Machine{
		cfg:     cfg.withDefaults(),
		rng:     rng,
		desired: saved.Desired,
		told:    saved.Told || len(saved.Desired.Instances)+len(saved.Desired.Nodes) > 0,
		nodes:   make(map[mgmt.NodeName]*node),
		peers:   make(map[mgmt.PeerID]*peer),
	}
}

// Step applies ev and returns what must now be done, in order.
func (m *Machine) Step(now time.Time, ev Event) []Effect {
	m.now, m.out = now, nil
	saving := m.change
	m.handle(ev)
	m.lookNoMore()
	m.expire()
	m.reportLate()
	m.advance()
	if m.change != nil && m.change != saving {
		m.emit(Save{State{Desired: m.change.config, Told: true}})
	}
	return m.out
}

func (m *Machine) handle(ev Event) {
	switch ev := ev.(type) {
	case Adopted:
		m.adopted(ev)
	case Freed:
		m.freed(ev)
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
	case Preflighted:
		m.preflighted(ev)
	case Started:
		m.started(ev)
	case StartFailed:
		m.startFailed(ev)
	case Ready:
		m.ready(ev)
	case Exited:
		m.exited(ev)
	case StopFailed:
		m.stopFailed(ev)
	case Saved:
		m.saved(ev)
	case Shutdown:
		m.shutdown()
	case Tick:
	default:
		panic(fmt.Sprintf("agent: unhandled event %T", ev))
	}
}

// NextWake returns when a Tick is needed if nothing happens before, and false
// if none is.
func (m *Machine) NextWake() (time.Time, bool) {
	var w wake
	for _, r := range m.requests {
		w.at(r.deadline)
	}
	if m.check != nil && !m.check.until.IsZero() {
		w.at(m.check.until)
	}
	for _, n := range m.nodes {
		m.wakeFor(n, &w)
	}
	return w.next, !w.next.IsZero()
}

// wake is the earliest of several times.
type wake struct{ next time.Time }

func (w *wake) at(t time.Time) {
	if w.next.IsZero() || t.Before(w.next) {
		w.next = t
	}
}

// emit adds an effect to the current Step's.
func (m *Machine) emit(e Effect) { m.out = append(m.out, e) }

// tell sends msg to every controller that listens.
func (m *Machine) tell(msg mgmt.Message) { m.emit(ToController{Msg: msg}) }
