package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func dispatch(id mgmt.ReqID, nodes ...mgmt.NodeName) mgmt.AgentDispatchRequest {
	return mgmt.AgentDispatchRequest{ReqID: id, Action: []string{"get_id_value", "Cluster::node"}, Nodes: nodes}
}

func TestDispatchGoesToTheNodesItNamesAndIsAnsweredWhenAllHave(t *testing.T) {
	w := running(t, agent.Config{}, four...)
	w.ask(dispatch("q1"))
	w.ask(dispatch("q2", "worker-2", "logger", "no-such-node"))
	w.run(0)
	w.expect(`
		0s ask [logger#1 manager#2 worker-1#3 worker-2#4] [get_id_value Cluster::node] of []
		0s ask [logger#1 worker-2#4] [get_id_value Cluster::node] of [worker-2 logger no-such-node]
		0s answer dispatch q1: [logger ok "logger", manager ok "manager", worker-1 ok "worker-1", worker-2 ok "worker-2"]
		0s answer dispatch q2: [logger ok "logger", worker-2 ok "worker-2"]
	`)
}

func TestDispatchResultsNameInstanceNodeAndTheControllersRequest(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.ask(dispatch("q1"))
	w.run(0)
	want := agent.ToController{Peer: controller, Msg: mgmt.AgentDispatchResponse{ReqID: "q1", Results: []mgmt.Result{
		{ReqID: "q1", Success: true, Instance: "host", Node: "worker", Data: mgmt.Text(`"worker"`)},
	}}}
	if diff := cmp.Diff(want, w.effects[len(w.effects)-1]); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
	leg := w.effects[0].(agent.ToNodes).Msg.ReqID
	if len(leg) < 16 || leg == "q1" {
		t.Errorf("the nodes were asked under the ID %q", leg)
	}
}

func TestDispatchWithoutTargetsIsAnsweredEmptyAtOnce(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.ask(dispatch("no nodes"))
	w.expect("0s answer dispatch no nodes: []")
	w = running(t, agent.Config{}, nodes("worker")...)
	w.ask(dispatch("no overlap", "manager"))
	w.expect("0s answer dispatch no overlap: []")
}

func TestDispatchToNodesThatAreNotUpFailsAtOnce(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker-1", "worker-2")...)
	w.kill("worker-1")
	w.fates["worker-2"] = fate{hello: time.Minute}
	w.ask(mgmt.AgentRestartRequest{ReqID: "r1", Nodes: []mgmt.NodeName{"worker-2"}})
	w.run(0)
	w.skip()
	w.ask(dispatch("q1"))
	w.expect(`0s answer dispatch q1: [worker-1 failed (cluster node worker-1 not in running state), worker-2 failed (cluster node worker-2 not in running state)]`)
}

func TestDispatchWaitsForTheConnectionOfANodeThatIsUp(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.fates["worker-2"] = fate{hello: 2 * time.Second}
	w.deploy("d1", nodes("worker-1", "worker-2")...)
	w.run(0)
	w.step(agent.Ready{Node: "worker-2", Launch: 2})
	w.skip()
	w.ask(dispatch("q1", "worker-1", "worker-2"))
	w.run(time.Minute)
	w.expect(`
		0s ask [worker-1#1] [get_id_value Cluster::node] of [worker-1 worker-2]
		2s hello host to worker-2#2
		2s ask [worker-2#2] [get_id_value Cluster::node] of [worker-1 worker-2]
		2s answer dispatch q1: [worker-1 ok "worker-1", worker-2 ok "worker-2"]
	`)
}

func TestDispatchRightAfterARestartWaitsForTheConnection(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.fates["worker"] = fate{hello: time.Second}
	w.ask(mgmt.AgentRestartRequest{ReqID: "r1"})
	w.run(0)
	w.step(agent.Ready{Node: "worker", Launch: 2})
	w.skip()
	w.ask(dispatch("q1"))
	w.ask(dispatch("q2"))
	w.run(time.Minute)
	w.expect(`
		1s hello host to worker#2
		1s ask [worker#2] [get_id_value Cluster::node] of []
		1s ask [worker#2] [get_id_value Cluster::node] of []
		1s answer dispatch q1: [worker ok "worker"]
		1s answer dispatch q2: [worker ok "worker"]
	`)
}

