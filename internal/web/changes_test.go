package web_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// What reaches the controller is what the caller has said, and who it is.
func TestRequestsToTheController(t *testing.T) {
	config := someFleet().snap.Deployed.Config
	for i := range config.Nodes {
		config.Nodes[i].State = mgmt.Running
	}
	text, err := json.Marshal(someCluster)
	if err != nil {
		t.Fatal(err)
	}
	old := mgmt.Configuration{ID: "old", Nodes: []mgmt.Node{{Name: "w", Role: mgmt.Worker, RunOptions: []mgmt.Option{{Name: "C::d", Value: "2"}}}}}
	changed := old.Clone()
	changed.Nodes[0].RunOptions = []mgmt.Option{{Name: "A::b", Value: "1"}}
	deployed, staged := someFleet().snap.Deployed.Given(), mgmt.Configuration{ID: "id-4", Instances: []mgmt.Instance{{Name: "a"}}}
	given := fmt.Sprintf(`"configuration":%s`, text)
	for _, tc := range []struct {
		path, header, body string
		want               mgmt.Request
	}{
		{"plans", "", `{` + given + `,"timeout_seconds":9}`, mgmt.PlanRequest{Config: config, Patience: 9 * time.Second}},
		{"plans", "", `{"revision":2}`, mgmt.PlanRequest{Config: old}},
		{"instances/a/preflight", "", `{"timeout_seconds":9}`, mgmt.PlanRequest{Config: deployed, Instance: "a", Patience: 9 * time.Second}},
		{"instances/a/preflight", "", `{"staged":true}`, mgmt.PlanRequest{Config: staged, Instance: "a"}},
		{"deployments", "", `{` + given + `,"note":"n","seen":0,"partial":true,"revert_after_seconds":60,"timeout_seconds":30}`, mgmt.ChangeRequest{
			Config: config, Note: "n", Seen: new(uint64(0)), Partial: true, RevertAfter: time.Minute, Patience: 30 * time.Second,
		}},
		{"deployments", "", `{"revision":2}`, mgmt.ChangeRequest{Config: old, Of: 2}},
		{"plans", "", `{"revision":2,"options":[{"nodes":["w"],"set":{"A::b":"1"},"unset":["C::d"]}]}`, mgmt.PlanRequest{Config: changed}},
		{"deployments", "", `{"revision":2,"options":[{"nodes":["w"],"set":{"A::b":"1"},"unset":["C::d"]}]}`, mgmt.ChangeRequest{Config: changed}},
		{"deployments", `If-Match: "3-0123456789abcdef"`, `{"revision":2}`, mgmt.ChangeRequest{Config: old, Of: 2, Seen: new(uint64(3))}},
		{"deployments", `If-Match: W/"3"`, `{"revision":2,"seen":3}`, mgmt.ChangeRequest{Config: old, Of: 2, Seen: new(uint64(3))}},
		{"operations", "", `{"kind":"stop","nodes":["worker-1*","@proxies"],"note":"n"}`,
			mgmt.OperateRequest{Kind: mgmt.OperationStop, Selectors: []string{"worker-1*", "@proxies"}, Note: "n"}},
		{"operations", "", `{"kind":"restart","percent":20}`, mgmt.OperateRequest{Kind: mgmt.OperationRestart, Rolling: true, Percent: 20}},
		{"operations", "", `{"kind":"restart","resumes":7}`, mgmt.OperateRequest{Kind: mgmt.OperationRestart, Resumes: 7}},
		{"dispatches", "", `{"action":"set_option","arguments":["a","b"],"nodes":["w"]}`,
			mgmt.DispatchRequest{Action: []string{"set_option", "a", "b"}, Selectors: []string{"w"}}},
	} {
		f := someFleet()
		f.snap.Staged.Config = staged
		f.answers, f.past = usually, map[uint64]*mgmt.ConfigRevision{2: {Revision: 2, Config: old}}
		s := serve(t, web.Config{Cluster: f}, nil)
		answer, body := s.raw(fmt.Sprintf("POST /api/v1/%s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer operator\r\n"+
			"Content-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s", tc.path, len(tc.body), strings.TrimPrefix(tc.header+"\r\n", "\r\n"), tc.body))
		if answer.StatusCode/100 != 2 || len(f.requests()) != 1 {
			t.Errorf("%s %s: got %s: %s", tc.path, tc.body, answer.Status, body)
			continue
		}
		if strings.Contains(tc.body, `"options":[`) { // a new configuration has a new ID
			switch asked := f.asked[0].(type) {
			case mgmt.PlanRequest:
				if _, err := uuid.Parse(asked.Config.ID); err != nil {
					t.Errorf("%s: ID %q: %v", tc.body, asked.Config.ID, err)
				}
				asked.Config.ID = "old"
				f.asked[0] = asked
			case mgmt.ChangeRequest:
				asked.Config.ID = "old"
				f.asked[0] = asked
			}
		}
		if diff := cmp.Diff(tc.want, f.asked[0], cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
			t.Errorf("%s %s: %s", tc.path, tc.body, diff)
		}
		if f.by[0].Name != "opal" {
			t.Errorf("%s: asked by %+v", tc.path, f.by[0])
		}
	}
}

