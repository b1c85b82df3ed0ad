package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func restart(id mgmt.ReqID, nodes ...mgmt.NodeName) mgmt.AgentRestartRequest {
	return mgmt.AgentRestartRequest{ReqID: id, Nodes: nodes}
}

func TestRestartIsAnsweredWhenTheNodesSaidHelloAgain(t *testing.T) {
	w := running(t, agent.Config{}, four...)
	w.fates["worker-1"] = fate{stop: 500 * time.Millisecond, hello: time.Second}
	w.ask(restart("r1", "worker-1", "no-such-node"))
	w.run(time.Minute)
	w.expect(`
		0s worker-1: RUNNING to PENDING
		0s stop worker-1
		500ms start worker-1
		1.5s hello host to worker-1#5
		1.5s worker-1: PENDING to RUNNING
		1.5s answer restart r1: [worker-1 ok]
	`)
}

func TestRestartOfAllKeepsTheOrder(t *testing.T) {
	w := running(t, agent.Config{}, nodes("logger", "worker")...)
	w.ask(restart("r1"))
	w.run(time.Minute)
	w.expect(`
		0s logger: RUNNING to PENDING
		0s worker: RUNNING to PENDING
		0s stop worker
		0s stop logger
		0s start logger
		0s start worker
		0s hello host to logger#3
		0s logger: PENDING to RUNNING
		0s hello host to worker#4
		0s worker: PENDING to RUNNING
		0s answer restart r1: [logger ok, worker ok]
	`)
}

func TestRestartWithoutTargetsIsAnsweredEmptyAtOnce(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.ask(restart("r1"))
	w.ask(restart("r2", "worker"))
	w.expect(`
		0s answer restart r1: []
		0s answer restart r2: []
	`)
}

func TestRestartNamesTheNodesThatDidNotComeBack(t *testing.T) {
	w := running(t, agent.Config{}, nodes("w1", "w2", "w3", "w4")...)
	w.fates["w1"] = fate{mute: true}
	w.fates["w2"] = fate{startErr: "no such file"}
	w.fates["w3"] = fate{mute: true, exit: time.Second, reason: "exit status 2", outputs: mgmt.NodeOutputs{Stderr: "oops"}}
	w.ask(restart("r1"))
	w.run(9 * time.Second)
	want := "8.5s  answer restart r1: [" +
		"w1 failed (could not restart node w1: cluster node w1 still starting), " +
		"w2 failed (could not restart node w2: no such file), " +
		"w3 failed (could not restart node w3: exit status 2; it printed: oops), " +
		"w4 ok]"
	if !slices.Contains(w.trace, want) {
		t.Errorf("got %q, want %q among it", w.trace, want)
	}
}

func TestRestartOfADeadNodeStartsItAtOnce(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.kill("worker")
	w.skip()
	w.ask(restart("r1"))
	w.run(time.Minute)
	w.expect(`
		0s worker: CRASHED to PENDING
		0s start worker
		0s hello host to worker#2
		0s worker: PENDING to RUNNING
		0s answer restart r1: [worker ok]
	`)
}

func TestRestartsOfOneNodeAreAnsweredTogether(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.fates["worker"] = fate{stop: time.Second}
	w.ask(restart("r1"))
	w.ask(restart("r2"))
	w.deploy("d2", nodes("worker")...) // does not call the restart off
	w.run(time.Minute)
	w.expect(`
		0s worker: RUNNING to PENDING
		0s stop worker
		0s save 1 nodes
		1s start worker
		1s hello host to worker#2
		1s worker: PENDING to RUNNING
		1s answer restart r1: [worker ok]
		1s answer restart r2: [worker ok]
		1s answer deploy d2: [worker ok]
	`)
}

