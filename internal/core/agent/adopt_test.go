package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestProcessThatANewerProgramStartedIsReplaced(t *testing.T) {
	m := agent.New(agent.Config{Name: "host"}, agent.State{Desired: configuration(nodes("worker")...), Told: true}, nil)
	process := agent.Process{Node: "worker", Launch: 3, PID: 1, Fingerprint: "3:0123"}
	effects := m.Step(time.Unix(0, 0), agent.Adopted{Processes: []agent.Process{process}})
	effects = slices.DeleteFunc(effects, func(e agent.Effect) bool { _, tells := e.(agent.ToController); return tells })
	want := []agent.Effect{
		agent.Use{},
		agent.Note{
			Level: agent.Warn, Node: "worker",
			Text: "process is replaced: a newer version of the program started it, and its plan cannot be compared",
			Err:  `fingerprint "3:0123" has version "3", this program knows versions 0 to 2`,
		},
		agent.Stop{Node: "worker", Launch: 3},
	}
	if diff := cmp.Diff(want, decided(effects)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}

func TestFurtherProcessesOfOneNodeAreStopped(t *testing.T) {
	desired := configuration(nodes("worker")...)
	plan, _ := mgmt.PlanFor(desired, "worker")
	m := agent.New(agent.Config{Name: "host", Backoff: agent.Backoff{Jitter: -1}}, agent.State{Desired: desired, Told: true}, nil)
	one := agent.Process{Node: "worker", Launch: 3, PID: 1, Fingerprint: plan.Fingerprint()}
	two := agent.Process{Node: "worker", Launch: 9, PID: 2, Fingerprint: plan.Fingerprint()}
	effects := m.Step(time.Unix(0, 0), agent.Adopted{Processes: []agent.Process{one, two}})
	if diff := cmp.Diff([]agent.Effect{agent.Stop{Node: "worker", Launch: 9}, agent.Use{}, agent.Limit{Node: "worker", Launch: 3}}, decided(effects)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	m.Step(time.Unix(1, 0), agent.Exited{Node: "worker", Launch: 3})
	m.Step(time.Unix(1, 0), agent.Buried{Node: "worker", Launch: 3})
	effects = m.Step(time.Unix(10, 0), agent.Tick{})
	start, ok := effects[len(effects)-1].(agent.Start)
	if !ok || start.Launch != 10 {
		t.Errorf("got %+v, want a start under a number not used before", effects)
	}
}

func TestNodeWhoseProcessesCouldNotBeSeenIsStartedWhenAllAreBuried(t *testing.T) {
	m := agent.New(agent.Config{Name: "host"}, agent.State{Desired: configuration(nodes("worker")...), Told: true}, nil)
	m.Step(start, agent.Adopted{Unseen: []agent.Unseen{{Node: "worker", Launch: 7, Why: "it runs as another"}, {Node: "worker", Launch: 8, Why: "it runs as another"}}})
	for _, step := range []struct {
		ev     agent.Event
		starts bool
	}{
		{agent.Freed{Node: "worker", Launch: 7}, false},
		{agent.Freed{Node: "worker", Launch: 8, Last: true}, false},
		{agent.Buried{Node: "worker", Launch: 8}, false},
		{agent.Buried{Node: "worker", Launch: 7}, true},
	} {
		effects := m.Step(start, step.ev)
		starts := slices.ContainsFunc(effects, func(e agent.Effect) bool { _, ok := e.(agent.Start); return ok })
		if starts != step.starts {
			t.Errorf("%+v: the node is started: %t, want %t", step.ev, starts, step.starts)
		}
	}
}