func TestBadRequestsToTheController(t *testing.T) {
	f := someFleet()
	f.answers = usually
	f.snap.History = append([]mgmt.PastConfig{{Revision: 1}}, f.snap.History...)
	s := serve(t, web.Config{Cluster: f}, nil)
	for _, tc := range []struct {
		path, body string
		status     int
		want       string
	}{
		{"plans", `{}`, 422, "name either the configuration or a revision"},
		{"plans", `{"revision":2,"configuration":{"instances":[],"nodes":[]}}`, 422, "name either the configuration or a revision"},
		{"plans", `{"configuration":{"instances":[],"nodes":[]},"options":[{"set":{"A::b":"1"}}]}`, 422, "give the changes of options with a revision"},
		{"plans", `{"revision":3,"options":[{"nodes":["no-such"],"set":{"A::b":"1"}}]}`, 422, "there is no node 'no-such'"},
		{"deployments", `{"revision":3,"options":[{"set":{"A-b":"1"}}]}`, 422, `"A-b" cannot be the name of an option`},
		{"plans", `{"revision":9}`, 404, "revision 9 is not there: the newest is 3"},
		{"plans", `{"revision":1}`, 410, "revision 1 is described in the history, but its configuration is not kept any more: the oldest that is kept is 2"},
		{"plans", `{"configuration":{"instances":[{"name":"a","host":"sensor.example"}],"nodes":[]}}`, 422, `instance "a": its host is not an IP address: "sensor.example"`},
		{"plans", `{"configuration":{"instances":[],"nodes":[{"name":"w","instance":"a","role":"WORKER","port":65536}]}}`, 422, "nodes[0].port: expected number <= 65535"},
		{"plans", `{"configuration":{"instances":[],"nodes":[{"name":"w","instance":"a","role":"BOSS"}]}}`, 422, "role: expected value to be one of"},
		{"plans", `{"configuration":{"instances":[],"nodes":[],"colour":1}}`, 422, "colour: unexpected property"},
		{"instances/z/preflight", `{}`, 404, `the deployed configuration has no instance "z"`},
		{"deployments", `{"revision":9}`, 404, "revision 9 is not there"},
		{"deployments", `{"revision":3,"seen":-1}`, 422, "seen"},
		{"operations", `{"kind":"deploy"}`, 422, "kind: expected value to be one of"},
		{"operations", `{"kind":"stop","rolling":true}`, 422, "only a restart can be rolling"},
		{"operations", `{"kind":"restart","batch":1,"percent":1}`, 422, "either the nodes of a batch or a percentage"},
		{"operations", `{"kind":"restart","resumes":1,"nodes":["w"]}`, 422, "has its nodes and batches already"},
		{"operations", `{"kind":"start","resumes":1}`, 422, "only a rolling restart can be resumed"},
		{"dispatches", `{"action":""}`, 422, "action: expected length >= 1"},
	} {
		answer, body := s.ask("POST", "/api/v1/"+tc.path, "operator", tc.body)
		var p api.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || answer.StatusCode != tc.status || !strings.Contains(p.Detail, tc.want) {
			t.Errorf("%s %s: got %s: %s", tc.path, tc.body, answer.Status, body)
		}
	}
	if n := len(f.requests()); n != 0 {
		t.Errorf("%d requests reached the controller", n)
	}
}