func TestDispatchWaitsForAdoptedNodesToConnectAgain(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.boot(agent.Config{})
	w.skip()
	w.ask(dispatch("q1"))
	w.after(time.Second, func() { w.connect("worker", w.procs["worker"]) })
	w.run(time.Minute)
	w.expect(`
		1s hello host to worker#1
		1s worker: UNKNOWN to RUNNING
		1s ask [worker#1] [get_id_value Cluster::node] of []
		1s answer dispatch q1: [worker ok "worker"]
	`)
}

func TestDispatchWaitsForAConnectionThatWasLostToComeBack(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.disconnect("worker")
	w.skip()
	w.ask(dispatch("q1"))
	w.after(time.Second, func() { w.connect("worker", w.procs["worker"]) })
	w.run(time.Minute)
	w.expect(`
		1s hello host to worker#1
		1s worker: UNKNOWN to RUNNING
		1s ask [worker#1] [get_id_value Cluster::node] of []
		1s answer dispatch q1: [worker ok "worker"]
	`)
}

func TestDispatchToANodeThatDoesNotConnectFailsAtItsDeadline(t *testing.T) {
	w := newWorld(t, agent.Config{RequestTimeout: 3 * time.Second})
	w.fates["worker"] = fate{mute: true}
	w.deploy("d1", nodes("worker")...)
	w.run(0)
	w.step(agent.Ready{Node: "worker", Launch: 1})
	w.skip()
	w.ask(dispatch("q1"))
	w.run(time.Minute)
	w.expect(`3s answer dispatch q1: [worker failed (cluster node worker is not connected)]`)
}

func TestDispatchThatWaitsForAConnectionFailsWhenTheNodeEnds(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.fates["worker"] = fate{mute: true}
	w.deploy("d1", nodes("worker")...)
	w.run(0)
	w.step(agent.Ready{Node: "worker", Launch: 1})
	w.ask(dispatch("q1"))
	w.kill("worker")
	want := "0s    answer dispatch q1: [worker failed (cluster node worker exited: killed by SIGKILL)]"
	if !slices.Contains(w.trace, want) {
		t.Errorf("got %q, want %q among it", w.trace, want)
	}
}

func TestSilentNodeIsNamedAtTheDeadlineAndTheOthersAnswersAreKept(t *testing.T) {
	w := running(t, agent.Config{RequestTimeout: 3 * time.Second}, four...)
	w.fates["worker-1"] = fate{deaf: true}
	w.ask(dispatch("q1"))
	w.run(time.Minute)
	w.expect(`
		0s ask [logger#1 manager#2 worker-1#3 worker-2#4] [get_id_value Cluster::node] of []
		3s answer dispatch q1: [logger ok "logger", manager ok "manager", worker-1 failed (request timed out), worker-2 ok "worker-2"]
	`)
}

func TestNodeThatIsLostFailsItsDispatchesAtOnce(t *testing.T) {
	for name, tt := range map[string]struct {
		lose func(*world)
		want string
	}{
		"its peering ends": {
			func(w *world) { w.disconnect("worker") },
			"connection to cluster node worker lost",
		},
		"it exits": {
			func(w *world) { w.kill("worker") },
			"cluster node worker exited: killed by SIGKILL",
		},
		"it is restarted": {
			func(w *world) { w.ask(mgmt.AgentRestartRequest{ReqID: "r"}) },
			"cluster node worker was stopped",
		},
		"it is removed": {
			func(w *world) { w.deploy("d") },
			"cluster node worker was stopped",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, agent.Config{}, nodes("worker")...)
			w.fates["worker"] = fate{deaf: true}
			w.ask(dispatch("q1"))
			tt.lose(w)
			want := "0s    answer dispatch q1: [worker failed (" + tt.want + ")]"
			if !slices.Contains(w.trace, want) {
				t.Errorf("got %q, want %q among it", w.trace, want)
			}
			w.run(time.Minute)
		})
	}
}

