package web_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/samples"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// measured is a fleet in which instance a tells figures, and the others do not.
func measured() *fleet {
	node := func(name mgmt.NodeName, role mgmt.ClusterRole) mgmt.ObservedNode {
		return mgmt.ObservedNode{NodeStatus: mgmt.NodeStatus{Node: name, State: mgmt.Running, MgmtRole: mgmt.RoleNode, ClusterRole: role}}
	}
	return &fleet{snap: mgmt.Snapshot{Instances: []*mgmt.ObservedInstance{
		{Name: "a", Standing: mgmt.Ready, Nodes: []mgmt.ObservedNode{
			{NodeStatus: mgmt.NodeStatus{Node: "agent-a", MgmtRole: mgmt.RoleAgent, ClusterRole: mgmt.ClusterNone}},
			node("new", mgmt.Proxy), node("w", mgmt.Worker),
		}},
		{Name: "b", Standing: mgmt.Ready, Nodes: []mgmt.ObservedNode{node("m", mgmt.Manager)}},
		{Name: "c", Standing: mgmt.Absent, Since: noon, Nodes: []mgmt.ObservedNode{node("w2", mgmt.Worker)}},
		{Name: "d", Standing: mgmt.Absent},
		{Name: "e", Standing: mgmt.Ready},
	}}}
}

// sample is one of a host with a worker.
func sample(at time.Time, packets uint64) *mgmt.HostSample {
	return &mgmt.HostSample{
		Time: at, CPUs: 4, Busy: 1.5, Memory: mgmt.Memory{Total: 100, Available: 60},
		Disks:      []mgmt.Disk{{Use: "spool", Path: "/s", Total: 10, Free: 4}},
		Interfaces: []mgmt.InterfaceSample{{Name: "eth0", Up: true, Link: true, Capture: true, Packets: packets, Bytes: 100 * packets}},
		Nodes: []mgmt.NodeSample{{
			Node: "w", PID: 7, Started: noon, CPU: 0.5, Memory: 1 << 20, Threads: 3, Files: 9, Interface: "eth0",
			Zeek:  &mgmt.ZeekSample{Received: packets, Bytes: 100 * packets, Link: packets, Queued: 3, Dispatched: 1, Lag: new(0.25)},
			Peers: []mgmt.PeerSample{{Peer: "m", Kind: "broker", Since: noon, Queued: 2, Limit: 10}},
		}},
	}
}

func TestSamplesOfAllInstances(t *testing.T) {
	store := samples.New(samples.Config{})
	now := time.Now()
	store.Take(now.Add(-5*time.Second), "a", sample(now.Add(-5*time.Second), 1000))
	store.Take(now, "a", sample(now, 2000))
	store.Take(now, "c", sample(now, 1)) // and its agent was lost just then
	store.Miss("b", "it is too old for this")
	told := &agents{tell: tellsAll, hosts: []mgmt.HostReport{{Instance: "e", Present: true, Err: "its agent is Zeek's own"}}}
	s := serve(t, web.Config{Cluster: measured(), Samples: store, Agents: told}, nil)
	got, err := s.client("viewer").Samples(t.Context(), api.SampleQuery{})
	if err != nil {
		t.Fatal(err)
	}
	why := map[string]string{}
	for _, h := range got.Items {
		why[h.Instance] = h.Err
	}
	want := map[string]string{
		"a": "", "b": "it is too old for this", "c": "its agent is not connected", "d": "its agent was not seen since the controller started",
		"e": "its agent is Zeek's own",
	}
	if diff := cmp.Diff(want, why); diff != "" {
		t.Error(diff)
	}
	a := got.Items[0]
	wantNodes := []api.NodeSample{
		{Node: "new", Role: "PROXY", State: "RUNNING", Err: "its agent has not measured it yet"},
		{
			Node: "w", Role: "WORKER", State: "RUNNING", PID: 7, Started: noon, CPU: 0.5, Memory: 1 << 20, Threads: 3, Files: 9, Interface: "eth0",
			Zeek: &api.ZeekSample{
				Received: 2000, Bytes: 200_000, Link: 2000, Waiting: 2, Lag: new(0.25), Rates: &api.NodeRates{Packets: 200, Bytes: 20_000},
			},
			Peers: []api.PeerSample{{Peer: "m", Kind: "broker", Since: noon, Queued: 2, Limit: 10}},
		},
	}
	if diff := cmp.Diff(wantNodes, a.Nodes); diff != "" {
		t.Error(diff)
	}
	if !a.Heard.Equal(now) || a.Busy != 1.5 || a.Disks[0].Free != 4 || a.Interfaces[0].Rates.Packets != 200 || got.Time.Before(a.Heard) {
		t.Errorf("got %+v", a)
	}
	if c := got.Items[2]; len(c.Nodes) != 1 || c.Nodes[0].Node != "w2" || c.Nodes[0].Err != c.Err {
		t.Errorf("the nodes of an absent instance: got %+v", c.Nodes)
	}
}