func TestRestartOfANodeThatIsRemovedFails(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.fates["worker"] = fate{stop: time.Second}
	w.ask(restart("r1"))
	w.deploy("d2")
	w.run(time.Minute)
	w.expect(`
		0s worker: RUNNING to PENDING
		0s stop worker
		0s save 0 nodes
		0s worker: PENDING to STOPPED
		0s answer restart r1: [worker failed (could not restart node worker: the node was removed)]
		1s answer deploy d2: [ok]
	`)
}

func TestStandbyIsAnsweredWhenAllNodesAreGone(t *testing.T) {
	w := running(t, agent.Config{}, nodes("logger", "worker")...)
	w.fates["worker"] = fate{stop: time.Second}
	w.ask(mgmt.AgentStandbyRequest{})
	w.run(time.Minute)
	w.expect(`
		0s save 0 nodes
		0s logger: RUNNING to STOPPED
		0s worker: RUNNING to STOPPED
		0s stop worker
		1s stop logger
		1s answer standby : [ok]
	`)
	w.ask(dispatch("q1"))
	w.expect("1m0s answer dispatch q1: []")
}

func TestStandbyIsAnsweredAtItsDeadlineAtTheLatest(t *testing.T) {
	w := running(t, agent.Config{}, nodes("logger", "worker")...)
	w.fates["worker"] = fate{stop: time.Minute}
	w.fates["logger"] = fate{stop: time.Minute}
	w.ask(mgmt.AgentStandbyRequest{ReqID: "s1"})
	w.run(2 * time.Minute)
	w.expect(`
		0s save 0 nodes
		0s logger: RUNNING to STOPPED
		0s worker: RUNNING to STOPPED
		0s stop worker
		3s stop logger
		5s answer standby s1: [failed (cluster nodes still stopping: logger, worker)]
	`)
}

func TestStandbyAndDeploymentSupersedeEachOther(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.fates["worker"] = fate{mute: true, stop: time.Second}
	w.deploy("d1", nodes("worker")...)
	w.run(0)
	w.skip()
	w.ask(mgmt.AgentStandbyRequest{ReqID: "s1"})
	w.deploy("d2")
	w.run(time.Minute)
	w.expect(`
		0s save 0 nodes
		0s answer deploy d1: [failed (superseded by standby)]
		0s worker: PENDING to STOPPED
		0s stop worker
		0s save 0 nodes
		0s answer standby s1: [failed (superseded by deployment d2)]
		1s answer deploy d2: [ok]
	`)
}

func TestShutdownStopsEverythingInOrderAndStartsNothing(t *testing.T) {
	w := running(t, agent.Config{}, nodes("logger", "worker-1", "worker-2", "worker-3")...)
	w.fates["worker-2"] = fate{stop: 4 * time.Second, deaf: true}
	w.kill("worker-1")
	w.ask(dispatch("q1", "worker-2"))
	w.skip()
	w.step(agent.Shutdown{})
	w.step(agent.Shutdown{})
	w.run(time.Hour)
	w.expect(`
		0s answer dispatch q1: [failed (agent is shutting down)]
		0s logger: RUNNING to STOPPED
		0s worker-1: CRASHED to STOPPED
		0s worker-2: RUNNING to STOPPED
		0s worker-3: RUNNING to STOPPED
		0s stop worker-2
		0s stop worker-3
		3s stop logger
		4s all stopped
	`)
	if got := len(w.saved.Desired.Nodes); got != 4 {
		t.Errorf("%d nodes stay desired, want 4", got)
	}
	if wake, ok := w.m.NextWake(); ok {
		t.Errorf("a Tick is wanted at %v", wake)
	}
}

func TestShutdownDuringAStartStopsWhatWasStarted(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.deploy("d1", nodes("worker-1", "worker-2")...)
	w.fates["worker-2"] = fate{startErr: "no"}
	w.skip()
	w.step(agent.Shutdown{})
	w.run(time.Minute)
	w.expect(`
		0s answer deploy d1: [failed (agent is shutting down)]
		0s worker-1: PENDING to STOPPED
		0s worker-2: PENDING to STOPPED
		0s stop worker-1
		0s stop worker-2
		0s all stopped
	`)
}