func TestOnlyTheFirstAnswerOfTheNodeItselfCounts(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker-1", "worker-2")...)
	w.fates["worker-1"], w.fates["worker-2"] = fate{deaf: true}, fate{deaf: true}
	w.ask(dispatch("q1"))
	leg := w.effects[len(w.effects)-1].(agent.ToNodes).Msg.ReqID
	w.skip()
	answer := func(peer mgmt.PeerID, node mgmt.NodeName, text string) {
		w.step(agent.FromNode{Peer: peer, Msg: mgmt.NodeDispatchResponse{
			ReqID:  leg,
			Result: mgmt.Result{ReqID: leg, Success: true, Node: node, Data: mgmt.Text(text)},
		}})
	}
	w.step(agent.PeerAdded{Peer: "stranger"})
	answer("stranger", "worker-1", "forged")
	answer("unheard-of", "worker-1", "forged")
	answer("worker-2#2", "worker-1", "forged")
	answer("worker-1#1", "", "true") // that it leaves out its name is no harm
	answer("worker-1#1", "worker-1", "again")
	answer("worker-2#2", "worker-2", "2")
	w.expect(`
		0s hello host to stranger
		0s answer dispatch q1: [worker-1 ok true, worker-2 ok 2]
	`)
}

func TestAnswersThatCannotBePassedOnBecomeFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		action string
		res    mgmt.Result
		want   mgmt.Result
	}{
		"a failure keeps its error and nothing else": {
			"get_id_value",
			mgmt.Result{Error: "unknown id", Instance: "forged", Data: mgmt.Text("x")},
			mgmt.Result{Error: "unknown id"},
		},
		"data of a wrong type": {
			"get_id_value",
			mgmt.Result{Success: true, Data: mgmt.BadData{Reason: "data is a count, not a string"}},
			mgmt.Result{Error: "data is a count, not a string"},
		},
		"data of another message": {
			"get_id_value",
			mgmt.Result{Success: true, Data: mgmt.NodeOutputs{}},
			mgmt.Result{Error: "answer lacks the text of a value"},
		},
		"a value that is not there": {
			"get_id_value",
			mgmt.Result{Success: true},
			mgmt.Result{Error: "answer lacks the text of a value"},
		},
		"but other dispatches need not have one": {
			"rotate_logs",
			mgmt.Result{Success: true},
			mgmt.Result{Success: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, agent.Config{}, nodes("worker")...)
			w.fates["worker"] = fate{deaf: true}
			w.ask(mgmt.AgentDispatchRequest{ReqID: "q1", Action: []string{tt.action, "x"}})
			leg := w.effects[0].(agent.ToNodes).Msg.ReqID
			w.skip()
			tt.res.ReqID, tt.res.Node = leg, "worker"
			w.step(agent.FromNode{Peer: "worker#1", Msg: mgmt.NodeDispatchResponse{ReqID: leg, Result: tt.res}})
			tt.want.ReqID, tt.want.Instance, tt.want.Node = "q1", "host", "worker"
			want := []agent.Effect{agent.ToController{Peer: controller, Msg: mgmt.AgentDispatchResponse{ReqID: "q1", Results: []mgmt.Result{tt.want}}}}
			if diff := cmp.Diff(want, w.effects); diff != "" {
				t.Errorf("effects (-want +got):\n%s", diff)
			}
		})
	}
}

// TestSetOptionOfACommandNeedsThePermissionOfTheHost: what a node's description
// may not set is not set at run time either.
func TestSetOptionOfACommandNeedsThePermissionOfTheHost(t *testing.T) {
	set := mgmt.AgentDispatchRequest{ReqID: "q1", Action: []string{"set_option", "Notice::sendmail", "/tmp/x"}}
	w := running(t, agent.Config{}, nodes("worker")...)
	w.ask(set)
	w.run(0)
	w.expect(`
		0s answer dispatch q1: [failed (set_option would set option 'Notice::sendmail', which can run commands on this host; its operator can allow that with agent.allow_options)]
	`)
	w = running(t, agent.Config{Permits: mgmt.Permits{Options: []string{"Notice::sendmail"}}}, nodes("worker")...)
	w.ask(set)
	w.expect(`0s ask [worker#1] [set_option Notice::sendmail /tmp/x] of []`)
	w.ask(mgmt.AgentDispatchRequest{ReqID: "q2", Action: []string{"set_option", "SMTP::mail_path", "x"}})
	w.expect(`0s ask [worker#1] [set_option SMTP::mail_path x] of []`)
}