func TestSamplesThatAreSelected(t *testing.T) {
	store := samples.New(samples.Config{})
	store.Take(time.Now(), "a", sample(time.Now(), 1))
	s := serve(t, web.Config{Cluster: measured(), Samples: store}, nil)
	for _, tc := range []struct {
		query string
		want  string
	}{
		{"instance=a", "a:new,w"}, {"role=WORKER", "a:w c:w2"}, {"node=m", "b:m"}, {"instance=a&role=MANAGER", ""}, {"instance=nope", ""},
		{"limit=2&after=b", "c:w2 d:"},
	} {
		answer, text := s.ask("GET", "/api/v1/samples?"+tc.query, "viewer", "")
		var body api.Samples
		if err := json.Unmarshal([]byte(text), &body); err != nil || answer.StatusCode != http.StatusOK {
			t.Errorf("%s: got %s, %v: %s", tc.query, answer.Status, err, text)
		}
		var got []string
		for _, h := range body.Items {
			var nodes []string
			for _, n := range h.Nodes {
				nodes = append(nodes, n.Node)
			}
			got = append(got, h.Instance+":"+strings.Join(nodes, ","))
		}
		if text := strings.Join(got, " "); text != tc.want {
			t.Errorf("%s: got %q, want %q", tc.query, text, tc.want)
		}
	}
}

// An asker who waits is told when there is a sample that the asker does not have.
func TestWaitingForASample(t *testing.T) {
	store := samples.New(samples.Config{})
	first := time.Now()
	store.Take(first, "a", sample(first, 1))
	s := serve(t, web.Config{Cluster: measured(), Samples: store}, nil)
	q := api.SampleQuery{Instance: "a", Wait: time.Minute, Newer: first.Add(-time.Second)}
	got, err := s.client("viewer").Samples(t.Context(), q)
	if err != nil || !got.Items[0].Heard.Equal(first) {
		t.Fatalf("there is a newer one: got %+v, %v", got, err)
	}
	answers := make(chan api.Samples, 1)
	q.Newer = got.Items[0].Heard
	go func() {
		got, _ := s.client("viewer").Samples(t.Context(), q)
		answers <- got
	}()
	second := first.Add(5 * time.Second)
	store.Take(second, "a", sample(second, 2))
	if got := <-answers; len(got.Items) != 1 || !got.Items[0].Heard.Equal(second) {
		t.Errorf("got %+v", got)
	}
	q.Wait, q.Newer = time.Second, second
	if got, err := s.client("viewer").Samples(t.Context(), q); err != nil || len(got.Items) != 1 {
		t.Errorf("nothing new comes: got %+v, %v", got, err)
	}
}

func TestHistoryOfSamples(t *testing.T) {
	s := serve(t, web.Config{Cluster: measured(), Samples: samples.New(samples.Config{})}, nil)
	got, err := s.client("viewer").SampleHistory(t.Context(), api.HistoryQuery{
		Instance: "a", Node: "w", Figures: []string{"cpu", "packets"}, From: time.Now().Add(-10 * time.Minute), Step: 30 * time.Second,
	})
	if err != nil || got.Step != 30 || len(got.Series) != 2 || got.Series[1].Figure != "packets" || got.Series[1].Unit != "1/s" || len(got.Series[0].Points) < 20 {
		t.Fatalf("got %+v, %v", got, err)
	}
	if p := got.Series[0].Points[0]; p != nil {
		t.Errorf("a point of which nothing is known is %v", *p)
	}
	for query, want := range map[string]string{
		"":                              "instance: required query parameter is missing",
		"instance=nope":                 `there is no instance \"nope\"`,
		"instance=a&figures=lag":        `\"lag\" is not a figure of a host`,
		"instance=a&node=w&interface=i": "not of both",
		"instance=a&from=yesterday":     `from is \"yesterday\": write a time like`,
		"instance=a&to=2h&from=1h":      "to end before it begins",
	} {
		answer, text := s.ask("GET", "/api/v1/samples/history?"+query, "viewer", "")
		if answer.StatusCode < 400 || answer.StatusCode > 499 || !strings.Contains(text, want) {
			t.Errorf("%s: got %s: %s", query, answer.Status, text)
		}
	}
}

func TestAControllerWithoutSamplesSaysSo(t *testing.T) {
	s := serve(t, web.Config{Cluster: measured()}, nil)
	for _, path := range []string{"/api/v1/samples", "/api/v1/samples/history?instance=a"} {
		answer, text := s.ask("GET", path, "viewer", "")
		if answer.StatusCode != http.StatusNotImplemented || !strings.Contains(text, "keeps no samples") {
			t.Errorf("%s: got %s: %s", path, answer.Status, text)
		}
	}
}

// A time of an agent may have a year that JSON cannot have. Others must be listed all the same.
func TestTimesOfATakenOverAgentBreakNoList(t *testing.T) {
	for _, text := range []string{"9999-12-31T23:59:59-23:59", "0000-01-01T00:00:00+23:59"} {
		var odd time.Time
		if err := odd.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		store, is := samples.New(samples.Config{}), sample(time.Now(), 1)
		is.Time, is.Nodes[0].Started, is.Nodes[0].Peers[0].Since = odd, odd, odd
		store.Take(time.Now(), "a", is)
		store.Take(time.Now(), "b", sample(time.Now(), 1))
		told := &agents{tell: tellsAll, hosts: []mgmt.HostReport{{Instance: "a", Present: true, Facts: &mgmt.HostFacts{Time: odd, Started: odd, Booted: odd}}}}
		s := serve(t, web.Config{Cluster: measured(), Samples: store, Agents: told}, nil)
		got, err := s.client("viewer").Samples(t.Context(), api.SampleQuery{})
		if err != nil || len(got.Items) != 5 || !got.Items[0].Nodes[1].Started.IsZero() {
			t.Errorf("%s: got %+v, %v", text, got, err)
		}
		for _, path := range []string{"/api/v1/instances", "/api/v1/status", "/fleet", "/instances/a/nodes/w"} {
			if answer, text := s.ask("GET", path, "admin", "", "Accept: text/html"); answer.StatusCode != http.StatusOK {
				t.Errorf("%s: got %s: %.300s", path, answer.Status, text)
			}
		}
	}
}
