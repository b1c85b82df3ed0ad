package coretest

import (
	"math/rand/v2"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// epoch is when every dialogue begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// PlayController plays a dialogue of a controller. The dialogue says what the agents
// and the clients send.
func PlayController(t T, text string) string {
	t.Helper()
	return Play(t, text, func(t T, trace *Trace) Stage { return newControllerStage(t, trace) })
}

// controllerStage is a controller, alone.
type controllerStage struct {
	t        T
	trace    *Trace
	cfg      controller.Config
	core     *controller.Machine
	now      time.Duration
	diskFull bool
	// diskOnce says that the disk is full after the next save.
	diskOnce bool
	// diskTaken says that another controller has changed what is on the disk.
	diskTaken bool
	stored    Stored // what is on the disk
	// asked holds the last request of each kind that each peer got.
	asked map[mgmt.PeerID]map[string]mgmt.Request
	// introduced holds the instance that each peer named in its hello.
	introduced map[mgmt.PeerID]mgmt.InstanceName
}

func newControllerStage(t T, trace *Trace) *controllerStage {
	s := &controllerStage{t: t, trace: trace, introduced: map[mgmt.PeerID]mgmt.InstanceName{}}
	s.cfg.Rules = mgmt.Rules{AssignBroker: true, AssignMetrics: true,
		Controller: mgmt.ControllerSite{Name: "controller", Broker: mgmt.TCPPort(2150), WebSocket: mgmt.TCPPort(2149)}}
	return s
}

var controllerVerbs = Verbs[*controllerStage]{
	"answer":     (*controllerStage).answer,
	"ask":        (*controllerStage).ask,
	"disk":       (*controllerStage).disk,
	"gone":       (*controllerStage).gone,
	"hello":      (*controllerStage).hello,
	"lost":       (*controllerStage).lost,
	"notify":     (*controllerStage).notify,
	"operations": (*controllerStage).operations,
	"peer":       (*controllerStage).peer,
	"restart":    (*controllerStage).restart,
	"set":        (*controllerStage).set,
	"told":       (*controllerStage).told,
	"wait":       (*controllerStage).wait,
}

func (s *controllerStage) Do(verb string, args *Args) error { return controllerVerbs.Do(s, verb, args) }

// begin makes a machine from the values on the disk.
func (s *controllerStage) begin() {
	s.core = controller.New(s.cfg, s.restore(s.stored), rand.New(rand.NewPCG(1, 2)))
	s.asked = map[mgmt.PeerID]map[string]mgmt.Request{}
}

// RunUntil lets the machine have its ticks up to that time.
func (s *controllerStage) RunUntil(until time.Duration) {
	if s.core == nil {
		s.begin()
	}
	for range maxTicks {
		wake, ok := s.core.NextWake()
		at := max(wake.Sub(epoch), s.now)
		if !ok || at > until {
			s.now = until
			return
		}
		s.now = at
		s.step(controller.Tick{})
	}
	s.t.Fatalf("the machine wants to wake up all the time at %v", s.now)
}

// maxTicks is more ticks than a machine needs between two lines.
const maxTicks = 10_000

func (s *controllerStage) step(ev controller.Event) {
	for _, e := range s.core.Step(epoch.Add(s.now), ev) {
		if save, ok := e.(controller.Save); ok {
			s.step(s.save(save))
			continue
		}
		s.trace.Add(s.now, controllerEntry(e))
		if to, ok := e.(controller.ToAgent); ok {
			s.remember(to)
		}
	}
}

// restore reads a state from its stored values.
func (s *controllerStage) restore(values Stored) controller.State {
	state, err := controller.Restore(values)
	if err != nil {
		s.t.Fatalf("restore: %v", err)
	}
	return state
}

// save adds the state to the trace, and stores it if the disk works.
func (s *controllerStage) save(e controller.Save) controller.Event {
	next := s.stored.After(e.Changes)
	s.trace.Add(s.now, Entry{What: s.restore(next)})
	switch {
	case s.diskTaken:
		return controller.Deposed{}
	case s.diskFull:
		return controller.Saved{Err: "disk full"}
	}
	s.stored = next
	s.diskFull, s.diskOnce = s.diskOnce, false
	return controller.Saved{}
}

// remember keeps a request to an agent, so that the dialogue can answer it.
func (s *controllerStage) remember(e controller.ToAgent) {
	request, ok := e.Msg.(mgmt.Request)
	if !ok {
		return
	}
	if s.asked[e.Peer] == nil {
		s.asked[e.Peer] = map[string]mgmt.Request{}
	}
	s.asked[e.Peer][mgmt.KindOf(request).Name()] = request
}
