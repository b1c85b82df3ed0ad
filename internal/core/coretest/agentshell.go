package coretest

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// AgentShell is an agent's core with a shell that has fake processes and a
// virtual time. It fails its test if the core breaks a rule of its effects: no node
// has two processes, only processes that live are stopped, and a Save is the last
// effect of its Step.
type AgentShell struct {
	Core *agent.Machine
	// Fates say how the next processes of nodes behave.
	Fates map[mgmt.NodeName]Fate
	// Procs are the processes that live.
	Procs map[mgmt.NodeName]*Process
	// Sight is how preflights end.
	Sight Sight
	// Carriage is how bundles arrive, and Content is what has arrived.
	Carriage Carriage
	Content  map[mgmt.BundleHash]bool
	// Used are the bundles that the last Use named.
	Used []mgmt.Bundle
	// Announce are the dispatches that nodes announce after their hello. Without any, they
	// announce nothing.
	Announce []string
	// DiskErr fails every save, if it is not empty.
	DiskErr string
	// Saved is the state that was saved last.
	Saved agent.State
	// Heard gets each effect. It may be nil.
	Heard func(agent.Effect)

	t    T
	time timeline
	pids int64
	shut bool // Shutdown came
	// fetch is the ID of the last Fetch of this life.
	fetch uint64
}

// Fate is how a node's next processes behave. The zero Fate starts, says hello
// at once, and ends as soon as it is asked to.
type Fate struct {
	StartErr string        // the start fails so
	Mute     bool          // it never says hello
	Hello    time.Duration // from its start to its hello
	Exit     time.Duration // from its start to its end; zero: it stays
	Reason   string        // of that end
	Outputs  mgmt.NodeOutputs
	Stop     time.Duration // from a Stop to its end
	Burial   time.Duration // from its end until its logs and its crash record are safe
	Limits   string        // it does not get its limits, for this reason
	Stuck    string        // it cannot be stopped, for this reason
	Hung     bool          // not even SIGKILL ends it
	Deaf     bool          // it does not answer dispatches
	Refuses  string        // it does not take its options, for this reason
}

// Sight is how preflights end. The zero Sight finds nothing, at once.
type Sight struct {
	After    time.Duration
	Findings []mgmt.Finding
	// Unfinished holds the nodes whose checks did not end in time.
	Unfinished []mgmt.NodeName
	Doubts     []string
	Blind      bool // they never end
}

// NewAgentShell begins the first life of an agent. It finds no state and no
// processes. A life lasts from a start of the agent to its end.
func NewAgentShell(t T, cfg agent.Config) *AgentShell {
	s := &AgentShell{
		t:       t,
		time:    newTimeline(),
		Fates:   make(map[mgmt.NodeName]Fate),
		Procs:   make(map[mgmt.NodeName]*Process),
		Content: make(map[mgmt.BundleHash]bool),
		pids:    100,
	}
	s.Boot(cfg)
	return s
}

// Since returns how much time has passed since the beginning, or since Restart
// of the clock.
func (s *AgentShell) Since() time.Duration { return s.time.now.Sub(s.time.epoch) }

// Now returns the time.
func (s *AgentShell) Now() time.Time { return s.time.now }

// Boot begins a life of the agent. The agent adopts the processes that run.
func (s *AgentShell) Boot(cfg agent.Config) {
	s.Load(cfg)
	s.Adopt()
}

// Load begins a life of the agent. The agent does not know yet which processes run.
func (s *AgentShell) Load(cfg agent.Config) {
	if cfg.Name == "" {
		cfg.Name = host
	}
	if cfg.Permits.Bundles == nil {
		cfg.Permits.Bundles = []string{"*"}
	}
	if cfg.Backoff.Jitter == 0 {
		cfg.Backoff.Jitter = -1
	}
	s.Core = agent.New(cfg, s.Saved, rand.New(rand.NewPCG(1, 2)))
	s.time.queue, s.shut, s.fetch = nil, false, 0
	for _, p := range s.Procs {
		p.Peer = ""
	}
}

// Adopt tells the agent which processes of its earlier life run.
func (s *AgentShell) Adopt() {
	var left agent.Adopted
	for _, name := range Sorted(s.Procs) {
		p := s.Procs[name]
		if p.Unseen {
			left.Unseen = append(left.Unseen, agent.Unseen{
				Node: name, Launch: p.Launch, Why: "process of " + string(name) + " cannot be seen",
			})
			continue
		}
		left.Processes = append(left.Processes, agent.Process{
			Node: name, Launch: p.Launch, PID: p.PID, Fingerprint: p.Fingerprint, Started: p.since,
		})
	}
	s.Step(left)
}

// Run performs everything that is planned within d.
func (s *AgentShell) Run(d time.Duration) {
	s.t.Helper()
	end := s.time.now.Add(d)
	for range maxTicks {
		wake, ok := s.Core.NextWake()
		due, isDue := s.time.due(end)
		switch {
		case isDue && !(ok && wake.Before(due.at)):
			s.time.pop()
			due.do()
		case ok && !wake.After(end):
			s.time.now = wake
			s.Step(agent.Tick{})
		default:
			s.time.now = end
			return
		}
	}
	s.t.Fatalf("the machine never sleeps")
}

// Step hands an event to the core, and performs its effects.
func (s *AgentShell) Step(ev agent.Event) {
	s.t.Helper()
	if _, ok := ev.(agent.Shutdown); ok {
		s.shut = true
	}
	effects := s.Core.Step(s.time.now, ev)
	for i, e := range effects {
		if s.Heard != nil {
			s.Heard(e)
		}
		if _, ok := e.(agent.Save); ok && i != len(effects)-1 {
			s.t.Errorf("Save is effect %d of %d, not the last", i, len(effects))
		}
		s.perform(e)
	}
}

func (s *AgentShell) perform(e agent.Effect) {
	switch e := e.(type) {
	case agent.Save:
		next := restored(e.Changes)
		s.checkContent("saves", next.Desired.BundlesOf(host))
		if s.DiskErr == "" {
			s.Saved = next
		}
		s.Step(agent.Saved{Err: s.DiskErr})
	case agent.Fetch:
		s.carry(e)
	case agent.Use:
		s.Used = e.Bundles
	case agent.Preflight:
		for _, plan := range e.Start {
			s.checkContent("checks", plan.Node.Bundles)
		}
		s.look(e)
	case agent.Start:
		s.checkContent("starts", e.Plan.Node.Bundles)
		for _, b := range e.Plan.Node.Bundles {
			if !slices.Contains(s.Used, b) {
				s.t.Errorf("%s is started with bundle %s, which is not in use", e.Plan.Node.Name, b.Name)
			}
		}
		s.start(e)
	case agent.Stop:
		s.stop(e)
	case agent.Limit:
		s.limit(e)
	case agent.ToNodes:
		s.dispatch(e)
	}
}

func (s *AgentShell) look(e agent.Preflight) {
	if sight := s.Sight; !sight.Blind {
		s.After(sight.After, func() {
			s.Step(agent.Preflighted{ID: e.ID, Findings: sight.Findings, Unfinished: sight.Unfinished, Doubts: sight.Doubts})
		})
	}
}

// After plans something for later. It does not happen if the agent has ended.
func (s *AgentShell) After(d time.Duration, do func()) { s.time.after(d, do) }
