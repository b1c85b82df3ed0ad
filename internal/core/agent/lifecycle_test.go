package agent_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestNodeThatEndsByItselfIsStartedAgain(t *testing.T) {
	w := running(t, agent.Config{}, nodes("logger", "worker")...)
	before := w.pid("worker")
	w.kill("worker")
	w.run(10 * time.Second)
	w.expect(`
		0s worker: RUNNING to CRASHED
		0s error node worker crashed: killed by SIGKILL
		1s worker: CRASHED to PENDING
		1s start worker
		1s hello host to worker#3
		1s worker: PENDING to RUNNING
	`)
	if w.pid("worker") == before {
		t.Error("the PID did not change")
	}
}

func TestCrashLoopBacksOffAndIsGivenUpButTriedEveryFiveMinutes(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.fates["worker"] = fate{mute: true, exit: 100 * time.Millisecond, reason: "exit status 1"}
	var starts []time.Duration
	var failed int
	last := w.now
	w.kill("worker")
	for range 13 {
		w.trace = nil
		for len(w.trace) == 0 || w.pid("worker") == 0 {
			wake, ok := w.m.NextWake()
			if !ok {
				t.Fatal("the node is not tried again")
			}
			w.run(wake.Sub(w.now))
		}
		starts = append(starts, w.now.Sub(last))
		w.run(100 * time.Millisecond)
		last = w.now
		if w.state("worker") == mgmt.Failed {
			failed++
		}
	}
	const s = time.Second
	want := []time.Duration{s, s, s, 2 * s, 2 * s, 2 * s, 4 * s, 4 * s, 4 * s, 300 * s, 300 * s, 300 * s, 300 * s}
	if fmt.Sprint(starts) != fmt.Sprint(want) {
		t.Errorf("delays are %v, want %v", starts, want)
	}
	if failed != 5 { // the tenth failure is that of the ninth restart
		t.Errorf("FAILED after %d restarts, want 5", failed)
	}
	want13 := "error node worker failed 14 times in a row, next try in 5m0s: exit status 1"
	if got := w.trace[len(w.trace)-1]; got[len(got)-len(want13):] != want13 {
		t.Errorf("the last report is %q, want %q", got, want13)
	}
}

func TestLongLifeForgetsEarlierFailures(t *testing.T) {
	for name, tt := range map[string]struct {
		life time.Duration
		want time.Duration
	}{
		"a life of 30 s": {30 * time.Second, time.Second},
		"a shorter life": {30*time.Second - 1, 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, agent.Config{}, nodes("worker")...)
			for range 3 {
				w.kill("worker")
				w.run(time.Second)
			}
			w.run(tt.life)
			w.kill("worker")
			wake, _ := w.m.NextWake()
			if got := wake.Sub(w.now); got != tt.want {
				t.Errorf("restart after %v, want %v", got, tt.want)
			}
		})
	}
}

func TestBackoffIsCappedAndJittered(t *testing.T) {
	w := running(t, agent.Config{Backoff: agent.Backoff{Max: 3 * time.Second, GiveUp: 1000, Jitter: 0.25}}, nodes("worker")...)
	seen := map[time.Duration]bool{}
	for i := range 30 {
		w.kill("worker")
		wake, _ := w.m.NextWake()
		d := wake.Sub(w.now)
		seen[d] = true
		if d > 3*time.Second {
			t.Errorf("delay %d is %v, above the cap", i, d)
		}
		if i == 0 && (d < 750*time.Millisecond || d > 1250*time.Millisecond) {
			t.Errorf("the first delay is %v, want 1 s give or take a quarter", d)
		}
		w.run(d)
	}
	if len(seen) < 10 {
		t.Errorf("only %d different delays", len(seen))
	}
}

func TestStartThatFailsIsTriedAgain(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.fates["worker"] = fate{startErr: "fork: resource temporarily unavailable"}
	w.kill("worker")
	w.run(1500 * time.Millisecond)
	w.fates["worker"] = fate{}
	w.run(time.Second)
	w.expect(`
		0s worker: RUNNING to CRASHED
		0s error node worker crashed: killed by SIGKILL
		1s worker: CRASHED to PENDING
		1s start worker
		1s worker: PENDING to FAILED
		1s error failed to create node worker: fork: resource temporarily unavailable
		2s worker: FAILED to PENDING
		2s start worker
		2s hello host to worker#3
		2s worker: PENDING to RUNNING
	`)
}

func TestNodeWhosePeeringIsLostIsUnknownUntilItsNextHello(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	p := w.procs["worker"]
	w.disconnect("worker")
	w.after(2*time.Second, func() { w.connect("worker", p) })
	w.run(time.Minute)
	w.expect(`
		0s worker: RUNNING to UNKNOWN
		2s hello host to worker#1
		2s worker: UNKNOWN to RUNNING
	`)
}

