package web_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// contains reports whether text contains all of these.
func contains(text string, parts ...string) bool {
	return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(text, part) })
}

// manyRevisions has revisions 1 to n, of which the last one is deployed.
func manyRevisions(n int) *fleet {
	f := &fleet{snap: mgmt.Snapshot{Revision: uint64(n), Deployed: &mgmt.ConfigRevision{Revision: uint64(n), When: noon, Who: "ann"}}}
	for r := 1; r < n; r++ {
		f.snap.History = append(f.snap.History, mgmt.PastConfig{Revision: uint64(r), When: noon, Who: "bob", ID: "x"})
	}
	return f
}

func TestRevisions(t *testing.T) {
	s := serve(t, web.Config{Cluster: manyRevisions(10_000)}, nil)
	c := s.client("viewer")
	for _, tc := range []struct {
		q           api.RevisionQuery
		n           int
		first, last uint64
	}{
		{api.RevisionQuery{}, 200, 10_000, 9801},
		{api.RevisionQuery{Limit: 3}, 3, 10_000, 9998},
		{api.RevisionQuery{Limit: 2500}, 2500, 10_000, 7501},
		{api.RevisionQuery{Limit: 20_000}, 10_000, 10_000, 1},
		{api.RevisionQuery{Before: 10_000, Limit: 2}, 2, 9999, 9998},
		{api.RevisionQuery{Before: 3}, 2, 2, 1},
		{api.RevisionQuery{Before: 1}, 0, 0, 0},
	} {
		got, err := c.Revisions(t.Context(), tc.q)
		if err != nil || len(got) != tc.n || tc.n > 0 && (got[0].Revision != tc.first || got[tc.n-1].Revision != tc.last) {
			t.Errorf("%+v: got %d revisions, %v", tc.q, len(got), err)
		}
	}
	got, err := c.Revisions(t.Context(), api.RevisionQuery{Limit: 1})
	want := []api.Revision{{Revision: 10_000, State: "deployed", When: noon.UTC(), Who: "ann", Kept: true}}
	if err != nil || !cmp.Equal(got, want) {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestRevision(t *testing.T) {
	f := someFleet()
	origin := mgmt.Origin{Note: "n", Kind: mgmt.OperationRollback, From: 4, Of: 1, Operation: 6}
	f.past = map[uint64]*mgmt.ConfigRevision{2: {Revision: 2, When: noon, Who: "eve", Origin: origin, Config: mgmt.Configuration{ID: "id-2"}}}
	f.snap.History[0].Origin = origin
	f.snap.History = append([]mgmt.PastConfig{{Revision: 1}}, f.snap.History...)
	s := serve(t, web.Config{Cluster: f}, nil)
	c := s.client("viewer")
	for revision, want := range map[uint64]api.Configuration{
		2: {Revision: 2, State: "past", When: noon.UTC(), Who: "eve", Note: "n", Kind: "rollback", From: 4, Of: 1, Operation: 6, Cluster: api.Cluster{ID: "id-2", Hosts: []api.ConfiguredHost{}, Nodes: []api.ConfiguredNode{}}},
		3: {Revision: 3, State: "deployed", When: noon.UTC(), Who: "bob", Cluster: someCluster},
	} {
		got, err := c.Revision(t.Context(), revision)
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%d: %v %s", revision, err, diff)
		}
	}
	list, err := c.Revisions(t.Context(), api.RevisionQuery{Before: 3})
	want := []api.Revision{
		{Revision: 2, State: "past", When: noon.UTC(), Who: "eve", ID: "id-2", Instances: 5, Nodes: 6, Note: "n", Kind: "rollback", From: 4, Of: 1, Operation: 6, Kept: true},
		{Revision: 1, State: "past"},
	}
	if diff := cmp.Diff(want, list); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	for revision, status := range map[uint64]int{1: http.StatusGone, 4: http.StatusNotFound, 9: http.StatusNotFound} {
		_, err := c.Revision(t.Context(), revision)
		if p, ok := errors.AsType[*api.Problem](err); !ok || p.Status != status {
			t.Errorf("%d: got %v", revision, err)
		}
	}
}

func TestStatus(t *testing.T) {
	f := someFleet()
	f.snap.Stopped, f.snap.Paused = []mgmt.NodeName{"v"}, []mgmt.NodeName{"w"}
	stopped := func(id mgmt.OperationID, who string) *mgmt.Operation {
		return &mgmt.Operation{ID: id, Kind: mgmt.OperationStop, State: mgmt.OperationDone, Who: who, Note: "cable", Begun: noon, Steps: []mgmt.OperationStep{
			{Node: "v", Action: mgmt.ActionStop, State: mgmt.StepDone},
		}}
	}
	f.snap.Operations = []*mgmt.Operation{
		{ID: 8, State: mgmt.OperationRunning, Steps: []mgmt.OperationStep{{State: mgmt.StepDone}}}, stopped(7, "ann"), stopped(6, "bob"),
	}
	unsaved := errors.New("save: no space left on device")
	s := serve(t, web.Config{Cluster: f, Name: "c", Version: "v1", Ready: map[string]func() error{
		"store": func() error { return unsaved }, "audit": func() error { return nil },
	}}, nil)
	got, err := s.client("viewer").Status(t.Context())
	if off := time.Since(got.Time); err != nil || off < 0 || off > time.Minute {
		t.Fatalf("got %+v, %v", got, err)
	}
	got.Time = time.Time{}
	want := api.Status{
		Controller: "c", Version: "v1",
		Deployed:  &api.Revision{Revision: 3, State: "deployed", When: noon.UTC(), Who: "bob", Kept: true, ID: "id-3", Instances: 2, Nodes: 1},
		Staged:    &api.Revision{Revision: 4, State: "staged", When: noon.UTC(), Who: "ann", Kept: true, ID: "id-4"},
		Instances: api.InstanceCount{Total: 2, Ready: 1, Absent: 1}, Nodes: api.NodeCount{Total: 1, Crashed: 1},
		Wrong: []api.StatusDetail{
			{Kind: "controller", Text: "store: save: no space left on device"},
			{Kind: "instance", Instance: "b", State: "ABSENT", Text: "its agent was not seen since the controller started"},
			{Kind: "node", Instance: "a", Node: "w", State: "CRASHED", Since: noon.UTC(), Text: "crashed: exit status 1; it printed: no"},
		},
		Alerts: []api.Alert{}, Crashed: []api.StatusCrash{},
		Stopped: []api.StatusMark{{Node: "v", Who: "ann", Since: noon.UTC(), Note: "cable", Operation: 7}}, Paused: []api.StatusMark{{Node: "w"}}, Commands: []string{}, Versions: []api.HostVersions{},
		Operations: []api.Operation{{ID: 8, State: "running", Counts: api.StepCount{Done: 1}}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// A node that has ended by itself is told of for an hour. For five minutes the cluster is not
// well, although the node runs again.
func TestStatusTellsOfCrashes(t *testing.T) {
	f := someFleet()
	f.snap.Staged, f.snap.Deployed.Config.Instances = nil, f.snap.Deployed.Config.Instances[:1]
	f.snap.Instances[0].Nodes[1].State = mgmt.Running
	log := &crashLog{}
	s := serve(t, web.Config{Cluster: f, Happenings: log}, nil)
	crash := func(node mgmt.NodeName, ago time.Duration, to mgmt.State) happenings.Record {
		return happenings.Record{Happening: mgmt.Happening{
			Kind: mgmt.HappenedNode, Time: time.Now().Add(-ago), Instance: "a", Node: node, To: string(to), Cause: "killed by SIGSEGV",
		}}
	}
	for name, tt := range map[string]struct {
		records []happenings.Record
		times   int
		wrong   string
	}{
		"none":          {nil, 0, ""},
		"another state": {[]happenings.Record{crash("w", time.Minute, mgmt.Running)}, 0, ""},
		"another node":  {[]happenings.Record{crash("gone", time.Minute, mgmt.Crashed)}, 0, ""},
		"long ago":      {[]happenings.Record{crash("w", 30*time.Minute, mgmt.Crashed)}, 1, ""},
		"just now":      {[]happenings.Record{crash("w", time.Minute, mgmt.Crashed)}, 1, "it was started again after it ended by itself: killed by SIGSEGV"},
		"again and again": {[]happenings.Record{crash("w", 50*time.Minute, mgmt.Crashed), crash("w", time.Minute, mgmt.Failed)}, 2,
			"it was started again after it ended by itself 2 times within an hour, last: killed by SIGSEGV"},
	} {
		log.records = tt.records
		got, err := s.client("viewer").Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		times, wrong := 0, ""
		for _, c := range got.Crashed {
			times += c.Times
		}
		for _, w := range got.Wrong {
			wrong += w.Text
		}
		if times != tt.times || wrong != tt.wrong || got.Well != (wrong == "") {
			t.Errorf("%s: got %d crashes, wrong %q, well %t", name, times, wrong, got.Well)
		}
	}
	if q := log.asked; q.Kind != mgmt.HappenedNode || time.Since(q.Since) < time.Hour || time.Since(q.Since) > time.Hour+time.Minute {
		t.Errorf("the log was asked for %+v", q)
	}
}

// crashLog is a log of happenings with these records.
type crashLog struct {
	web.Happenings
	records []happenings.Record
	asked   happenings.Query
}

func (l *crashLog) Read(q happenings.Query) ([]happenings.Record, error) {
	l.asked = q
	return l.records, nil
}

func TestStatusOfAClusterThatIsWell(t *testing.T) {
	f := someFleet()
	f.snap.Staged = nil
	f.snap.Deployed.Config.Instances = f.snap.Deployed.Config.Instances[:1]
	f.snap.Instances[0].Nodes[1].State = mgmt.Running
	s := serve(t, web.Config{Cluster: f}, nil)
	check := func(want bool) {
		t.Helper()
		if got, err := s.client("viewer").Status(t.Context()); err != nil || got.Well != want || got.Well != (len(got.Wrong) == 0) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	check(true)
	if n := len(f.requests()); n != 0 {
		t.Errorf("%d requests for reasons", n)
	}
	f.snap.Instances[0].Nodes[1].State = mgmt.Stopped
	check(false)
	f.snap.Stopped = []mgmt.NodeName{"w"}
	check(true)
}

// The status says what the hosts run, and which nodes are no Zeek nodes. Those count, too.
func TestStatusOfVersionsAndCommands(t *testing.T) {
	host := func(name mgmt.InstanceName, version, zeek string) mgmt.HostReport {
		return mgmt.HostReport{Instance: name, Present: true, Facts: &mgmt.HostFacts{Version: version, ZeekVersion: zeek}, Heard: noon}
	}
	away := host("e", "v1", "8.2.2")
	away.Present = false
	f := someFleet()
	f.snap.Deployed.Config.Nodes = append(f.snap.Deployed.Config.Nodes, mgmt.Node{Name: "feeder", Instance: "a", Role: mgmt.ClusterNone, Command: []string{"/bin/feeder"}})
	f.snap.Instances[0].Nodes = append(f.snap.Instances[0].Nodes, mgmt.ObservedNode{
		NodeStatus: mgmt.NodeStatus{Node: "feeder", State: mgmt.Failed, MgmtRole: mgmt.RoleNone, ClusterRole: mgmt.ClusterNone}, Since: noon,
	})
	told := &agents{tell: tellsAll, hosts: []mgmt.HostReport{
		host("a", "v1", "8.2.2"), host("b", "v2", "8.2.2"), host("c", "v1", "8.2.2"), {Instance: "d", Present: true, Err: "Zeek's own"}, away,
	}}
	told.hosts[1].Facts.LimitsBy = "systemd"
	s := serve(t, web.Config{Cluster: f, Agents: told}, nil)
	got, err := s.client("viewer").Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []api.HostVersions{
		{Instances: []string{"a", "c"}, Version: "v1", Zeek: "8.2.2"}, {Instances: []string{"b"}, Version: "v2", Zeek: "8.2.2", LimitsBy: "systemd"}, {Instances: []string{"d"}},
	}
	if diff := cmp.Diff(want, got.Versions); diff != "" {
		t.Error(diff)
	}
	if !slices.Equal(got.Commands, []string{"feeder"}) || got.Nodes.Failed != 1 ||
		!slices.ContainsFunc(got.Wrong, func(d api.StatusDetail) bool {
			return d.Node == "feeder" && d.State == "FAILED" && strings.Contains(d.Text, "zeekfleet start feeder tries at once")
		}) {
		t.Errorf("a node with a command: got %+v", got)
	}
}

// A controller that has just started has heard of a state when the agent connected. The agent
// knows for how long the node is in that state. What it told before the state began is about
// an earlier one.
func TestSinceOfNodesIsWhatTheirAgentsKnow(t *testing.T) {
	for name, tt := range map[string]struct {
		state mgmt.State
		heard time.Time
		age   time.Duration
		want  time.Time
	}{
		"told since":              {mgmt.Failed, noon.Add(time.Second), time.Hour, noon.Add(time.Second - time.Hour)},
		"told before":             {mgmt.Failed, noon.Add(-time.Second), time.Hour, noon},
		"told of another state":   {mgmt.Running, noon.Add(time.Second), time.Hour, noon},
		"the state is just there": {mgmt.Failed, noon.Add(time.Second), time.Millisecond, noon},
	} {
		f := someFleet()
		n := &f.snap.Instances[0].Nodes[1]
		n.State, n.Since = mgmt.Failed, noon
		told := &agents{tell: tellsAll, hosts: []mgmt.HostReport{{
			Instance: "a", Present: true, Heard: tt.heard, Facts: &mgmt.HostFacts{States: []mgmt.NodeAge{{Node: n.Node, State: tt.state, Age: tt.age}}},
		}}}
		s := serve(t, web.Config{Cluster: f, Agents: told}, nil)
		list, err := s.client("viewer").Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		status, err := s.client("viewer").Status(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(one api.Node) bool { return one.Name == string(n.Node) })
		j := slices.IndexFunc(status.Wrong, func(d api.StatusDetail) bool { return d.Node == string(n.Node) })
		if i < 0 || j < 0 || !list[i].Since.Equal(tt.want) || !status.Wrong[j].Since.Equal(tt.want) {
			t.Errorf("%s: got %+v and %+v, want since %v", name, list, status.Wrong, tt.want)
		}
	}
}

// A report of a new state has no PID. What the agent has told of its processes since then
// has it; what it told before is about an earlier process.
func TestPIDsOfNodes(t *testing.T) {
	f := someFleet()
	f.snap.Instances[0].Nodes[1].State = mgmt.Running
	f.snap.Instances[0].Nodes[1].PID, f.snap.Instances[0].Nodes[1].Since = nil, noon
	node := f.snap.Instances[0].Nodes[1].Node
	for _, tt := range []struct {
		heard time.Time
		want  int64
	}{{noon.Add(-time.Second), 0}, {noon.Add(time.Second), 4711}} {
		told := &agents{tell: tellsAll, hosts: []mgmt.HostReport{{
			Instance: "a", Present: true, Heard: tt.heard, Facts: &mgmt.HostFacts{Running: []mgmt.NodeVersion{{Node: node, PID: 4711, Version: "8.2.2"}}},
		}}}
		list, err := serve(t, web.Config{Cluster: f, Agents: told}, nil).client("viewer").Nodes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		i := slices.IndexFunc(list, func(n api.Node) bool { return n.Name == string(node) })
		if list[i].PID != tt.want || list[i].Version != "8.2.2" {
			t.Errorf("told at %v: got %+v", tt.heard, list[i])
		}
	}
}
