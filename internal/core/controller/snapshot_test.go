package controller_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// observing is a controller whose deployed configuration has worker-1 and
// worker-2 on instance a, and worker-3 on instance b. Agents answer everything
// with success, but for questions about their nodes.
type observing struct {
	t     *testing.T
	core  *controller.Machine
	now   time.Time
	asked map[mgmt.InstanceName]mgmt.ReqID // the question about its nodes
}

func newObserving(t *testing.T, cfg controller.Config) *observing {
	node := func(name mgmt.NodeName, in mgmt.InstanceName) mgmt.Node {
		return mgmt.Node{Name: name, Instance: in, Role: mgmt.Worker}
	}
	config := mgmt.Configuration{
		ID:        "x",
		Instances: []mgmt.Instance{{Name: "a", Host: mgmt.UnknownHost}, {Name: "b", Host: mgmt.UnknownHost}},
		Nodes:     []mgmt.Node{node("worker-1", "a"), node("worker-2", "a"), node("worker-3", "b")},
	}
	entry := &controller.Entry{Config: config, Revision: 3, When: epoch, Who: "ann"}
	return &observing{
		t: t, now: epoch, asked: map[mgmt.InstanceName]mgmt.ReqID{},
		core: controller.New(cfg, controller.State{Staged: entry, Ready: entry, Deployed: entry, Revision: 3}, newRand()),
	}
}

func (o *observing) step(ev controller.Event) {
	o.t.Helper()
	for _, e := range o.core.Step(o.now, ev) {
		if _, ok := e.(controller.Save); ok {
			defer o.step(controller.Saved{})
		}
		to, ok := e.(controller.ToAgent)
		if !ok {
			continue
		}
		switch msg := to.Msg.(type) {
		case mgmt.AgentGetNodesRequest:
			o.asked[to.Instance] = msg.ReqID
		case mgmt.Request:
			answer := msg.Answer(msg.RequestID(), mgmt.Result{Success: true})
			defer o.step(controller.FromAgent{Peer: to.Peer, Instance: to.Instance, Msg: answer})
		}
	}
}

// join has an agent of ours, or one of upstream's, connect.
func (o *observing) join(name mgmt.InstanceName, fleet bool) {
	o.t.Helper()
	peer := mgmt.PeerID(name)
	o.step(controller.PeerAdded{Peer: peer, Addr: netip.MustParseAddrPort("10.0.0.1:40000"), Fleet: fleet})
	o.step(controller.FromAgent{Peer: peer, Instance: name,
		Msg: mgmt.NotifyAgentHello{Instance: name, ID: string(peer), APIVersion: mgmt.APIVersion}})
}

// answer has an agent say the states of its nodes.
func (o *observing) answer(name mgmt.InstanceName, statuses ...mgmt.NodeStatus) {
	o.t.Helper()
	o.step(controller.FromAgent{Peer: mgmt.PeerID(name), Instance: name, Msg: mgmt.AgentGetNodesResponse{
		ReqID: o.asked[name], Result: mgmt.Result{Success: true, Data: mgmt.NodeStatuses(statuses)},
	}})
}

func (o *observing) change(name mgmt.InstanceName, node mgmt.NodeName, from, to mgmt.State) {
	o.t.Helper()
	o.step(controller.FromAgent{Peer: mgmt.PeerID(name), Instance: name, Msg: mgmt.NotifyChange{
		Instance: name, Node: mgmt.Node{Name: node, Instance: name, Role: mgmt.Worker}, Old: from, New: to,
	}})
}

func (o *observing) wait(d time.Duration) { o.now = o.now.Add(d) }

func running(name mgmt.NodeName, pid int64) mgmt.NodeStatus {
	return mgmt.NodeStatus{Node: name, State: mgmt.Running, MgmtRole: mgmt.RoleNone, ClusterRole: mgmt.Worker, PID: &pid}
}