func TestHelloCountsOnlyFromAPeeringYoungerThanTheLaunch(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.notes = true
	w.fates["worker"] = fate{mute: true}
	w.step(agent.PeerAdded{Peer: "old"})
	w.deploy("d1", nodes("worker")...)
	w.run(0)
	w.skip()
	w.step(agent.FromNode{Peer: "old", Msg: mgmt.NotifyNodeHello{Node: "worker"}})
	w.step(agent.PeerAdded{Peer: "new"})
	w.step(agent.FromNode{Peer: "new", Msg: mgmt.NotifyNodeHello{Node: "worker"}})
	w.step(agent.FromNode{Peer: "new", Msg: mgmt.NotifyNodeHello{Node: "worker"}})
	w.step(agent.FromNode{Peer: "new", Msg: mgmt.NotifyNodeHello{Node: "manager"}})
	w.expect(`
		0s note hello ignored: the peering is older than the process: workerold
		0s hello host to new
		0s worker: PENDING to RUNNING
		0s answer deploy d1: [worker ok]
		0s note hello ignored: the peer is another node already: managernew
	`)
}

func TestHellosThatBelongToNoProcessAreIgnored(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker-1", "worker-2")...)
	w.notes = true
	w.kill("worker-1")
	w.fates["worker-2"] = fate{stop: time.Second}
	w.ask(mgmt.AgentRestartRequest{ReqID: "r", Nodes: []mgmt.NodeName{"worker-2"}})
	w.skip()
	for i, name := range []mgmt.NodeName{"no-such-node", "worker-1", "worker-2"} {
		peer := mgmt.PeerID(fmt.Sprint(i))
		w.step(agent.PeerAdded{Peer: peer})
		w.step(agent.FromNode{Peer: peer, Msg: mgmt.NotifyNodeHello{Node: name}})
	}
	w.expect(`
		0s hello host to 0
		0s note hello ignored: no such node here: no-such-node0
		0s hello host to 1
		0s note hello ignored: the node does not run: worker-11
		0s hello host to 2
		0s note hello ignored: the node is being stopped: worker-22
	`)
}

func TestNodeThatConnectsOnceMoreAsItStopsIsNoWarning(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.fates["worker"] = fate{stop: time.Second}
	w.ask(mgmt.AgentRestartRequest{ReqID: "r", Nodes: []mgmt.NodeName{"worker"}})
	w.skip()
	warned := func(ev agent.Event) (texts []string) {
		for _, e := range w.m.Step(w.now, ev) {
			if n, ok := e.(agent.Note); ok && n.Level == agent.Warn {
				texts = append(texts, n.Text)
			}
		}
		return texts
	}
	w.step(agent.PeerAdded{Peer: "once-more"})
	hello := warned(agent.FromNode{Peer: "once-more", Msg: mgmt.NotifyNodeHello{Node: "worker"}})
	dispatches := warned(agent.FromNode{Peer: "once-more", Msg: mgmt.NotifyDispatches{Node: "worker"}})
	if len(hello)+len(dispatches) > 0 {
		t.Errorf("warned: %q, %q", hello, dispatches)
	}
	if got := warned(agent.FromNode{Peer: "once-more", Msg: mgmt.NotifyDispatches{Node: "other"}}); len(got) != 1 {
		t.Errorf("warned of another node's dispatches: %q", got)
	}
}

func TestLossOfAnOldPeeringLeavesTheNewOneAlone(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.step(agent.PeerAdded{Peer: "again"})
	w.step(agent.FromNode{Peer: "again", Msg: mgmt.NotifyNodeHello{Node: "worker"}})
	// The old peering repeats its hello before its loss is noticed.
	w.step(agent.FromNode{Peer: "worker#1", Msg: mgmt.NotifyNodeHello{Node: "worker"}})
	w.step(agent.PeerLost{Peer: "worker#1"})
	w.skip()
	w.ask(dispatch("q1"))
	w.expect("0s ask [again] [get_id_value Cluster::node] of []")
	if got := w.state("worker"); got != mgmt.Running {
		t.Errorf("worker is %s", got)
	}
}

func TestProbeMakesANodeRunning(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.fates["worker"] = fate{mute: true}
	w.deploy("d1", nodes("worker")...)
	w.run(time.Second)
	w.skip()
	w.step(agent.Ready{Node: "worker", Launch: 7})
	w.step(agent.Ready{Node: "worker", Launch: 1})
	w.expect(`
		1s worker: PENDING to RUNNING
		1s answer deploy d1: [worker ok]
	`)
}

