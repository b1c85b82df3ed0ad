package metrics_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/zeekfleet/zeekfleet/internal/metrics"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/samples"
)

// ends is when certificates end.
var ends = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// fleetOf returns a controller of a cluster of this size, in which everything has a figure.
func fleetOf(instances, nodes int) metrics.ControllerConfig {
	snap := &mgmt.Snapshot{Deployed: &mgmt.ConfigRevision{Revision: 7}, Operations: []*mgmt.Operation{{State: mgmt.OperationRunning}}}
	store := samples.New(samples.Config{})
	for i := range instances {
		in := &mgmt.ObservedInstance{Name: mgmt.InstanceName(fmt.Sprintf("sensor-%d", i)), Standing: mgmt.Ready, Peer: "p"}
		sample := &mgmt.HostSample{
			Time: time.Now(), CPUs: 8, Disks: []mgmt.Disk{{Use: "state", Total: 10, Free: 5}},
			Interfaces: []mgmt.InterfaceSample{{Name: "eth0", Up: true, Link: true, Speed: 8e9, Packets: 10}},
		}
		for j := range nodes {
			name, lag := mgmt.NodeName(fmt.Sprintf("worker-%d-%d", i, j)), 0.5
			in.Nodes = append(in.Nodes, mgmt.ObservedNode{NodeStatus: mgmt.NodeStatus{Node: name, State: mgmt.Running, ClusterRole: mgmt.Worker}})
			sample.Nodes = append(sample.Nodes, mgmt.NodeSample{
				Node: name, PID: 7, Started: epoch, Memory: 1 << 20, Zeek: &mgmt.ZeekSample{Received: 100, Dropped: 3, Lag: &lag},
			})
		}
		snap.Instances = append(snap.Instances, in)
		store.Take(time.Now(), in.Name, sample)
	}
	counts := metrics.NewCounts()
	counts.Request("get_nodes", true, time.Millisecond)
	counts.HTTP("metrics", 200, time.Millisecond)
	counts.Operation(&mgmt.Operation{Kind: mgmt.OperationDeploy, State: mgmt.OperationDone, Begun: epoch, Ended: epoch.Add(3 * time.Second)})
	counts.Happened(mgmt.Happening{Time: time.Now().Add(time.Minute), Kind: mgmt.HappenedNode, Instance: "sensor-0", Node: "worker-0-0", To: string(mgmt.Crashed)})
	return metrics.ControllerConfig{
		Snapshot: func(context.Context) (*mgmt.Snapshot, error) { return snap, nil },
		Samples:  store.Latest, Counts: counts, Version: "v1", Controllers: threeHubs("hub-1"),
		Peers: func(context.Context) ([]mgmt.PeerSample, error) {
			return []mgmt.PeerSample{{Kind: "broker", Queued: 3}, {Kind: "broker", Queued: 4}}, nil
		},
		Certificates: func(context.Context) []metrics.Certificate {
			return []metrics.Certificate{
				{Identity: "user/ann", Expires: ends.Add(-time.Hour)}, {Identity: "user/ann", Expires: ends}, {Identity: "user/gone", Expires: epoch},
			}
		},
		Alerts: func() []mgmt.Alert {
			return []mgmt.Alert{{Rule: mgmt.RuleDrops, State: mgmt.AlertFiring, Severity: mgmt.AlertWarning}}
		},
	}
}

func parse(t *testing.T, text []byte) map[string]*dto.MetricFamily {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(string(text)))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return families
}