// lines are what a snapshot says of its nodes and instances.
func (o *observing) lines() []string {
	var lines []string
	after := func(at time.Time) string {
		if at.IsZero() {
			return "never"
		}
		return at.Sub(epoch).String()
	}
	for _, in := range o.core.Snapshot().Instances {
		lines = append(lines, string(in.Name)+" "+string(in.Standing)+" since "+after(in.Since)+" heard "+after(in.Heard))
		for _, n := range in.Nodes {
			line := "  " + string(n.Node) + " " + string(n.State) + " since " + after(n.Since)
			if n.PID != nil {
				line += " with a PID"
			}
			lines = append(lines, line)
		}
	}
	return lines
}

// observations are what happens, and what a snapshot shows then.
var observations = map[string]struct {
	cfg    controller.Config
	happen func(*observing)
	want   []string
}{
	"nobody has connected": {
		happen: func(*observing) {},
		want: []string{
			"a ABSENT since never heard never", "  worker-1 UNKNOWN since never", "  worker-2 UNKNOWN since never",
			"b ABSENT since never heard never", "  worker-3 UNKNOWN since never",
		},
	},
	"an agent of ours is asked when it joins": {
		happen: func(o *observing) {
			o.join("a", true)
			o.wait(time.Second)
			o.answer("a", running("worker-2", 2), running("worker-1", 1))
		},
		want: []string{
			"a READY since 0s heard 1s", "  worker-1 RUNNING since 1s with a PID", "  worker-2 RUNNING since 1s with a PID",
			"b ABSENT since never heard never", "  worker-3 UNKNOWN since never",
		},
	},
	"an agent of ours that could not answer is asked again": {
		happen: func(o *observing) {
			o.join("a", true)
			o.step(controller.FromAgent{Peer: "a", Instance: "a", Msg: mgmt.AgentGetNodesResponse{
				ReqID: o.asked["a"], Result: mgmt.Result{Error: "too many requests in flight"},
			}})
			delete(o.asked, "a")
			for len(o.asked) == 0 {
				o.now, _ = o.core.NextWake()
				o.step(controller.Tick{})
			}
			o.answer("a", running("worker-1", 1))
		},
		want: []string{
			"a READY since 0s heard 10s", "  worker-1 RUNNING since 10s with a PID", "  worker-2 UNKNOWN since never",
			"b ABSENT since never heard never", "  worker-3 UNKNOWN since never",
		},
	},
	"an agent of upstream's tells changes only": {
		happen: func(o *observing) {
			o.join("a", false)
			if len(o.asked) > 0 {
				o.t.Error("an agent of upstream's is asked for its nodes")
			}
			o.wait(time.Second)
			o.change("a", "worker-1", mgmt.Pending, mgmt.Running)
		},
		want: []string{
			"a READY since 0s heard 1s", "  worker-1 RUNNING since 1s", "  worker-2 UNKNOWN since never",
			"b ABSENT since never heard never", "  worker-3 UNKNOWN since never",
		},
	},
	"changes have their times, and a process that is another one no PID": {
		happen: func(o *observing) {
			o.join("a", true)
			o.answer("a", running("worker-1", 1), running("worker-2", 2))
			o.wait(time.Second)
			o.change("a", "worker-2", mgmt.Running, mgmt.Crashed)
		},
		want: []string{
			"a READY since 0s heard 1s", "  worker-1 RUNNING since 0s with a PID", "  worker-2 CRASHED since 1s",
			"b ABSENT since never heard never", "  worker-3 UNKNOWN since never",
		},
	},
	"the PID of a node that has come up is asked for": {
		happen: func(o *observing) {
			o.join("a", true)
			o.answer("a", running("worker-1", 1), running("worker-2", 2))
			o.wait(time.Second)
			o.change("a", "worker-2", mgmt.Running, mgmt.Pending)
			o.change("a", "worker-2", mgmt.Pending, mgmt.Running)
			o.wait(500 * time.Millisecond)
			o.step(controller.Tick{})
			o.answer("a", running("worker-1", 1), running("worker-2", 3))
		},
		want: []string{
			"a READY since 0s heard 1.5s", "  worker-1 RUNNING since 0s with a PID", "  worker-2 RUNNING since 1s with a PID",
			"b ABSENT since never heard never", "  worker-3 UNKNOWN since never",
		},
	},
	"a node that is removed is forgotten when it has stopped": {
		happen: func(o *observing) {
			o.join("a", true)
			o.answer("a", running("worker-1", 1), running("worker-2", 2), running("worker-9", 9),
				mgmt.NodeStatus{Node: "worker-8", State: mgmt.Stopped})
			o.change("a", "worker-9", mgmt.Running, mgmt.Stopped)
			o.change("a", "worker-1", mgmt.Running, mgmt.Stopped)
		},
		want: []string{
			"a READY since 0s heard 0s", "  worker-1 STOPPED since 0s", "  worker-2 RUNNING since 0s with a PID",
			"b ABSENT since never heard never", "  worker-3 UNKNOWN since never",
		},
	},
	"of a lost agent's nodes nobody can tell": {
		happen: func(o *observing) {
			o.join("a", true)
			o.answer("a", running("worker-1", 1), running("worker-2", 2))
			o.wait(time.Minute)
			o.step(controller.PeerLost{Peer: "a"})
		},
		want: []string{
			"a ABSENT since 1m0s heard 0s", "  worker-1 UNKNOWN since never", "  worker-2 UNKNOWN since never",
			"b ABSENT since never heard never", "  worker-3 UNKNOWN since never",
		},
	},
	"an instance that is not deployed is shown while it is connected": {
		happen: func(o *observing) {
			for _, name := range []mgmt.InstanceName{"c", "d"} {
				o.join(name, true)
				o.answer(name, running("old", 1))
			}
			o.step(controller.PeerLost{Peer: "d"})
		},
		want: []string{
			"a ABSENT since never heard never", "  worker-1 UNKNOWN since never", "  worker-2 UNKNOWN since never",
			"b ABSENT since never heard never", "  worker-3 UNKNOWN since never",
			"c STANDS_BY since 0s heard 0s", "  old RUNNING since 0s with a PID",
		},
	},
	"as many states are kept as may be": {
		cfg: controller.Config{Limits: controller.Limits{Observed: 2}},
		happen: func(o *observing) {
			o.join("a", true)
			o.answer("a", running("worker-1", 1), running("worker-2", 2))
			o.join("b", true)
			o.answer("b", running("worker-3", 3))
			o.change("b", "worker-3", mgmt.Running, mgmt.Crashed)
		},
		want: []string{
			"a READY since 0s heard 0s", "  worker-1 RUNNING since 0s with a PID", "  worker-2 RUNNING since 0s with a PID",
			"b READY since 0s heard 0s", "  worker-3 UNKNOWN since never",
		},
	},
	"nodes with names that no node can have are not kept": {
		happen: func(o *observing) {
			o.join("a", true)
			long := mgmt.NodeName(strings.Repeat("x", mgmt.MaxNameLen+1))
			o.answer("a", running("worker-1", 1), running(long, 2))
			o.change("a", long+"y", mgmt.Pending, mgmt.Running)
		},
		want: []string{
			"a READY since 0s heard 0s", "  worker-1 RUNNING since 0s with a PID", "  worker-2 UNKNOWN since never",
			"b ABSENT since never heard never", "  worker-3 UNKNOWN since never",
		},
	},
	"and no more of one agent": {
		cfg: controller.Config{Limits: controller.Limits{Observed: 2}},
		happen: func(o *observing) {
			o.join("a", true)
			o.answer("a", running("worker-1", 1), running("worker-2", 2), running("worker-9", 9))
		},
		want: []string{
			"a READY since 0s heard 0s", "  worker-1 UNKNOWN since never", "  worker-2 UNKNOWN since never",
			"b ABSENT since never heard never", "  worker-3 UNKNOWN since never",
		},
	},
}

