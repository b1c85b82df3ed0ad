package web_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// agents tell what a test lets them tell. They refuse by role, like a controller.
type agents struct {
	tell func(ctx context.Context, instance mgmt.InstanceName, kind mgmt.StreamKind, parameters any) (io.Reader, error)

	mu    sync.Mutex
	hosts []mgmt.HostReport
	fresh int // how often the hosts were asked
}

func (a *agents) Stream(ctx context.Context, who mgmt.Principal, instance mgmt.InstanceName, kind mgmt.StreamKind, parameters any) (io.ReadCloser, error) {
	if row, _ := access.StreamRow(kind); who.Role < row.May {
		return nil, &mgmt.StreamError{Code: mgmt.StreamForbidden, Text: row.Forbids(who)}
	}
	r, err := a.tell(ctx, instance, kind, parameters)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(r), nil
}

func (a *agents) Hosts(_ context.Context, who mgmt.Principal, fresh bool) ([]mgmt.HostReport, error) {
	if row, _ := access.StreamRow(mgmt.StreamHost); who.Role < row.May {
		return nil, &mgmt.StreamError{Code: mgmt.StreamForbidden, Text: row.Forbids(who)}
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if fresh {
		a.fresh++
	}
	return a.hosts, nil
}

// tellsAll has an answer to everything.
func tellsAll(_ context.Context, _ mgmt.InstanceName, kind mgmt.StreamKind, _ any) (io.Reader, error) {
	return strings.NewReader(map[mgmt.StreamKind]string{
		mgmt.StreamCrashes: "[]", mgmt.StreamCrash: "{}", mgmt.StreamDiag: "{}", mgmt.StreamHost: "{}", mgmt.StreamExec: "{}", mgmt.StreamSettings: "{}", mgmt.StreamLogs: "text\n",
	}[kind]), nil
}

func instances(names ...mgmt.InstanceName) (list []*mgmt.ObservedInstance) {
	for _, name := range names {
		list = append(list, &mgmt.ObservedInstance{Name: name})
	}
	return list
}

func TestCrashesOfTheWholeFleet(t *testing.T) {
	at := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	cluster := &fleet{
		snap: mgmt.Snapshot{Instances: instances("gone", "new", "old")},
		answer: mgmt.GetNodesResponse{Results: []mgmt.Result{
			{Success: true, Instance: "new", Error: "node w crashed: exit status 1 (5s ago)"},
			{Success: true, Instance: "old", Error: "node v crashed: exit status 2 (1h ago)"},
		}},
	}
	tell := func(_ context.Context, instance mgmt.InstanceName, _ mgmt.StreamKind, _ any) (io.Reader, error) {
		switch instance {
		case "old":
			return nil, &mgmt.StreamError{Code: mgmt.StreamUnsupported, Text: "too old"}
		case "gone":
			return nil, &mgmt.StreamError{Code: mgmt.StreamLost, Text: "the agent of instance gone is not connected"}
		}
		return strings.NewReader(`[
			{"id":"1a","node":"w","when":"2026-11-30T03:00:00Z","uptime_ns":1500000000,"pid":7,"end":"signal SIGSEGV","why":"bad","backtrace":true},
			{"id":"1b","node":"u","when":"2026-11-30T04:00:00+00:00","end":"exit code 1"}]`), nil
	}
	s := serve(t, web.Config{Cluster: cluster, Agents: &agents{tell: tell}}, nil)
	got, err := s.client("viewer").Crashes(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	old := slices.IndexFunc(got.Items, func(c api.Crash) bool { return c.Instance == "old" })
	if old < 0 || time.Since(got.Items[old].When) < time.Hour || got.Items[old].Why != "crashed: exit status 2" {
		t.Fatalf("the crash of the older agent is missing or wrong: %+v", got.Items)
	}
	got.Items = slices.Delete(got.Items, old, old+1)
	want := api.Crashes{
		Items: []api.Crash{
			{Instance: "new", Node: "u", ID: "1b", When: at.Add(time.Hour), End: "exit code 1"},
			{Instance: "new", Node: "w", ID: "1a", When: at, Seconds: 1.5, PID: 7, End: "signal SIGSEGV", Why: "bad", Backtrace: true},
		},
		Missing: []api.Missing{{Instance: "gone", Why: "the agent of instance gone is not connected"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if got, err := s.client("viewer").Crashes(t.Context(), "u"); err != nil || len(got.Items) != 1 || got.Items[0].ID != "1b" {
		t.Errorf("of one node: %+v, %v", got, err)
	}
	if _, body := s.ask("GET", "/api/v1/crashes?limit=1", "viewer", ""); !strings.Contains(body, `"more":true`) || strings.Count(body, `"node"`) != 1 {
		t.Errorf("one alone: %s", body)
	}
}

func wantProblem(t *testing.T, err error, status int, detail string) {
	t.Helper()
	p, ok := errors.AsType[*api.Problem](err)
	if !ok || p.Status != status || !strings.Contains(p.Detail, detail) {
		t.Errorf("got %#v, want %d: %s", err, status, detail)
	}
}

func TestEndsOfStreamsAreProblems(t *testing.T) {
	var end error
	tell := func(context.Context, mgmt.InstanceName, mgmt.StreamKind, any) (io.Reader, error) { return nil, end }
	s := serve(t, web.Config{Agents: &agents{tell: tell}}, nil)
	for code, status := range map[mgmt.StreamCode]int{
		mgmt.StreamUnsupported: 501, mgmt.StreamForbidden: 403, mgmt.StreamInvalid: 422, mgmt.StreamNotFound: 404,
		mgmt.StreamBusy: 503, mgmt.StreamLost: 502, mgmt.StreamFailed: 502, "another": 502,
	} {
		end = &mgmt.StreamError{Code: code, Text: "the reason"}
		_, err := s.client("operator").CrashRecord(t.Context(), "a", "1a")
		wantProblem(t, err, status, "the reason")
	}
	s = serve(t, web.Config{}, nil)
	_, err := s.client("viewer").Hosts(t.Context(), true)
	wantProblem(t, err, 501, "this controller cannot ask agents")
}

func TestAgentThatAnswersTooLateTooMuchOrNonsense(t *testing.T) {
	var answer io.Reader
	tell := func(ctx context.Context, _ mgmt.InstanceName, _ mgmt.StreamKind, _ any) (io.Reader, error) {
		if answer == nil {
			<-ctx.Done()
			return nil, context.Cause(ctx)
		}
		return answer, nil
	}
	cluster := &fleet{snap: mgmt.Snapshot{Instances: instances("a")}}
	s := serve(t, web.Config{Cluster: cluster, Agents: &agents{tell: tell}, Limits: web.Limits{AgentWait: 10 * time.Millisecond}}, nil)
	_, err := s.client("operator").CrashRecord(t.Context(), "a", "1a")
	wantProblem(t, err, 502, "instance a did not answer within 10ms")
	s = serve(t, web.Config{Cluster: cluster, Agents: &agents{tell: tell}, Limits: web.Limits{MaxTold: 100, MaxToldValues: 9}}, nil)
	answer = strings.NewReader(strings.Repeat("x", 101))
	_, err = s.client("operator").CrashRecord(t.Context(), "a", "1a")
	wantProblem(t, err, 502, "instance a answers more than 100 bytes")
	answer = strings.NewReader("nonsense")
	_, err = s.client("operator").CrashRecord(t.Context(), "a", "1a")
	wantProblem(t, err, 502, "instance a answers something that is not understood")
	answer = strings.NewReader("[{},{},{},{},{},{},{},{},{}]")
	list, err := s.client("viewer").Crashes(t.Context(), "")
	if err != nil || len(list.Items) != 0 || len(list.Missing) != 1 || !strings.Contains(list.Missing[0].Why, "more than 9 values") {
		t.Errorf("many empty records: %+v, %v", list, err)
	}
}

func TestHostsAreShownAndVersionsInNodes(t *testing.T) {
	at := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	cluster := &fleet{snap: mgmt.Snapshot{Instances: []*mgmt.ObservedInstance{{Name: "a", Nodes: []mgmt.ObservedNode{
		{NodeStatus: mgmt.NodeStatus{Node: "v", State: mgmt.Crashed}}, {NodeStatus: mgmt.NodeStatus{Node: "w", State: mgmt.Running}},
	}}}}}
	told := &agents{hosts: []mgmt.HostReport{
		{Instance: "a", Present: true, Heard: at, Facts: &mgmt.HostFacts{
			Version: "1.2", Kernel: "Linux 6", Memory: mgmt.Memory{Total: 9}, Disks: []mgmt.Disk{{Use: "state", Free: 5}},
			Running: []mgmt.NodeVersion{{Node: "v", Version: "8.1.0"}, {Node: "w", PID: 7, Version: "8.2.2"}},
		}},
		{Instance: "b", Err: "the agent of instance b is not connected"},
	}}
	s := serve(t, web.Config{Cluster: cluster, Agents: told}, nil)
	got, err := s.client("viewer").Hosts(t.Context(), false)
	want := []api.Host{
		{
			Instance: "a", Present: true, Heard: at, Version: "1.2", Kernel: "Linux 6", Memory: api.Memory{Total: 9}, Disks: []api.Disk{{Use: "state", Free: 5}},
			Running: []api.NodeVersion{{Node: "v", Version: "8.1.0"}, {Node: "w", PID: 7, Version: "8.2.2"}},
		},
		{Instance: "b", Err: "the agent of instance b is not connected"},
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got)\n%s", err, diff)
	}
	if told.fresh != 0 {
		t.Error("the agents were asked")
	}
	if _, err := s.client("viewer").Hosts(t.Context(), true); err != nil || told.fresh != 1 {
		t.Errorf("the agents were asked %d times, %v", told.fresh, err)
	}
	nodes, err := s.client("viewer").Nodes(t.Context())
	if err != nil || len(nodes) != 2 || nodes[0].Version != "" || nodes[1].Version != "8.2.2" {
		t.Errorf("got %+v, %v", nodes, err)
	}
}

// deployed is a snapshot whose configuration has the node w on an instance.
func deployedOn(instance mgmt.InstanceName) mgmt.Snapshot {
	return mgmt.Snapshot{Deployed: &mgmt.ConfigRevision{Config: mgmt.Configuration{Nodes: []mgmt.Node{{Name: "worker-1", Instance: instance}}}}}
}

// printing is a node that prints what a test writes to the pipe. The end of the context ends
// it.
func printing() (func(context.Context, mgmt.InstanceName, mgmt.StreamKind, any) (io.Reader, error), *io.PipeWriter, chan any) {
	r, w := io.Pipe()
	asked := make(chan any, 10)
	return func(ctx context.Context, instance mgmt.InstanceName, _ mgmt.StreamKind, parameters any) (io.Reader, error) {
		asked <- []any{instance, parameters}
		context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
		return r, nil
	}, w, asked
}

// Nobody keeps others from following the outputs of an instance, and a stream that does not
// last needs no place.
func TestFollowersOfAnInstanceAreBounded(t *testing.T) {
	tell := func(ctx context.Context, _ mgmt.InstanceName, _ mgmt.StreamKind, parameters any) (io.Reader, error) {
		r, w := io.Pipe()
		if q := parameters.(mgmt.LogsQuery); !q.Follow {
			return strings.NewReader("old\n"), nil
		}
		context.AfterFunc(ctx, func() { w.CloseWithError(context.Cause(ctx)) })
		return r, nil
	}
	s := serve(t, web.Config{Cluster: &fleet{snap: deployedOn("a")}, Agents: &agents{tell: tell}, Limits: web.Limits{MaxFollows: 2}}, nil)
	follow := func(user string) (io.ReadCloser, error) {
		return s.client(user).Logs(patience.Context(t), "worker-1", api.LogsQuery{Follow: true})
	}
	var logs [2]io.ReadCloser
	for i := range logs {
		var err error
		if logs[i], err = follow("operator"); err != nil {
			t.Fatal(err)
		}
		defer logs[i].Close()
	}
	_, err := follow("operator")
	wantProblem(t, err, 429, "has 2 outputs of instance a that are followed already: end one of them")
	if text, err := s.client("operator").Logs(t.Context(), "worker-1", api.LogsQuery{}); err != nil {
		t.Errorf("one that does not last: %v", err)
	} else {
		text.Close()
	}
	other, err := follow("admin")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(logs[0]); err == nil || !strings.Contains(err.Error(), "gives way to another user") {
		t.Errorf("the oldest one ends with %v", err)
	}
	other.Close()
	logs[1].Close()
}

func TestLogsComeAsTheNodePrintsThem(t *testing.T) {
	tell, node, asked := printing()
	cluster := &fleet{snap: deployedOn("a")}
	s := serve(t, web.Config{Cluster: cluster, Agents: &agents{tell: tell}}, nil)
	logs, err := s.client("operator").Logs(patience.Context(t), "worker-1", api.LogsQuery{Stderr: true, Lines: 3, Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	want := []any{mgmt.InstanceName("a"), mgmt.LogsQuery{Node: "worker-1", Stderr: true, Lines: 3, Follow: true}}
	if diff := cmp.Diff(any(want), <-asked); diff != "" {
		t.Errorf("asked (-want +got)\n%s", diff)
	}
	for _, line := range []string{"one\n", "two\n"} {
		io.WriteString(node, line)
		got := make([]byte, len(line))
		if _, err := io.ReadFull(logs, got); err != nil || string(got) != line {
			t.Fatalf("got %q, %v", got, err)
		}
	}
	node.CloseWithError(&mgmt.StreamError{Code: mgmt.StreamLost, Text: "instance a: the connection\nwas lost"})
	rest, err := io.ReadAll(logs)
	if len(rest) > 0 || err == nil || err.Error() != "instance a: the connection was lost" {
		t.Errorf("at the end: %q, %v", rest, err)
	}
}

func TestLogsThatAreWholeEndWithoutAnError(t *testing.T) {
	s := serve(t, web.Config{Agents: &agents{tell: tellsAll}}, nil)
	logs, err := s.client("operator").Logs(t.Context(), "worker-1", api.LogsQuery{Instance: "a", Lines: 3})
	if err != nil {
		t.Fatal(err)
	}
	defer logs.Close()
	if text, err := io.ReadAll(logs); err != nil || string(text) != "text\n" {
		t.Errorf("got %q, %v", text, err)
	}
	answer, _ := s.ask("GET", "/api/v1/nodes/w/logs?instance=a", "operator", "")
	if got := answer.Header.Get("Content-Type"); got != "text/plain; charset=utf-8" {
		t.Errorf("its type is %q", got)
	}
}

func TestFollowingEndsWhenTheNodeGoesElsewhere(t *testing.T) {
	for name, tt := range map[string]struct {
		snap mgmt.Snapshot
		want string
	}{
		"moved":   {deployedOn("b"), "node worker-1 is on instance b now: ask again"},
		"removed": {mgmt.Snapshot{Deployed: &mgmt.ConfigRevision{}}, "node worker-1 is no longer deployed"},
	} {
		t.Run(name, func(t *testing.T) {
			tell, node, _ := printing()
			cluster := &fleet{snap: deployedOn("a")}
			s := serve(t, web.Config{Cluster: cluster, Agents: &agents{tell: tell}}, nil)
			logs, err := s.client("operator").Logs(patience.Context(t), "worker-1", api.LogsQuery{Follow: true})
			if err != nil {
				t.Fatal(err)
			}
			defer logs.Close()
			go io.WriteString(node, "one\n")
			if _, err := io.ReadFull(logs, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
			cluster.change(func(snap *mgmt.Snapshot) { *snap = tt.snap })
			if _, err := io.ReadAll(logs); err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestReaderOfLogsWhoLeavesEndsTheStream(t *testing.T) {
	ended := make(chan struct{})
	tell := func(ctx context.Context, _ mgmt.InstanceName, _ mgmt.StreamKind, _ any) (io.Reader, error) {
		r, w := io.Pipe()
		context.AfterFunc(ctx, func() {
			w.CloseWithError(context.Cause(ctx))
			close(ended)
		})
		return r, nil
	}
	s := serve(t, web.Config{Agents: &agents{tell: tell}}, nil)
	logs, err := s.client("operator").Logs(t.Context(), "w", api.LogsQuery{Instance: "a", Follow: true})
	if err != nil {
		t.Fatal(err)
	}
	logs.Close()
	patience.Closed(t, ended, "the end of the stream")
}

func TestWhichInstanceANodeIsOn(t *testing.T) {
	observed := func(name mgmt.InstanceName, node mgmt.NodeName) *mgmt.ObservedInstance {
		return &mgmt.ObservedInstance{Name: name, Nodes: []mgmt.ObservedNode{{NodeStatus: mgmt.NodeStatus{Node: node}}}}
	}
	snap := deployedOn("a")
	snap.Instances = []*mgmt.ObservedInstance{observed("a", "worker-1"), observed("b", "worker-1"), observed("b", "left"), observed("b", "both"), observed("c", "both")}
	var on mgmt.InstanceName
	tell := func(_ context.Context, instance mgmt.InstanceName, _ mgmt.StreamKind, _ any) (io.Reader, error) {
		on = instance
		return strings.NewReader("{}"), nil
	}
	s := serve(t, web.Config{Cluster: &fleet{snap: snap}, Agents: &agents{tell: tell}}, nil)
	for _, tt := range []struct{ node, instance, want, problem string }{
		{"worker-1", "", "a", ""},
		{"worker-1", "b", "b", ""},
		{"left", "", "b", ""},
		{"both", "", "", "known on several instances: name one of b, c"},
		{"worker-2", "", "", `there is no node "worker-2"; did you mean "worker-1"?`},
		{"zzzzzzzz", "", "", `there is no node "zzzzzzzz"; if it was removed, name the instance where it was`},
	} {
		on = ""
		_, err := s.client("operator").Diag(t.Context(), tt.node, tt.instance)
		if tt.problem != "" {
			wantProblem(t, err, http.StatusNotFound, tt.problem)
		} else if err != nil || string(on) != tt.want {
			t.Errorf("%s: asked %q, %v", tt.node, on, err)
		}
	}
}

// The reader of a text loses it together with the role: at once, or when the server looks
// next if nobody says that rights have changed.
func TestFollowingEndsWithTheRightsOfItsReader(t *testing.T) {
	for name, interval := range map[string]time.Duration{"at once": time.Hour, "at the next look": time.Millisecond} {
		t.Run(name, func(t *testing.T) {
			var demoted atomic.Bool
			authority := &office{}
			judge := func(bearer string) (mgmt.Principal, error) {
				p, err := who(bearer)
				if demoted.Load() {
					p.Role = mgmt.Viewer
				}
				return p, err
			}
			tell, node, _ := printing()
			s := serve(t, web.Config{
				Cluster: &fleet{snap: deployedOn("a")}, Agents: &agents{tell: tell}, Authority: authority, Limits: web.Limits{RoleInterval: interval},
			}, func(c *web.Connection) { c.Who = judge })
			logs, err := s.client("operator").Logs(patience.Context(t), "worker-1", api.LogsQuery{Follow: true})
			if err != nil {
				t.Fatal(err)
			}
			defer logs.Close()
			go io.WriteString(node, "one\n")
			if _, err := io.ReadFull(logs, make([]byte, 4)); err != nil {
				t.Fatal(err)
			}
			demoted.Store(true)
			if interval == time.Hour {
				authority.setRole("opal", mgmt.Viewer)
			}
			if _, err := io.ReadAll(logs); err == nil || !strings.Contains(err.Error(), `may not make the request "read logs"`) {
				t.Errorf("got %v", err)
			}
		})
	}
}

// Those who ask all agents again and again leave room for those who ask one.
func TestQuestionsToTheWholeFleetTakeTurns(t *testing.T) {
	asked, end := make(chan struct{}, 9), make(chan struct{})
	tell := func(ctx context.Context, instance mgmt.InstanceName, kind mgmt.StreamKind, parameters any) (io.Reader, error) {
		if kind == mgmt.StreamCrashes {
			asked <- struct{}{}
			<-end
		}
		return tellsAll(ctx, instance, kind, parameters)
	}
	s := serve(t, web.Config{
		Cluster: &fleet{snap: mgmt.Snapshot{Instances: instances("a")}}, Agents: &agents{tell: tell},
		Limits: web.Limits{MaxFleetQuestions: 1, AgentWait: 50 * time.Millisecond},
	}, nil)
	first := make(chan error)
	go func() {
		_, err := s.client("viewer").Crashes(t.Context(), "")
		first <- err
	}()
	<-asked
	for _, path := range []string{"/api/v1/crashes", "/api/v1/hosts?fresh=true"} {
		if answer, body := s.ask("GET", path, "viewer", ""); answer.StatusCode != http.StatusServiceUnavailable || answer.Header.Get("Retry-After") == "" {
			t.Errorf("%s: got %s: %s", path, answer.Status, body)
		}
	}
	for _, path := range []string{"/api/v1/hosts", "/api/v1/nodes/w/logs?instance=a"} {
		if answer, body := s.ask("GET", path, "operator", ""); answer.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s: %s", path, answer.Status, body)
		}
	}
	close(end)
	if err := <-first; err != nil {
		t.Error(err)
	}
	if answer, body := s.ask("GET", "/api/v1/hosts?fresh=true", "viewer", ""); answer.StatusCode != http.StatusOK {
		t.Errorf("afterwards: got %s: %s", answer.Status, body)
	}
}
