package sim

import (
	"cmp"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// terms is what stays the same in a world.
type terms struct {
	steady     bool // nothing is left to chance
	controller controller.Config
	agent      agent.Config

	delay     time.Duration // least delay of a message
	retry     time.Duration // between attempts to connect
	silence   time.Duration // a silent peer counts as lost after this time at the latest
	ping      time.Duration // a dead connection is noticed within this time once the network is whole
	stopGrace time.Duration // between SIGTERM and SIGKILL
	fleet     bool          // agents know the controller as ours
	// fleetAgents says that the controller knows the agents as ours.
	fleetAgents bool
	// plans and steers say that the controller knows that the agents understand requests
	// for plans, and lists of nodes that are stopped or paused.
	plans, steers bool
	agents        int
	clients       int
}

// steadyTerms returns the terms of the dialogues. Nothing is left to chance.
func steadyTerms() terms {
	return terms{
		steady:     true,
		controller: controller.Config{Rules: mgmt.Rules{AssignBroker: true, AssignMetrics: true}},
		agent:      agent.Config{Backoff: agent.Backoff{Jitter: -1}, Permits: mgmt.Permits{Bundles: []string{"*"}}},
		delay:      time.Millisecond,
		retry:      time.Second,
		silence:    time.Minute,
		ping:       15 * time.Second,
		stopGrace:  10 * time.Second,
		fleet:      true,
	}
}

// newTerms draws the terms of one seed. Short deadlines and small limits are often
// drawn, because faults at limits must be found.
func (e *environment) newTerms() terms {
	t := steadyTerms()
	t.steady = false
	t.agents, t.clients = 1+e.rng.IntN(4), 1+e.rng.IntN(3)
	t.delay = e.between(50*time.Microsecond, 5*time.Millisecond)
	t.controller.History, t.controller.Contents, t.agent.Backoff = 5, 3, agent.Backoff{}
	if e.chance(0.8) {
		t.controller.MaxRetryDelay = 8 * time.Second
		t.agent.Backoff = agent.Backoff{GiveUp: 2 + e.rng.IntN(4), Retry: 40 * time.Second}
	}
	if e.chance(0.5) {
		t.controller.RequestTimeout = pick(e.dice, []time.Duration{3 * time.Second, 20 * time.Second})
		t.controller.DeployTimeout = pick(e.dice, []time.Duration{4 * time.Second, 15 * time.Second})
		t.controller.RestartTimeout = pick(e.dice, []time.Duration{4 * time.Second, 25 * time.Second})
	}
	if e.chance(0.3) {
		t.controller.Limits = controller.Limits{Requests: 4, ClientRequests: 2, Leaving: len(instancePool) + 1}
	}
	if e.chance(0.3) {
		t.agent.MaxRequests = 2
	}
	if e.chance(0.3) {
		t.agent.RequestTimeout, t.agent.DeployTimeout, t.agent.RestartTimeout = 2*time.Second, 8*time.Second, 3*time.Second
		t.agent.StartGate, t.agent.StopGate = 2*time.Second, time.Second
	}
	if e.chance(0.3) {
		t.agent.FetchTimeout, t.controller.FetchTimeout = 2*time.Second, 2*time.Second
	}
	t.agent.Preflight = pick(e.dice, []agent.PreflightMode{agent.PreflightOff, agent.PreflightOn, agent.PreflightStrict})
	t.agent.MaxStarting, t.fleet = pick(e.dice, []int{0, 1, 2}), e.chance(0.8)
	t.fleetAgents = e.chance(0.7)
	t.plans, t.steers = t.fleetAgents && e.chance(0.9), t.fleetAgents && e.chance(0.9)
	t.controller.Operations = pick(e.dice, []int{3, 12})
	t.controller.StepTimeout = pick(e.dice, []time.Duration{0, 8 * time.Second, 30 * time.Second})
	if e.chance(0.2) {
		t.controller.Limits.Operating = 2
	}
	if e.chance(0.2) {
		t.controller.Rules = mgmt.Rules{}
	}
	return t
}

// settling returns how long after the last fault every process may still be in the
// wrong place. recovery returns how long after that nodes that were given up may
// still not run.
func (t terms) settling() time.Duration {
	return time.Minute + cmp.Or(t.controller.MaxRetryDelay, time.Minute)
}

func (t terms) recovery() time.Duration {
	return t.settling() + cmp.Or(t.agent.Backoff.Retry, 5*time.Minute)
}

// mood says how much goes wrong for a time. A number is a probability unless its
// comment says otherwise. The zero value is peace.
type mood struct {
	pace     time.Duration // scale of the time between two mischiefs; zero: there are none
	mischief []mischief    // each of them is as likely as the others

	delay       time.Duration // greatest delay of a message beyond the least
	lateTicks   time.Duration // greatest lateness of a timer
	lossAtCrash float64       // the last messages of a program that ends are lost
	lastWords   float64       // a process says hello as it ends
	clockJumps  float64       // the wall clock is set between two lives

	storeLoss            float64 // a message to the store or between controllers is lost, or its answer
	storeFails           float64 // a call of the store fails, and may have taken effect
	saveFails, saveCrash float64 // per save; a crash comes before the save or after it
	stepCrash            float64 // per effect: the program crashes before it

	lost   float64 // an agent that starts finds its state missing
	unseen float64 // an agent that starts cannot see a process
	guard  float64 // a process may not be signalled

	late                                          float64 // a preflight ends after its deadline
	slow, mute, deaf, instant, unfit, hang, brief float64 // fates of a process; see newFate
	old, stubborn                                 float64 // a node cannot be told of options; it refuses them
	stuck, lacks, damaged                         float64 // for each part of a bundle: no more arrive; the peer does not have it; it was damaged
	burial                                        float64 // a burial takes long; see newFate
}

// newMood draws a mood of mischief. Most moods lack most kinds of trouble, so that
// each kind happens alone as well as with others.
func (e *environment) newMood() mood {
	some := func(p, value float64) float64 {
		if e.chance(p) {
			return value
		}
		return 0
	}
	m := mood{
		pace:        e.between(200*time.Millisecond, 20*time.Second),
		lossAtCrash: 0.5,
		lastWords:   some(0.5, 0.3),
		clockJumps:  some(0.5, 0.3),
		saveFails:   some(0.3, 0.2),
		saveCrash:   some(0.2, 0.1),
		stepCrash:   some(0.2, 0.002),
		late:        some(0.3, 0.3),
		slow:        some(0.4, 0.3),
		mute:        some(0.2, 0.1),
		deaf:        some(0.2, 0.1),
		instant:     some(0.3, 0.2),
		unfit:       some(0.2, 0.2),
		hang:        some(0.3, 0.3),
		brief:       some(0.3, 0.2),
		lost:        some(0.3, 0.3),
		unseen:      some(0.3, 0.3),
		guard:       some(0.2, 0.2),
		burial:      some(0.3, 0.3),
		old:         some(0.3, 0.3),
		stubborn:    some(0.3, 0.3),
		stuck:       some(0.3, 0.1),
		lacks:       some(0.3, 0.1),
		damaged:     some(0.3, 0.1),
	}
	if e.chance(0.5) {
		m.delay = pick(e.dice, []time.Duration{time.Millisecond, 50 * time.Millisecond, 2 * time.Second})
	}
	if e.chance(0.5) {
		m.lateTicks = pick(e.dice, []time.Duration{time.Millisecond, 100 * time.Millisecond})
	}
	kinds := everyMischief()
	if e.several {
		kinds = append(kinds, clusterMischief()...)
		m.storeLoss, m.storeFails = some(0.5, 0.03), some(0.5, 0.1)
	}
	for _, kind := range kinds {
		if e.chance(0.4) {
			m.mischief = append(m.mischief, kind)
		}
	}
	return m
}
