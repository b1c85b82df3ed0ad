package agent_test

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestDeploymentThatPassesPreflightGoesOnAfterIt(t *testing.T) {
	w := newWorld(t, looking)
	w.sight.after = time.Second
	w.deploy("d1", nodes("logger", "worker")...)
	w.run(10 * time.Second)
	w.expect(`
		0s look at [logger worker]
		1s save 2 nodes
		1s logger: STOPPED to PENDING
		1s worker: STOPPED to PENDING
		1s start logger
		1s start worker
		1s hello host to logger#1
		1s logger: PENDING to RUNNING
		1s hello host to worker#2
		1s worker: PENDING to RUNNING
		1s answer deploy d1: [logger ok, worker ok]
	`)
}

func TestDeploymentThatFailsPreflightChangesNothing(t *testing.T) {
	w := running(t, looking, nodes("worker-1", "worker-2")...)
	saved := w.saved
	w.sight.findings = []mgmt.Finding{
		{Problem: "no capability to capture packets"},
		{Node: "worker-1", Problem: "scripts do not load", Outputs: mgmt.NodeOutputs{Stderr: "error in ./bad.zeek, line 1: syntax error\n"}},
		{Node: "worker-2", Problem: "port 9001 is taken"},
		{Node: "worker-2", Problem: "interface nope0 does not exist", Outputs: mgmt.NodeOutputs{Stderr: "no such device"}},
	}
	w.deploy("d2", changed(node("worker-1")), changed(node("worker-2")))
	w.run(time.Minute)
	w.expect(`
		0s look at [worker-1 worker-2]
		0s answer deploy d2: [failed (preflight failed, nothing was changed` +
		`; node worker-1: scripts do not load; node worker-2: port 9001 is taken; node worker-2: interface nope0 does not exist),` +
		` failed (no capability to capture packets),` +
		` worker-1 failed (scripts do not load) {"" "error in ./bad.zeek, line 1: syntax error"},` +
		` worker-2 failed (port 9001 is taken; interface nope0 does not exist) {"" "no such device"}]
	`)
	if diff := cmp.Diff(saved, w.saved, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("what is saved has changed:\n%s", diff)
	}
}

func TestPreflightKnowsWhatStartsAndWhatRuns(t *testing.T) {
	w := running(t, looking, nodes("logger", "worker")...)
	w.deploy("d2", node("logger"), changed(node("worker")))
	for _, e := range w.effects {
		look, ok := e.(agent.Preflight)
		if !ok {
			continue
		}
		if got := fmt.Sprintf("%s %d %v", look.Start[0].Node.Name, len(look.Start), look.Running); got != "worker 1 [101 102]" {
			t.Errorf("looked at %s", got)
		}
		if want := w.now.Add(4250 * time.Millisecond); !look.Deadline.Equal(want) {
			t.Errorf("deadline %v, want half of the request's, %v", look.Deadline, want)
		}
		return
	}
	t.Error("nothing was looked at")
}

func TestWhatIsNotPreflighted(t *testing.T) {
	both := nodes("logger", "worker")
	for name, ask := range map[string]func(*world){
		"a deployment that changes nothing": func(w *world) { w.deploy("d2", both...) },
		"a deployment that changes nothing while a node is down": func(w *world) {
			w.kill("worker")
			w.deploy("d2", both...)
		},
		"a deployment by force": func(w *world) {
			w.ask(mgmt.AgentDeployRequest{ReqID: "d2", Config: configuration(both...), Force: true})
		},
		"an empty deployment": func(w *world) { w.deploy("d2") },
		"a restart":           func(w *world) { w.ask(restart("r1")) },
		"a crash":             func(w *world) { w.kill("worker") },
		"another life of the agent": func(w *world) {
			w.kill("worker")
			w.boot(looking)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, looking, both...)
			w.sight.findings = refusals
			ask(w)
			w.run(time.Minute)
			for _, e := range w.effects {
				if look, ok := e.(agent.Preflight); ok {
					t.Errorf("looked at %d nodes", len(look.Start))
				}
			}
		})
	}
}