func TestSnapshot(t *testing.T) {
	for name, tt := range observations {
		t.Run(name, func(t *testing.T) {
			o := newObserving(t, tt.cfg)
			tt.happen(o)
			if diff := cmp.Diff(tt.want, o.lines()); diff != "" {
				t.Errorf("snapshot (-want +got):\n%s", diff)
			}
		})
	}
}

func TestGetNodesRefreshesTheSnapshot(t *testing.T) {
	o := newObserving(t, controller.Config{})
	o.join("a", false)
	o.step(controller.FromClient{Client: "c", Principal: user("c"), Msg: mgmt.GetNodesRequest{ReqID: "q"}})
	o.answer("a", running("worker-1", 1), running("worker-2", 2))
	want := []string{
		"a READY since 0s heard 0s", "  worker-1 RUNNING since 0s with a PID", "  worker-2 RUNNING since 0s with a PID",
		"b ABSENT since never heard never", "  worker-3 UNKNOWN since never",
	}
	if diff := cmp.Diff(want, o.lines()); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
}

func TestADeposedMachineOwesNothing(t *testing.T) {
	o := newObserving(t, controller.Config{})
	o.join("a", true)
	o.step(controller.FromClient{Client: "c", Principal: user("c"), Msg: mgmt.GetNodesRequest{ReqID: "q"}})
	if held := o.core.Held(); held.Requests == 0 || held.Legs == 0 {
		t.Fatalf("before: %+v", held)
	}
	o.core.Step(o.now, controller.FromClient{Client: "c", Principal: user("c"), Msg: mgmt.StageConfigurationRequest{ReqID: "s"}})
	o.core.Step(o.now, controller.Deposed{})
	if held := o.core.Held(); held.Requests > 0 || held.Legs > 0 {
		t.Errorf("after: %+v", held)
	}
	if at, ok := o.core.NextWake(); ok {
		t.Errorf("it wants to wake up at %v", at)
	}
}