func textOf(t *testing.T, cfg metrics.ControllerConfig) string {
	t.Helper()
	text, err := metrics.NewController(cfg).Text(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// wantFamilies compares a text with the table of families: every family is there, with its type
// and its labels, and there is no other one of ours.
func wantFamilies(t *testing.T, text []byte, table []*metrics.Family) {
	t.Helper()
	found := parse(t, text)
	for _, f := range append(table, metrics.ProcessFamilies()...) {
		mf := found[f.Name]
		if mf == nil {
			t.Errorf("%s is in the table, and not in the text", f.Name)
			continue
		}
		delete(found, f.Name)
		if mf.GetHelp() != f.Help || strings.ToLower(mf.GetType().String()) != string(f.Type) {
			t.Errorf("%s: %s, %q", f.Name, mf.GetType(), mf.GetHelp())
		}
		for _, m := range mf.Metric {
			var names []string
			for _, l := range m.Label {
				names = append(names, l.GetName())
			}
			slices.Sort(names)
			if want := slices.Sorted(slices.Values(f.Labels)); !slices.Equal(names, want) {
				t.Errorf("%s has the labels %v, and in the table %v", f.Name, names, want)
			}
		}
	}
	for name := range found {
		t.Errorf("%s is in the text, and not in the table", name)
	}
}

func TestTextsHaveTheFamiliesOfTheTable(t *testing.T) {
	wantFamilies(t, []byte(textOf(t, fleetOf(2, 2))), metrics.ControllerFamilies())
	agent, err := metrics.Agent(metrics.AgentState{
		Version: "v1", Controllers: 1, Nodes: []metrics.AgentNode{{Node: "w", State: mgmt.Running, Starts: 2, Crashes: 1}},
		Sample: &mgmt.HostSample{Time: epoch, Nodes: []mgmt.NodeSample{{Node: "w", PID: 7}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	wantFamilies(t, agent, metrics.AgentFamilies())
	node, err := metrics.Node("w", "v1")
	if err != nil {
		t.Fatal(err)
	}
	wantFamilies(t, node, metrics.NodeFamilies())
}

// The figures of the process are those that the kernel has for it.
func TestProcessesTellTheirOwnFigures(t *testing.T) {
	text, err := metrics.Node("w", "v1")
	if err != nil {
		t.Fatal(err)
	}
	found := parse(t, text)
	figure := func(name string) float64 {
		m := found[name].Metric[0]
		return m.GetGauge().GetValue() + m.GetCounter().GetValue()
	}
	now := float64(time.Now().Unix())
	for name, in := range map[string][2]float64{
		"process_start_time_seconds": {now - 3600, now + 2}, "process_resident_memory_bytes": {1 << 20, 1 << 34}, "process_threads": {1, 10_000},
		"process_open_fds": {3, 10_000}, "process_cpu_seconds_total": {0, 3600}, "go_goroutines": {2, 10_000}, "go_heap_objects_bytes": {1 << 10, 1 << 34},
	} {
		if got := figure(name); got < in[0] || got > in[1] {
			t.Errorf("%s is %v", name, got)
		}
	}
}

func TestAgentsAndControllersAreNoNodesOfTheCluster(t *testing.T) {
	c := fleetOf(1, 1)
	snap, err := c.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	in := snap.Instances[0]
	for _, role := range []mgmt.Role{mgmt.RoleAgent, mgmt.RoleController} {
		in.Nodes = append(in.Nodes, mgmt.ObservedNode{NodeStatus: mgmt.NodeStatus{Node: "daemon", State: mgmt.Running, MgmtRole: role, ClusterRole: mgmt.ClusterNone}})
	}
	text := textOf(t, c)
	if strings.Contains(text, `zeekfleet_nodes{instance="sensor-0",role="NONE"`) || strings.Contains(text, `zeekfleet_node_up{instance="sensor-0",node="daemon"`) {
		t.Errorf("a daemon counts as a node:\n%s", text)
	}
}

func TestFiguresAreThoseOfTheCluster(t *testing.T) {
	text := textOf(t, fleetOf(1, 2))
	for _, want := range []string{
		`zeekfleet_nodes{instance="sensor-0",role="WORKER",state="RUNNING"} 2`,
		`zeekfleet_node_up{instance="sensor-0",node="worker-0-1",role="WORKER"} 1`,
		`zeekfleet_instance_connected{instance="sensor-0"} 1`,
		`zeekfleet_deployed_revision 7`,
		`zeekfleet_node_packets_dropped_total{instance="sensor-0",node="worker-0-0"} 3`,
		`zeekfleet_node_lag_seconds{instance="sensor-0",node="worker-0-0"} 0.5`,
		`zeekfleet_interface_speed_bytes{instance="sensor-0",interface="eth0"} 1e+09`,
		`zeekfleet_peers_queued_messages{kind="broker"} 7`,
		`zeekfleet_peers_queued_messages_most{kind="broker"} 4`,
		`zeekfleet_operation_duration_seconds_sum{kind="deploy",outcome="done"} 3`,
		`zeekfleet_request_duration_seconds_count{request="get_nodes",outcome="success"} 1`,
		`zeekfleet_http_request_duration_seconds_count{operation="metrics",code="2xx"} 1`,
		`zeekfleet_node_crashes_total{instance="sensor-0",node="worker-0-0"} 1`,
		`zeekfleet_alerts{rule="packet-drops",state="firing",severity="warning"} 1`,
		fmt.Sprintf(`zeekfleet_certificate_expiry_timestamp_seconds{identity="user/ann"} %v`, float64(ends.Unix())),
		`zeekfleet_series_left_out 0`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("the text lacks %s", want)
		}
	}
}

// What an agent calls its things cannot break the text, nor make it long.
func TestNamesAreCleanedAndBounded(t *testing.T) {
	cfg := fleetOf(1, 1)
	long := strings.Repeat("ä", 5000)
	cfg.Samples = func(time.Time) []samples.Host {
		is := &mgmt.HostSample{Time: epoch, Interfaces: []mgmt.InterfaceSample{{Name: long}, {Name: "a\"b\\c\nd\x00\xff"}, {Name: "twice"}, {Name: "twice"}}}
		for i := range 10_000 {
			is.Disks = append(is.Disks, mgmt.Disk{Use: fmt.Sprint(i)})
		}
		return []samples.Host{{Instance: "sensor-0", Sample: is}}
	}
	text := textOf(t, cfg)
	found := parse(t, []byte(text))
	if n := len(found["zeekfleet_disk_size_bytes"].Metric); n > 4096 {
		t.Errorf("one host tells of %d disks", n)
	}
	cfg.Samples = func(time.Time) []samples.Host {
		return []samples.Host{{Instance: "sensor-0", Sample: &mgmt.HostSample{Time: epoch, Interfaces: []mgmt.InterfaceSample{
			{Name: long}, {Name: "a\"b\\c\nd\x00\xff"}, {Name: "twice"}, {Name: "twice"},
		}}}}
	}
	found = parse(t, []byte(textOf(t, cfg)))
	var names []string
	for _, m := range found["zeekfleet_interface_up"].Metric {
		names = append(names, m.Label[1].GetValue())
	}
	slices.Sort(names)
	if len(names) != 3 || len(names[2]) > metrics.MaxLabel || names[0] != "a\"b\\c?d??" || names[1] != "twice" {
		t.Errorf("the names are %q", names)
	}
}

func TestHealthPages(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	said, well := "node worker should run and does not", false
	go func() {
		ended <- metrics.Serve(ctx, ln, func(context.Context) ([]byte, error) { return nil, nil },
			func(context.Context) (string, bool) { return said, well })
	}()
	defer func() {
		cancel()
		<-ended
	}()
	get := func(path string) string {
		answer, err := http.Get("http://" + ln.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		body, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Status + ": " + string(body)
	}
	if got, want := get(metrics.HealthPath), "503 Service Unavailable: "+said+"\n"; got != want {
		t.Errorf("unwell: got %q, want %q", got, want)
	}
	if got := get(metrics.LivePath); got != "200 OK: ok\n" {
		t.Errorf("alive: got %q", got)
	}
}

func TestSeriesBeyondTheBoundAreLeftOut(t *testing.T) {
	cfg := fleetOf(3, 3)
	cfg.MaxSeries = 20
	found := parse(t, []byte(textOf(t, cfg)))
	sum := 0
	for name, mf := range found {
		if strings.HasPrefix(name, "zeekfleet_") && mf.GetType() == dto.MetricType_GAUGE {
			sum += len(mf.Metric)
		}
	}
	left := found["zeekfleet_series_left_out"].Metric[0].Gauge.GetValue()
	if sum > 21 || left == 0 {
		t.Errorf("%d series, %v left out", sum, left)
	}
}

func TestAnAgentsPastIsNotCounted(t *testing.T) {
	cfg := fleetOf(1, 1)
	cfg.Counts.Happened(mgmt.Happening{Time: epoch, Kind: mgmt.HappenedNode, Instance: "sensor-0", Node: "worker-0-0", To: string(mgmt.Crashed)})
	if text := textOf(t, cfg); !strings.Contains(text, `zeekfleet_node_crashes_total{instance="sensor-0",node="worker-0-0"} 1`+"\n") {
		t.Error("what has happened before the controller started is counted")
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	counts := metrics.NewCounts()
	count := func() {
		counts.Request("get_nodes", true, time.Millisecond)
		counts.HTTP("metrics", 200, time.Millisecond)
	}
	count()
	if n := testing.AllocsPerRun(100, count); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestAServerServesItsTextAlone(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(patience.Context(t))
	ended := make(chan error, 1)
	go func() {
		ended <- metrics.Serve(ctx, ln, func(context.Context) ([]byte, error) { return []byte("a 1\n"), nil }, nil)
	}()
	for path, want := range map[string]int{"/metrics": 200, "/": 404, "/debug/pprof/": 404} {
		answer, err := http.Get("http://" + ln.Addr().String() + path)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode != want || want == 200 && (string(body) != "a 1\n" || answer.Header.Get("Content-Type") != metrics.ContentType) {
			t.Errorf("%s: %s %q", path, answer.Status, body)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	enough := errors.New("enough")
	cancel(enough)
	if err := <-ended; err != enough {
		t.Errorf("Serve: %v", err)
	}
}

func BenchmarkController(b *testing.B) {
	c := metrics.NewController(fleetOf(100, 10))
	for b.Loop() {
		if _, err := c.Text(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