func TestWhatAPreflightDoesNotKnowInTimeIsNoFinding(t *testing.T) {
	w := newWorld(t, looking)
	w.sight = sight{after: 4 * time.Second, unfinished: []mgmt.NodeName{"w1", "w2", "w3", "w4", "w5", "w6"}}
	w.deploy("d1", nodes("worker")...)
	w.run(time.Minute)
	w.expect(`
		0s look at [worker]
		4s log deployment d1 goes on without a complete preflight of nodes w1, w2, w3, w4, w5 and 1 more, which was not finished in time
		4s save 1 nodes
		4s worker: STOPPED to PENDING
		4s start worker
		4s hello host to worker#1
		4s worker: PENDING to RUNNING
		4s answer deploy d1: [worker ok]
	`)
}

func TestPreflightThatHangsHoldsUpADeploymentForHalfOfItsTime(t *testing.T) {
	w := newWorld(t, looking)
	w.sight.blind = true
	w.deploy("d1", nodes("worker")...)
	w.run(time.Minute)
	w.step(agent.Preflighted{ID: 1, Findings: refusals})
	w.expect(`
		0s look at [worker]
		5.25s log deployment d1 goes on without a complete preflight of node worker, which was not finished in time
		5.25s save 1 nodes
		5.25s worker: STOPPED to PENDING
		5.25s start worker
		5.25s hello host to worker#1
		5.25s worker: PENDING to RUNNING
		5.25s answer deploy d1: [worker ok]
	`)
}

func TestWhatIsFoundInTimeRefusesThoughTheRestIsNotKnown(t *testing.T) {
	w := newWorld(t, looking)
	w.sight = sight{
		after:      time.Second,
		findings:   []mgmt.Finding{{Node: "w1", Problem: "bad"}},
		unfinished: []mgmt.NodeName{"w2"},
	}
	w.deploy("d1", nodes("w1", "w2")...)
	w.run(time.Minute)
	w.expect(`
		0s look at [w1 w2]
		1s answer deploy d1: [failed (preflight failed, nothing was changed; node w1: bad), w1 failed (bad)]
	`)
}

func TestStrictPreflightRefusesWhatIsNotKnownInTime(t *testing.T) {
	w := newWorld(t, strict)
	w.sight = sight{after: 8 * time.Second, unfinished: []mgmt.NodeName{"worker"}}
	w.deploy("d1", nodes("worker")...)
	w.run(time.Minute)
	w.expect(`
		0s look at [worker]
		8s answer deploy d1: [failed (preflight failed, nothing was changed; node worker: it could not be looked at in time), worker failed (it could not be looked at in time)]
	`)
}

func TestStrictPreflightThatHangsIsAnsweredAtTheDeadline(t *testing.T) {
	w := newWorld(t, strict)
	w.sight.blind = true
	w.deploy("d1", nodes("worker")...)
	w.run(time.Minute)
	w.step(agent.Preflighted{ID: 1})
	w.expect(`
		0s look at [worker]
		8.5s answer deploy d1: [failed (preflight took too long, nothing was changed)]
	`)
}