func TestSnapshotsDoNotChange(t *testing.T) {
	o := newObserving(t, controller.Config{})
	o.join("a", true)
	o.join("b", true)
	o.answer("a", running("worker-1", 1), running("worker-2", 2))
	before := o.lines()
	earlier := o.core.Snapshot()
	o.wait(time.Second)
	o.change("a", "worker-1", mgmt.Running, mgmt.Crashed)
	later := o.core.Snapshot()
	if earlier.Instances[0] == later.Instances[0] || earlier.Instances[0].Nodes[0].State != mgmt.Running {
		t.Errorf("the earlier snapshot has changed: %+v", earlier.Instances[0])
	}
	if earlier.Instances[1] != later.Instances[1] {
		t.Error("the view of an instance was made anew although nothing of it has changed")
	}
	if diff := cmp.Diff(before, o.lines()); diff == "" {
		t.Error("the change is not in the later snapshot")
	}
}

func TestSnapshotHasTheRevisions(t *testing.T) {
	s := newStoring(t, controller.Config{}, nil)
	s.deploy("first")
	s.deploy("second")
	s.ask(mgmt.StageConfigurationRequest{ReqID: "s", Config: mgmt.Configuration{ID: "third"}})
	at := func(seconds int) time.Time { return epoch.Add(time.Duration(seconds) * time.Second) }
	want := &mgmt.Snapshot{
		Revision: 5,
		Staged:   &mgmt.ConfigRevision{Revision: 5, When: at(5), Who: "ann", Config: mgmt.Configuration{ID: "third"}},
		Deployed: &mgmt.ConfigRevision{
			Revision: 4, When: at(4), Who: "ann", Origin: mgmt.Origin{Kind: mgmt.OperationDeploy, From: 2, Operation: 2},
			Config: mgmt.Configuration{ID: "second"},
		},
		History: []mgmt.PastConfig{{
			Revision: 2, When: at(2), Who: "ann", Origin: mgmt.Origin{Kind: mgmt.OperationDeploy, Operation: 1}, ID: "first", Kept: true,
		}},
		Operations: []*mgmt.Operation{
			{ID: 2, Kind: mgmt.OperationDeploy, State: mgmt.OperationDone, Who: "ann", Request: "deploy", Role: mgmt.Admin, Begun: at(4), Ended: at(4), From: 2, Revision: 4},
			{ID: 1, Kind: mgmt.OperationDeploy, State: mgmt.OperationDone, Who: "ann", Request: "deploy", Role: mgmt.Admin, Begun: at(2), Ended: at(2), Revision: 2},
		},
	}
	if diff := cmp.Diff(want, s.core.Snapshot(), cmpopts.EquateEmpty(), cmpopts.IgnoreFields(mgmt.PastConfig{}, "Bytes")); diff != "" {
		t.Errorf("snapshot (-want +got):\n%s", diff)
	}
}