func TestNodeThatTakesLongIsReportedOnceAsStillStarting(t *testing.T) {
	w := newWorld(t, agent.Config{StartDeadline: map[mgmt.ClusterRole]time.Duration{mgmt.Logger: 10 * time.Second}})
	w.fates["logger"] = fate{hello: 90 * time.Second}
	w.fates["worker"] = fate{hello: 90 * time.Second}
	w.deploy("d1", nodes("logger", "worker")...)
	w.run(time.Hour)
	w.expect(`
		0s save 2 nodes
		0s logger: STOPPED to PENDING
		0s worker: STOPPED to PENDING
		0s start logger
		0s start worker
		8.5s answer deploy d1: [logger failed (cluster node logger still starting), worker failed (cluster node worker still starting)]
		10s log node logger still starting after 10s
		1m0s log node worker still starting after 1m0s
		1m30s hello host to logger#1
		1m30s logger: PENDING to RUNNING
		1m30s hello host to worker#2
		1m30s worker: PENDING to RUNNING
		1m30s log deployment d1 is complete
	`)
}

func TestReportsAboutOtherLaunchesMeanNothing(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.step(agent.Exited{Node: "worker", Launch: 99, Reason: "exit status 1"})
	w.step(agent.Exited{Node: "manager", Launch: 1, Reason: "exit status 1"})
	w.step(agent.Started{Node: "worker", Launch: 1, PID: 4711})
	w.step(agent.StartFailed{Node: "worker", Launch: 99, Err: "no"})
	w.step(agent.Adopted{})
	w.step(agent.PeerLost{Peer: "stranger"})
	w.step(agent.PeerUpdated{Peer: "stranger"})
	w.step(agent.FromNode{Peer: controller, Msg: mgmt.NotifyAgentsReady{}})
	w.ask(mgmt.NotifyAgentHello{Instance: "other"})
	w.expect("")
	if got := w.statuses()[1]; got.State != mgmt.Running || *got.PID != w.pid("worker") {
		t.Errorf("worker is %+v", got)
	}
}

func TestCrashIsReportedWithTheLastWords(t *testing.T) {
	for name, tt := range map[string]struct {
		outputs mgmt.NodeOutputs
		want    string
	}{
		"none":                   {mgmt.NodeOutputs{}, "node worker crashed: signal SIGSEGV"},
		"errors before the rest": {mgmt.NodeOutputs{Stdout: "hello\n", Stderr: "one\nfatal error: two\n\n"}, "node worker crashed: signal SIGSEGV; it printed: fatal error: two"},
		"not the general error": {
			mgmt.NodeOutputs{Stderr: "warning: w\nerror in m.zeek, line 9: e\nfatal error: errors occurred while initializing\n"},
			"node worker crashed: signal SIGSEGV; it printed: error in m.zeek, line 9: e",
		},
		"else what there is": {mgmt.NodeOutputs{Stdout: "hello\nbye", Stderr: " \n"}, "node worker crashed: signal SIGSEGV; it printed: bye"},
		"not too many": {
			mgmt.NodeOutputs{Stderr: strings.Repeat("x", 1000)},
			"node worker crashed: signal SIGSEGV; it printed: " + strings.Repeat("x", 300) + "…",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.Config{})
			w.fates["worker"] = fate{exit: time.Second, reason: "signal SIGSEGV", outputs: tt.outputs}
			w.deploy("d1", nodes("worker")...)
			w.run(time.Second)
			if want := "1s    error " + tt.want; !slices.Contains(w.trace, want) {
				t.Errorf("got %q, want %q among it", w.trace, want)
			}
		})
	}
}

func TestGetNodesTellsHowNodesEndedLast(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	if got := w.getNodes().Error; got != "" {
		t.Errorf("before any crash: got %q", got)
	}
	w.kill("worker")
	w.run(3 * time.Second)
	want := "node worker crashed: killed by SIGKILL (3s ago)"
	if got := w.getNodes().Error; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestGetNodesTellsOfTheTwentyNewestCrashes(t *testing.T) {
	var names []mgmt.NodeName
	for i := range 21 {
		names = append(names, mgmt.NodeName(fmt.Sprintf("worker-%02d", i)))
	}
	w := running(t, agent.Config{}, nodes(names...)...)
	for _, name := range names[:20] {
		w.kill(name)
		w.run(time.Second)
	}
	lines := strings.Split(w.getNodes().Error, "\n")
	if oldest := "node worker-00 crashed: killed by SIGKILL (20s ago)"; len(lines) != 20 || lines[19] != oldest {
		t.Errorf("after 20 crashes: got %q, want 20 lines, the last %q", lines, oldest)
	}
	w.kill(names[20])
	lines = strings.Split(w.getNodes().Error, "\n")
	newest, oldest := "node worker-20 crashed: killed by SIGKILL (0s ago)", "node worker-01 crashed: killed by SIGKILL (19s ago)"
	if len(lines) != 20 || lines[0] != newest || lines[19] != oldest {
		t.Errorf("after 21 crashes: got %q, want 20 lines from %q to %q", lines, newest, oldest)
	}
}
