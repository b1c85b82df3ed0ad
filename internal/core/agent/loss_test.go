package agent_test

import (
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

const ignorance = "the agent does not know what it should run: its state is missing. It keeps worker-1, worker-2" +
	" running, and starts and stops nothing until a controller tells it what should run (deploy)"

// amnesiac is an agent whose state is gone, with what it left running.
func amnesiac(t *testing.T, names ...mgmt.NodeName) *world {
	w := running(t, agent.Config{}, nodes(names...)...)
	w.saved = agent.State{}
	w.boot(agent.Config{})
	return w
}

func TestAgentThatHasLostItsStateKeepsWhatRunsAndSaysSo(t *testing.T) {
	w := amnesiac(t, "worker-1", "worker-2")
	w.connect("worker-1", w.procs["worker-1"])
	w.run(time.Hour)
	w.step(agent.PeerAdded{Peer: controller})
	w.ask(mgmt.AgentWelcomeRequest{ReqID: "w"})
	w.ask(mgmt.AgentGetNodesRequest{ReqID: "n"})
	w.expect(`
		0s log ` + ignorance + `
		0s hello host to worker-1#1
		0s worker-1: UNKNOWN to RUNNING
		1h0m0s hello host to controller
		1h0m0s answer welcome w: [ok]
		1h0m0s log ` + ignorance + `
		1h0m0s answer nodes n: [ok (` + ignorance + `)]
	`)
	if len(w.procs) != 2 {
		t.Errorf("%d processes live, want 2", len(w.procs))
	}
}

func TestAgentThatHasLostItsStateIsToldAndRestartsNothing(t *testing.T) {
	w := amnesiac(t, "worker-1", "worker-2")
	one, two := w.pid("worker-1"), w.pid("worker-2")
	w.connect("worker-1", w.procs["worker-1"])
	w.connect("worker-2", w.procs["worker-2"])
	w.skip()
	w.deploy("d", nodes("worker-1", "worker-2")...)
	w.expect(`
		0s save 2 nodes
		0s answer deploy d: [worker-1 ok, worker-2 ok]
	`)
	if w.pid("worker-1") != one || w.pid("worker-2") != two {
		t.Error("a node lost its process")
	}
}

func TestAgentThatHasLostItsStateStandsByWhenItIsTold(t *testing.T) {
	w := amnesiac(t, "worker-1", "worker-2")
	w.skip()
	w.ask(mgmt.AgentStandbyRequest{ReqID: "s"})
	w.run(time.Second)
	w.expect(`
		0s save 0 nodes
		0s worker-1: UNKNOWN to STOPPED
		0s worker-2: UNKNOWN to STOPPED
		0s stop worker-1
		0s stop worker-2
		0s answer standby s: [ok]
	`)
}

func TestNothingIsLookedAtAnewThatRunsAlreadyAsItShould(t *testing.T) {
	w := amnesiac(t, "worker-1", "worker-2")
	w.boot(looking)
	w.skip()
	w.deploy("d", nodes("worker-1", "worker-2")...)
	w.expect(`
		0s save 2 nodes
	`)
}

func TestAgentThatHasLostItsStateDispatchesAndDoesNotRestart(t *testing.T) {
	w := amnesiac(t, "worker-1", "worker-2")
	w.connect("worker-1", w.procs["worker-1"])
	w.skip()
	w.ask(dispatch("g", "worker-1"))
	w.run(time.Millisecond)
	w.ask(restart("r", "worker-1"))
	w.expect(`
		0s ask [worker-1#1] [get_id_value Cluster::node] of [worker-1]
		0s answer dispatch g: [worker-1 ok "worker-1"]
		1ms answer restart r: [failed (` + ignorance + `)]
	`)
}

func TestKeptNodeThatEndsIsNotStartedAgainAndSaidSo(t *testing.T) {
	w := amnesiac(t, "worker-1", "worker-2")
	w.skip()
	w.kill("worker-1")
	w.run(time.Hour)
	w.expect(`
		0s worker-1: UNKNOWN to CRASHED
		0s error node worker-1 ended: killed by SIGKILL. It is not started again: the agent does not know what it should run, until a controller tells it (deploy)
	`)
}

func TestStandbyIsAWishThatSurvivesTheAgent(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker-1")...)
	w.fates["worker-1"] = fate{stop: time.Hour}
	w.ask(mgmt.AgentStandbyRequest{ReqID: "s"})
	w.boot(agent.Config{}) // killed before the node has ended
	w.skip()
	w.run(2 * time.Hour)
	if len(w.procs) != 0 {
		t.Error("the node runs on, although the agent was told to stand by")
	}
}

func TestNothingIsStartedInThePlaceOfAProcessThatCannotBeSeen(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker-1", "worker-2")...)
	w.procs["worker-1"].unseen = true
	w.boot(agent.Config{})
	w.connect("worker-2", w.procs["worker-2"])
	w.run(time.Hour)
	w.expect(`
		0s error process of worker-1 cannot be seen
		0s hello host to worker-2#2
		0s worker-2: UNKNOWN to RUNNING
	`)
	if got := w.state("worker-1"); got != mgmt.Unknown {
		t.Errorf("worker-1 is %s, want UNKNOWN", got)
	}
	w.deploy("d", changed(node("worker-1")), node("worker-2"))
	w.ask(restart("r", "worker-1"))
	w.ask(mgmt.AgentGetNodesRequest{ReqID: "n"})
	w.expect(`
		1h0m0s save 2 nodes
		1h0m0s answer deploy d: [worker-1 failed (process of worker-1 cannot be seen), worker-2 ok]
		1h0m0s answer restart r: [worker-1 failed (could not restart node worker-1: process of worker-1 cannot be seen)]
		1h0m0s answer nodes n: [ok (process of worker-1 cannot be seen)]
	`)
	w.kill("worker-1")
	w.run(time.Minute)
	w.expect(`
		1h0m0s worker-1: UNKNOWN to PENDING
		1h0m0s start worker-1
		1h0m0s hello host to worker-1#3
		1h0m0s worker-1: PENDING to RUNNING
	`)
}

func TestStandbyNamesTheProcessThatCannotBeSeen(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker-1", "worker-2")...)
	w.procs["worker-1"].unseen = true
	w.boot(agent.Config{})
	w.skip()
	w.ask(mgmt.AgentStandbyRequest{ReqID: "s"})
	w.run(time.Second)
	w.kill("worker-1")
	w.expect(`
		0s save 0 nodes
		0s worker-2: UNKNOWN to STOPPED
		0s stop worker-2
		0s answer standby s: [failed (process of worker-1 cannot be seen)]
		1s worker-1: UNKNOWN to STOPPED
	`)
}

// stuck runs a node that cannot be signalled.
func stuck(t *testing.T) *world {
	w := running(t, agent.Config{}, nodes("worker-1")...)
	w.fates["worker-1"] = fate{stuck: "operation not permitted"}
	return w
}

const stuckText = "process 101 of cluster node worker-1 cannot be stopped and runs on: operation not permitted"

func TestStandbyAwaitsAProcessThatIsAskedToEndOnceMore(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker-1", "worker-2")...)
	w.fates["worker-1"] = fate{stuck: "operation not permitted"}
	w.fates["worker-2"] = fate{stop: 2 * time.Second}
	w.ask(mgmt.AgentStandbyRequest{ReqID: "s"})
	w.run(time.Second)
	w.fates["worker-1"] = fate{stop: 3 * time.Second}
	w.ask(mgmt.AgentStandbyRequest{ReqID: "s2"})
	w.run(time.Minute)
	w.expect(`
		0s save 0 nodes
		0s worker-1: RUNNING to STOPPED
		0s worker-2: RUNNING to STOPPED
		0s stop worker-1
		0s stop worker-2
		0s worker-1: STOPPED to UNKNOWN
		1s save 0 nodes
		1s worker-1: UNKNOWN to STOPPED
		1s stop worker-1
		4s answer standby s: [ok]
		4s answer standby s2: [ok]
	`)
}

func TestRestartOfANodeThatCannotBeSignalledFailsAtOnceAndSaysWhy(t *testing.T) {
	w := stuck(t)
	w.ask(restart("r", "worker-1"))
	w.run(time.Hour)
	w.expect(`
		0s worker-1: RUNNING to PENDING
		0s stop worker-1
		0s worker-1: PENDING to UNKNOWN
		0s answer restart r: [worker-1 failed (could not restart node worker-1: ` + stuckText + `)]
	`)
	// What the operator has put right works at the next try.
	w.fates["worker-1"] = fate{}
	w.ask(restart("r2", "worker-1"))
	w.run(time.Minute)
	w.expect(`
		1h0m0s worker-1: UNKNOWN to PENDING
		1h0m0s stop worker-1
		1h0m0s start worker-1
		1h0m0s hello host to worker-1#2
		1h0m0s worker-1: PENDING to RUNNING
		1h0m0s answer restart r2: [worker-1 ok]
	`)
}

func TestNodeThatCannotBeSignalledIsReplacedWhenItEndsByItself(t *testing.T) {
	w := stuck(t)
	w.deploy("d", changed(node("worker-1")))
	w.run(time.Minute)
	w.kill("worker-1")
	w.run(time.Minute)
	w.expect(`
		0s save 1 nodes
		0s worker-1: RUNNING to PENDING
		0s stop worker-1
		0s worker-1: PENDING to UNKNOWN
		0s answer deploy d: [worker-1 failed (` + stuckText + `)]
		1m0s worker-1: UNKNOWN to PENDING
		1m0s start worker-1
		1m0s hello host to worker-1#2
		1m0s worker-1: PENDING to RUNNING
	`)
}

func TestNodeThatCannotBeSignalledGoesOnWhenItIsWantedAsItIs(t *testing.T) {
	w := stuck(t)
	w.deploy("d", changed(node("worker-1")))
	w.run(time.Minute)
	w.skip()
	w.deploy("d2", node("worker-1"))
	w.expect(`
		1m0s save 1 nodes
		1m0s worker-1: UNKNOWN to RUNNING
		1m0s answer deploy d2: [worker-1 ok]
	`)
}

func TestStandbyAndShutdownDoNotWaitForWhatCannotBeStopped(t *testing.T) {
	w := stuck(t)
	w.ask(mgmt.AgentStandbyRequest{ReqID: "s"})
	w.run(time.Second)
	w.step(agent.Shutdown{})
	w.run(time.Second)
	got := strings.Join(w.trace, "\n")
	for _, want := range []string{"answer standby s: [failed (" + stuckText + ")]", "all stopped"} {
		if !strings.Contains(got, want) {
			t.Errorf("trace lacks %q:\n%s", want, got)
		}
	}
}

func TestNodeNamedAsItsAgentIsRefused(t *testing.T) {
	w := newWorld(t, agent.Config{Name: "Host"})
	n := node("hOST")
	n.Instance = "Host"
	w.deploy("d", n)
	w.expect(`
		0s answer deploy d: [failed (node "hOST" has the name of the agent, whose directory it would run in)]
	`)
}
