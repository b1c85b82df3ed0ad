package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestAgentThatComesBackAdoptsWhatRuns(t *testing.T) {
	w := running(t, agent.Config{}, nodes("logger", "worker-1", "worker-2")...)
	before := w.pid("worker-1")
	delete(w.procs, "worker-2") // ended while nobody watched
	w.boot(agent.Config{})
	if got := w.state("worker-1"); got != mgmt.Unknown {
		t.Errorf("worker-1 is %s before its hello", got)
	}
	w.connect("logger", w.procs["logger"])
	w.connect("worker-1", w.procs["worker-1"])
	w.run(time.Minute)
	w.expect(`
		0s worker-2: STOPPED to PENDING
		0s start worker-2
		0s hello host to logger#1
		0s logger: UNKNOWN to RUNNING
		0s hello host to worker-1#2
		0s worker-1: UNKNOWN to RUNNING
		0s hello host to worker-2#3
		0s worker-2: PENDING to RUNNING
	`)
	if w.pid("worker-1") != before {
		t.Error("worker-1 lost its process")
	}
	w.deploy("d2", nodes("logger", "worker-1", "worker-2")...)
	w.expect(`
		1m0s save 3 nodes
		1m0s answer deploy d2: [logger ok, worker-1 ok, worker-2 ok]
	`)
}

func TestDeploymentWaitsForAdoptedNodesToConnect(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker-1", "worker-2")...)
	w.boot(agent.Config{})
	w.deploy("d2", nodes("worker-1", "worker-2")...)
	w.connect("worker-1", w.procs["worker-1"])
	w.run(time.Minute)
	w.expect(`
		0s save 2 nodes
		0s hello host to worker-1#1
		0s worker-1: UNKNOWN to RUNNING
		8.5s answer deploy d2: [worker-1 ok, worker-2 failed (cluster node worker-2 is not connected)]
	`)
}

func TestAdoptedProcessOfAnotherPlanIsReplaced(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.saved.Desired = configuration(changed(node("worker")))
	w.boot(agent.Config{})
	w.run(time.Minute)
	w.expect(`
		0s worker: UNKNOWN to PENDING
		0s stop worker
		0s start worker
		0s hello host to worker#2
		0s worker: PENDING to RUNNING
	`)
}

func TestProcessThatAnOlderProgramStartedRunsOn(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	before := w.pid("worker")
	w.procs["worker"].fingerprint = "e2441bee6ee5e958c8dd7bd5426f62cd" // version 0 of its plan
	w.boot(agent.Config{})
	w.connect("worker", w.procs["worker"])
	w.run(time.Minute)
	w.deploy("d2", nodes("worker")...)
	w.expect(`
		0s hello host to worker#1
		0s worker: UNKNOWN to RUNNING
		1m0s save 1 nodes
		1m0s answer deploy d2: [worker ok]
	`)
	if w.pid("worker") != before {
		t.Error("worker lost its process")
	}
	w.deploy("d3", changed(node("worker")))
	w.expect(`
		1m0s save 1 nodes
		1m0s worker: RUNNING to PENDING
		1m0s stop worker
	`)
}

func TestProcessThatAnOlderProgramStartedIsKeptByAnAgentWithoutState(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.procs["worker"].fingerprint = "e2441bee6ee5e958c8dd7bd5426f62cd" // version 0 of its plan
	w.saved = agent.State{}
	w.boot(agent.Config{Preflight: agent.PreflightStrict})
	w.skip()
	w.deploy("d2", nodes("worker")...)
	w.connect("worker", w.procs["worker"])
	w.expect(`
		0s save 1 nodes
		0s hello host to worker#1
		0s worker: UNKNOWN to RUNNING
		0s answer deploy d2: [worker ok]
	`)
}

func TestProcessThatANewerProgramStartedIsReplaced(t *testing.T) {
	m := agent.New(agent.Config{Name: "host"}, agent.State{Desired: configuration(nodes("worker")...)}, nil)
	process := agent.Process{Node: "worker", Launch: 3, PID: 1, Fingerprint: "2:0123"}
	effects := m.Step(time.Unix(0, 0), agent.Adopted{Processes: []agent.Process{process}})
	effects = slices.DeleteFunc(effects, func(e agent.Effect) bool { _, tells := e.(agent.ToController); return tells })
	want := []agent.Effect{
		agent.Note{
			Level: agent.Warn, Node: "worker",
			Text: "process is replaced: a newer version of the program started it, and its plan cannot be compared",
			Err:  `fingerprint "2:0123" has version "2", this program knows versions 0 to 1`,
		},
		agent.Stop{Node: "worker", Launch: 3},
	}
	if diff := cmp.Diff(want, effects); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}

func TestOrphansAreStopped(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker-1", "worker-2")...)
	w.saved.Desired = mgmt.Configuration{}
	w.boot(agent.Config{})
	w.run(time.Minute)
	w.expect(`
		0s worker-1: UNKNOWN to STOPPED
		0s worker-2: UNKNOWN to STOPPED
		0s stop worker-1
		0s stop worker-2
	`)
	if got := len(w.statuses()); got != 1 {
		t.Errorf("%d processes are listed, want the agent alone", got)
	}
}

func TestHelloThatCameBeforeTheAdoptionCounts(t *testing.T) {
	desired := configuration(nodes("worker")...)
	plan, _ := mgmt.PlanFor(desired, "worker")
	m := agent.New(agent.Config{Name: "host"}, agent.State{Desired: desired}, nil)
	w := &world{t: t, m: m}
	w.step(agent.PeerAdded{Peer: "early"})
	w.step(agent.FromNode{Peer: "early", Msg: mgmt.NotifyNodeHello{Node: "worker"}})
	w.expect("")
	w.step(agent.Adopted{Processes: []agent.Process{{Node: "worker", Launch: 12, PID: 4711, Fingerprint: plan.Fingerprint()}}})
	w.expect(`
		0s hello host to early
		0s worker: UNKNOWN to RUNNING
	`)
}

func TestFurtherProcessesOfOneNodeAreStopped(t *testing.T) {
	desired := configuration(nodes("worker")...)
	plan, _ := mgmt.PlanFor(desired, "worker")
	m := agent.New(agent.Config{Name: "host", Backoff: agent.Backoff{Jitter: -1}}, agent.State{Desired: desired}, nil)
	one := agent.Process{Node: "worker", Launch: 3, PID: 1, Fingerprint: plan.Fingerprint()}
	two := agent.Process{Node: "worker", Launch: 9, PID: 2, Fingerprint: plan.Fingerprint()}
	effects := m.Step(time.Unix(0, 0), agent.Adopted{Processes: []agent.Process{one, two}})
	if diff := cmp.Diff([]agent.Effect{agent.Stop{Node: "worker", Launch: 9}}, effects); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
	m.Step(time.Unix(1, 0), agent.Exited{Node: "worker", Launch: 3})
	effects = m.Step(time.Unix(10, 0), agent.Tick{})
	start, ok := effects[len(effects)-1].(agent.Start)
	if !ok || start.Launch != 10 {
		t.Errorf("got %+v, want a start under a number not used before", effects)
	}
}
