package agent_test

import (
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// sayHello has a new peer say that it is a node.
func (w *world) sayHello(peer mgmt.PeerID, name mgmt.NodeName, proof agent.Proof) {
	w.t.Helper()
	w.step(agent.PeerAdded{Peer: peer})
	w.step(agent.FromNode{Peer: peer, Msg: mgmt.NotifyNodeHello{Node: name}, Proof: proof})
}

// identify has the launched process say hello again, which is known now.
func (w *world) identify(name mgmt.NodeName) {
	w.t.Helper()
	w.step(agent.FromNode{
		Peer: w.procs[name].peer, Msg: mgmt.NotifyNodeHello{Node: name}, Proof: agent.Proof{Is: true},
	})
}

// TestAnotherProgramDoesNotTakeANodesPlace: it gets no questions, its answers do
// not count, and when it leaves the node is as it was.
func TestAnotherProgramDoesNotTakeANodesPlace(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.notes = true
	w.sayHello("stranger", "worker", agent.Proof{Other: "nc (pid 7) of user 0"})
	w.fates["worker"] = fate{deaf: true}
	w.ask(dispatch("q1"))
	leg := w.effects[len(w.effects)-1].(agent.ToNodes).Msg.ReqID
	w.step(agent.FromNode{Peer: "stranger", Msg: mgmt.NodeDispatchResponse{
		ReqID: leg, Result: mgmt.Result{ReqID: leg, Success: true, Node: "worker", Data: mgmt.Text("FORGED")},
	}})
	w.step(agent.PeerLost{Peer: "stranger"})
	w.fates["worker"] = fate{}
	w.ask(dispatch("q2"))
	w.run(0)
	w.expect(`
		0s hello host to stranger
		0s note hello refused: it is not from the process that was launched as the node: workerstranger nc (pid 7) of user 0
		0s ask [worker#1] [get_id_value Cluster::node] of []
		0s note answer ignored: it is not the peer's to give: workerstranger
		0s ask [worker#1] [get_id_value Cluster::node] of []
		0s answer dispatch q2: [worker ok "worker"]
	`)
	if got := w.state("worker"); got != mgmt.Running {
		t.Errorf("the node is %s", got)
	}
}

// TestAConnectedNodeKeepsItsPlace is for where nobody can tell whose a socket is.
func TestAConnectedNodeKeepsItsPlace(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.notes = true
	w.sayHello("second", "worker", agent.Proof{})
	w.ask(dispatch("q1"))
	w.run(0)
	w.expect(`
		0s hello host to second
		0s note hello ignored: the node is connected already: workersecond
		0s ask [worker#1] [get_id_value Cluster::node] of []
		0s answer dispatch q1: [worker ok "worker"]
	`)
}

// TestTheRemainingConnectionCountsWhenANodesIsLost is for a node that connects
// anew before the loss of its old connection is known.
func TestTheRemainingConnectionCountsWhenANodesIsLost(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.sayHello("second", "worker", agent.Proof{})
	w.sayHello("third", "worker", agent.Proof{})
	w.skip()
	w.step(agent.PeerLost{Peer: w.procs["worker"].peer})
	w.procs["worker"].peer = "third"
	if got := w.state("worker"); got != mgmt.Running {
		t.Errorf("the node is %s", got)
	}
	w.ask(dispatch("q1"))
	w.run(0)
	w.expect(`
		0s worker: RUNNING to UNKNOWN
		0s worker: UNKNOWN to RUNNING
		0s ask [third] [get_id_value Cluster::node] of []
		0s answer dispatch q1: [worker ok "worker"]
	`)
}

func TestTheLaunchedProcessTakesThePlaceOfWhoMayBeIt(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.fates["worker"] = fate{hello: time.Second}
	w.step(agent.PeerAdded{Peer: controller})
	w.deploy("d", nodes("worker")...)
	w.run(0)
	w.sayHello("stranger", "worker", agent.Proof{})
	w.run(time.Second)
	w.identify("worker")
	w.skip()
	w.sayHello("second stranger", "worker", agent.Proof{})
	w.skip()
	w.ask(dispatch("q1"))
	w.run(0)
	w.expect(`
		1s ask [worker#1] [get_id_value Cluster::node] of []
		1s answer dispatch q1: [worker ok "worker"]
	`)
}

func TestPeersThatAreBarredMayNotMakeRequests(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.step(agent.PeerAdded{Peer: "sensor-2", Barred: "its certificate is not a controller's"})
	w.skip()
	for _, msg := range []mgmt.Message{
		mgmt.AgentWelcomeRequest{ReqID: "w"},
		mgmt.AgentStandbyRequest{ReqID: "s"},
		restart("r"),
		mgmt.AgentDeployRequest{ReqID: "d", Config: configuration()},
		dispatch("q"),
	} {
		w.step(agent.FromController{Peer: "sensor-2", Msg: msg})
	}
	w.run(time.Minute)
	w.expect(`
		0s answer welcome w: [failed (its certificate is not a controller's)] to sensor-2
		0s answer standby s: [failed (its certificate is not a controller's)] to sensor-2
		0s answer restart r: [failed (its certificate is not a controller's)] to sensor-2
		0s answer deploy d: [failed (its certificate is not a controller's)] to sensor-2
		0s answer dispatch q: [failed (its certificate is not a controller's)] to sensor-2
	`)
	w.deploy("of the controller", nodes("worker")...)
	w.run(0)
	w.expect("1m0s save 1 nodes\n1m0s answer deploy of the controller: [worker ok]")
}
