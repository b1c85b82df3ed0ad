package agent_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestBackoffIsCappedAndJittered(t *testing.T) {
	w := running(t, agent.Config{Backoff: agent.Backoff{Max: 3 * time.Second, GiveUp: 1000, Jitter: 0.25}}, nodes("worker")...)
	seen := map[time.Duration]bool{}
	for i := range 30 {
		w.Kill("worker")
		wake, _ := w.Core.NextWake()
		d := wake.Sub(w.Now())
		seen[d] = true
		if d > 3*time.Second {
			t.Errorf("delay %d is %v, above the cap", i, d)
		}
		if i == 0 && (d < 750*time.Millisecond || d > 1250*time.Millisecond) {
			t.Errorf("the first delay is %v, want 1 s give or take a quarter", d)
		}
		w.Run(d)
	}
	if len(seen) < 10 {
		t.Errorf("only %d different delays", len(seen))
	}
}

func TestReportsAboutOtherLaunchesMeanNothing(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.Step(agent.Exited{Node: "worker", Launch: 99, Reason: "exit status 1"})
	w.Step(agent.Exited{Node: "manager", Launch: 1, Reason: "exit status 1"})
	w.Step(agent.Started{Node: "worker", Launch: 1, PID: 4711})
	w.Step(agent.StartFailed{Node: "worker", Launch: 99, Err: "no"})
	w.Step(agent.Adopted{})
	w.Step(agent.PeerLost{Peer: "stranger"})
	w.Step(agent.PeerUpdated{Peer: "stranger"})
	w.Step(agent.FromNode{Peer: controller, Msg: mgmt.NotifyAgentsReady{}})
	w.ask(mgmt.NotifyAgentHello{Instance: "other"})
	if got := w.said(); len(got) > 0 {
		t.Errorf("got %q, want nothing", got)
	}
	if got := w.Statuses()[1]; got.State != mgmt.Running || *got.PID != w.Procs["worker"].PID {
		t.Errorf("worker is %+v", got)
	}
}

func TestStatusSaysOnceWhoElseCanActAsANode(t *testing.T) {
	const text = "any process can join"
	list := nodes("logger", "worker", "worker-2")
	m := agent.New(agent.Config{Name: "host", Backoff: agent.Backoff{Jitter: -1}}, agent.State{Desired: configuration(list...), Told: true}, nil)
	var adopted agent.Adopted
	for i, n := range list {
		plan, _ := mgmt.PlanFor(configuration(list...), n.Name)
		adopted.Processes = append(adopted.Processes, agent.Process{
			Node: n.Name, Launch: uint64(i + 1), PID: int64(i + 1), Fingerprint: plan.Fingerprint(), Exposed: text,
		})
	}
	m.Step(start, adopted)
	m.Step(start, agent.PeerAdded{Peer: controller})
	remarks := func(id mgmt.ReqID) string {
		for _, e := range m.Step(start, agent.FromController{Peer: controller, Msg: mgmt.AgentGetNodesRequest{ReqID: id}}) {
			if lines := strings.Join(coretest.AgentEntry(e).Lines(func(id mgmt.ReqID) string { return string(id) }), "\n"); strings.Contains(lines, "answered") {
				return lines
			}
		}
		t.Fatal("no answer")
		return ""
	}
	if got := remarks("n1"); strings.Count(got, text) != 1 {
		t.Errorf("adopted: got %q, want %q once", got, text)
	}
	for i, n := range list {
		m.Step(start, agent.Exited{Node: n.Name, Launch: uint64(i + 1), Reason: "exit status 1"})
		m.Step(start, agent.Buried{Node: n.Name, Launch: uint64(i + 1)})
	}
	if got := remarks("n2"); strings.Contains(got, text) {
		t.Errorf("ended: got %q", got)
	}
	later := start.Add(time.Hour)
	for _, e := range m.Step(later, agent.Tick{}) {
		if s, ok := e.(agent.Start); ok {
			m.Step(later, agent.Started{Node: s.Plan.Node.Name, Launch: s.Launch, PID: 1, Exposed: text})
		}
	}
	if got := remarks("n3"); strings.Count(got, text) != 1 {
		t.Errorf("started: got %q, want %q once", got, text)
	}
}

// A process may connect before its start is reported.
func TestNodeRunsFromWhenItsPIDIsKnown(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.Fates["worker"] = coretest.Fate{Mute: true}
	w.deploy("d1", node("worker"))
	w.Connect("worker")
	if got := w.Statuses()[1]; got.State != mgmt.Pending || got.PID != nil {
		t.Errorf("before its start is reported, worker is %+v", got)
	}
	w.skip()
	w.Run(0)
	if got := w.Statuses()[1]; got.State != mgmt.Running || got.PID == nil {
		t.Errorf("after its start is reported, worker is %+v", got)
	}
	if said := strings.Join(w.said(), "\n"); !strings.Contains(said, "d1") {
		t.Errorf("the deployment is not answered: %q", said)
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
		"no line that has nothing to do with it": {mgmt.NodeOutputs{Stdout: "hello\nbye", Stderr: "listening on mon0\n"}, "node worker crashed: signal SIGSEGV"},
		"not too many": {
			mgmt.NodeOutputs{Stderr: "fatal error: " + strings.Repeat("x", 1000)},
			"node worker crashed: signal SIGSEGV; it printed: fatal error: " + strings.Repeat("x", 287) + "…",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.Config{})
			w.Fates["worker"] = coretest.Fate{Exit: time.Second, Reason: "signal SIGSEGV", Outputs: tt.outputs}
			w.deploy("d1", nodes("worker")...)
			w.Run(time.Second)
			if want, got := "-> everyone  error: "+tt.want, w.said(); !slices.Contains(got, want) {
				t.Errorf("got %q, want %q among it", got, want)
			}
		})
	}
}

func TestGetNodesTellsOfTheTwentyNewestCrashes(t *testing.T) {
	var names []mgmt.NodeName
	for i := range 21 {
		names = append(names, mgmt.NodeName(fmt.Sprintf("worker-%02d", i)))
	}
	w := running(t, agent.Config{}, nodes(names...)...)
	for _, name := range names[:20] {
		w.Kill(name)
		w.Run(time.Second)
	}
	lines := strings.Split(w.GetNodes().Error, "\n")
	if oldest := "node worker-00 crashed: killed by SIGKILL (20s ago)"; len(lines) != 20 || lines[19] != oldest {
		t.Errorf("after 20 crashes: got %q, want 20 lines, the last %q", lines, oldest)
	}
	w.Kill(names[20])
	lines = strings.Split(w.GetNodes().Error, "\n")
	newest, oldest := "node worker-20 crashed: killed by SIGKILL (0s ago)", "node worker-01 crashed: killed by SIGKILL (19s ago)"
	if len(lines) != 20 || lines[0] != newest || lines[19] != oldest {
		t.Errorf("after 21 crashes: got %q, want 20 lines from %q to %q", lines, newest, oldest)
	}
}