func TestSameDeploymentAgainWhileItIsBeingLookedAt(t *testing.T) {
	again := func(t *testing.T, findings ...mgmt.Finding) *world {
		w := newWorld(t, looking)
		w.sight.after, w.sight.findings = time.Second, findings
		for _, id := range []mgmt.ReqID{"d1", "d2", "d3"} {
			w.deploy(id, nodes("worker")...)
		}
		w.run(2 * time.Second)
		return w
	}
	t.Run("nothing is in the way", func(t *testing.T) {
		again(t).expect(`
			0s look at [worker]
			0s look at [worker]
			0s look at [worker]
			1s save 1 nodes
			1s worker: STOPPED to PENDING
			1s start worker
			1s hello host to worker#1
			1s worker: PENDING to RUNNING
			1s answer deploy d1: [worker ok]
			1s answer deploy d2: [worker ok]
			1s answer deploy d3: [worker ok]
		`)
	})
	t.Run("it cannot succeed", func(t *testing.T) {
		again(t, mgmt.Finding{Node: "worker", Problem: "port 9001 is taken"}).expect(fmt.Sprintf(`
			0s look at [worker]
			0s look at [worker]
			0s look at [worker]
			1s answer deploy d1: [%[1]s]
			1s answer deploy d2: [%[1]s]
			1s answer deploy d3: [%[1]s]
		`, "failed (preflight failed, nothing was changed; node worker: port 9001 is taken), worker failed (port 9001 is taken)"))
	})
}

func TestDeploymentSupersedesOneThatIsBeingLookedAt(t *testing.T) {
	w := newWorld(t, looking)
	w.sight.after = time.Second
	w.deploy("d1", nodes("worker-1")...)
	w.deploy("d2", nodes("worker-2")...)
	w.run(2 * time.Second)
	w.expect(`
		0s look at [worker-1]
		0s answer deploy d1: [failed (superseded by deployment d2)]
		0s look at [worker-2]
		1s save 1 nodes
		1s worker-2: STOPPED to PENDING
		1s start worker-2
		1s hello host to worker-2#1
		1s worker-2: PENDING to RUNNING
		1s answer deploy d2: [worker-2 ok]
	`)
}

func TestWhateverEndsADeploymentEndsItsPreflight(t *testing.T) {
	for name, tt := range map[string]struct {
		end  func(*world)
		want string
	}{
		"standby": {
			func(w *world) { w.ask(mgmt.AgentStandbyRequest{ReqID: "s1"}) },
			`0s save 0 nodes
			0s answer deploy d1: [failed (superseded by standby)]
			0s answer standby s1: [ok]`,
		},
		"a deployment without preflight": {
			func(w *world) { w.deploy("d2") },
			`0s save 0 nodes
			0s answer deploy d1: [failed (superseded by deployment d2)]
			0s answer deploy d2: [ok]`,
		},
		"shutdown": {
			func(w *world) { w.step(agent.Shutdown{}) },
			`0s answer deploy d1: [failed (agent is shutting down)]
			0s all stopped`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, looking)
			w.sight.after = time.Second
			w.deploy("d1", nodes("worker")...)
			w.skip()
			tt.end(w)
			w.run(time.Minute)
			w.expect(tt.want)
		})
	}
}

func TestPreflightThenASaveThatFailsChangesNothing(t *testing.T) {
	w := newWorld(t, looking)
	w.saveErr = "disk full"
	w.deploy("d1", nodes("worker")...)
	w.run(time.Minute)
	w.expect(`
		0s look at [worker]
		0s save 1 nodes
		0s answer deploy d1: [failed (save configuration: disk full)]
	`)
}

func TestSummaryOfManyFindingsIsShort(t *testing.T) {
	w := newWorld(t, looking)
	for i := range 9 {
		w.sight.findings = append(w.sight.findings, mgmt.Finding{Node: mgmt.NodeName(fmt.Sprint("w", i)), Problem: "bad"})
	}
	w.deploy("d1", nodes("w0")...)
	w.run(time.Second)
	for _, e := range w.effects {
		if to, ok := e.(agent.ToController); ok {
			got := to.Msg.(mgmt.AgentDeployResponse).Results
			want := "preflight failed, nothing was changed; node w0: bad; node w1: bad; node w2: bad; node w3: bad; node w4: bad; and 4 more"
			if got[0].Error != want || len(got) != 10 {
				t.Errorf("%d results, the first of them %q", len(got), got[0].Error)
			}
		}
	}
}