func TestPlan(t *testing.T) {
	f := someFleet()
	f.answer = mgmt.PlanResponse{Result: mgmt.Result{Success: true}, Plan: &mgmt.FleetPlan{
		Deployed: 3,
		Nodes: []mgmt.PlannedNode{
			{Instance: "a", Node: "w", Role: mgmt.Worker, Action: mgmt.ActionRestart, Because: []string{"script x.zeek was added"}},
			{Instance: "b", Node: "v", Role: mgmt.Worker, Action: mgmt.ActionNone, Stopped: true},
		},
		Problems: []mgmt.PlanFinding{{Instance: "a", Node: "w", Text: "no interface eth9", Outputs: mgmt.NodeOutputs{Stdout: "o", Stderr: "e"}}},
		Unknown:  []mgmt.PlanFinding{{Instance: "b", Text: "absent", Absent: true}},
	}}
	deployed := *f.snap.Deployed
	deployed.Config = mgmt.Configuration{Nodes: []mgmt.Node{
		{Name: mgmt.NodeName(someCluster.Nodes[0].Name), RunOptions: []mgmt.Option{{Name: "A::b", Value: "1"}, {Name: "C::d", Value: "2"}}},
	}}
	f.snap.Deployed = &deployed
	cluster := someCluster
	cluster.Nodes = slices.Clone(cluster.Nodes)
	cluster.Nodes[0].RunOptions = map[string]string{"A::b": "2", "E::f": "3"}
	named := []string{cluster.Nodes[0].Name}
	s := serve(t, web.Config{Cluster: f}, nil)
	got, err := s.client("operator").Plan(t.Context(), api.PlanRequest{Configuration: &cluster})
	want := api.Plan{
		Options: []api.PlannedOption{
			{Name: "A::b", How: api.OptionChanged, Nodes: named}, {Name: "C::d", How: api.OptionUnset, Nodes: named}, {Name: "E::f", How: api.OptionSet, Nodes: named},
		},
		Deployed: 3, Changes: true,
		Nodes: []api.PlannedNode{
			{Instance: "a", Node: "w", Role: "WORKER", Action: "restart", Because: []string{"script x.zeek was added"}},
			{Instance: "b", Node: "v", Role: "WORKER", Action: "none", Stopped: true},
		},
		Problems: []api.Finding{{Instance: "a", Node: "w", Text: "no interface eth9", Stdout: "o", Stderr: "e"}},
		Doubts:   []api.Finding{}, Unknown: []api.Finding{{Instance: "b", Text: "absent", Absent: true}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	f.answer = mgmt.PlanResponse{Result: mgmt.Result{Error: "node 'w' names no instance"}}
	_, err = s.client("operator").Plan(t.Context(), api.PlanRequest{Configuration: &someCluster})
	if p, ok := errors.AsType[*api.Problem](err); !ok || p.Status != http.StatusUnprocessableEntity || p.Detail != "node 'w' names no instance" {
		t.Errorf("got %v", err)
	}
}

// The status says whether the asker has seen another revision than the deployed one.
func TestRefusedChanges(t *testing.T) {
	f := someFleet()
	f.answer = mgmt.OperationResponse{Result: mgmt.Result{Error: "revision 3 was deployed by bob meanwhile"}}
	s := serve(t, web.Config{Cluster: f}, nil)
	c := s.client("operator")
	for seen, status := range map[uint64]int{2: http.StatusPreconditionFailed, 3: http.StatusConflict} {
		_, err := c.Deploy(t.Context(), api.DeployRequest{Configuration: &someCluster, Seen: &seen})
		if p, ok := errors.AsType[*api.Problem](err); !ok || p.Status != status || p.Detail != "revision 3 was deployed by bob meanwhile" {
			t.Errorf("seen %d: got %v", seen, err)
		}
	}
	_, err := c.Operate(t.Context(), api.OperateRequest{Kind: api.KindStop})
	if p, ok := errors.AsType[*api.Problem](err); !ok || p.Status != http.StatusConflict {
		t.Errorf("got %v", err)
	}
}

func TestDispatch(t *testing.T) {
	f := someFleet()
	f.answer = mgmt.DispatchResponse{Results: []mgmt.Result{
		{Success: true, Instance: "a", Node: "w", Data: mgmt.Text(`{"pkts":7}`)},
		{Success: true, Instance: "a", Node: "x", Data: mgmt.Text(`no "JSON"`)},
		{Instance: "b", Node: "v", Error: "unknown action"},
	}}
	s := serve(t, web.Config{Cluster: f}, nil)
	got, err := s.client("operator").Dispatch(t.Context(), api.DispatchRequest{Action: "get_stats"})
	want := []api.DispatchResult{
		{Instance: "a", Node: "w", Success: true, Value: json.RawMessage(`{"pkts":7}`)},
		{Instance: "a", Node: "x", Success: true, Value: json.RawMessage(`"no \"JSON\""`)},
		{Instance: "b", Node: "v", Error: "unknown action"},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	f.answer = mgmt.DispatchResponse{Results: []mgmt.Result{{Error: "no node is called y"}}}
	_, err = s.client("operator").Dispatch(t.Context(), api.DispatchRequest{Action: "get_stats", Selectors: []string{"y"}})
	if p, ok := errors.AsType[*api.Problem](err); !ok || p.Status != http.StatusUnprocessableEntity || p.Detail != "no node is called y" {
		t.Errorf("got %v", err)
	}
}
