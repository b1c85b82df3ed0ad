package web_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/web"
)

// discovered asks for the list of targets, and returns a line for each.
func discovered(t *testing.T, s *site, path string) (lines []string) {
	t.Helper()
	answer, body := s.ask("GET", path, "viewer", "")
	var list []api.ScrapeTargets
	if err := json.Unmarshal([]byte(body), &list); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", answer.Status, body, err)
	}
	for _, target := range list {
		l := target.Labels
		lines = append(lines, strings.TrimSpace(fmt.Sprintf("%s://%s%s %s %s %s %s", l["__scheme__"], strings.Join(target.Targets, ","), l["__metrics_path__"],
			l["instance"], l["__meta_zeekfleet_node"], l["role"], l["__meta_zeekfleet_interface"])))
	}
	slices.Sort(lines)
	return lines
}

func TestServiceDiscoveryListsWhatServes(t *testing.T) {
	port, eth := mgmt.TCPPort(9000), "eth0"
	node := func(name mgmt.NodeName, in mgmt.InstanceName) mgmt.Node {
		return mgmt.Node{Name: name, Instance: in, Role: mgmt.Worker, Interface: &eth, MetricsPort: &port}
	}
	silent := node("silent", "new")
	silent.MetricsPort = nil
	seen := netip.MustParseAddrPort("192.0.2.7:4711")
	cluster := &fleet{snap: mgmt.Snapshot{
		Deployed: &mgmt.ConfigRevision{Config: mgmt.Configuration{
			Instances: []mgmt.Instance{{Name: "new", Host: mgmt.UnknownHost}, {Name: "old", Host: netip.MustParseAddr("192.0.2.8")}, {Name: "hosted", Host: netip.MustParseAddr("192.0.2.10")}},
			Nodes:     []mgmt.Node{node("a b", "new"), node("ended", "new"), silent, node("six", "old")},
		}},
		Stopped: []mgmt.NodeName{"ended"},
		Instances: []*mgmt.ObservedInstance{
			{Name: "hosted", Peer: "t", Addr: seen}, {Name: "liar", Peer: "s", Addr: netip.MustParseAddrPort("192.0.2.9:4711")},
			{Name: "new", Peer: "p", Addr: seen}, {Name: "nowhere", Peer: "u"}, {Name: "old", Peer: "q"}, {Name: "zeeks", Peer: "r"},
		},
	}}
	s := serve(t, web.Config{Cluster: cluster, Name: "ctl", Agents: &agents{hosts: []mgmt.HostReport{
		{Instance: "new", Present: true, Facts: &mgmt.HostFacts{ZeekVersion: "8.2.2", Metrics: "0.0.0.0:9100"}},
		{Instance: "old", Present: true, Facts: &mgmt.HostFacts{ZeekVersion: "6.0.4"}},
		{Instance: "zeeks", Present: true},
		{Instance: "hosted", Present: true, Facts: &mgmt.HostFacts{Metrics: "[fd00::1]:9102"}},
		{Instance: "liar", Present: true, Facts: &mgmt.HostFacts{Metrics: "169.254.169.254:80"}},
		{Instance: "nowhere", Present: true, Facts: &mgmt.HostFacts{Metrics: "169.254.169.254:80"}},
	}}}, nil)
	want := []string{
		"http://" + s.addr + "/metrics ctl",
		"http://" + s.addr + "/metrics/agents/hosted hosted  AGENT",
		"http://" + s.addr + "/metrics/agents/liar liar  AGENT",
		"http://" + s.addr + "/metrics/agents/new new  AGENT",
		"http://" + s.addr + "/metrics/agents/nowhere nowhere  AGENT",
		"http://" + s.addr + "/metrics/agents/old old  AGENT",
		"http://" + s.addr + "/metrics/nodes/new/a%20b new a b WORKER eth0",
	}
	if got := discovered(t, s, "/sd"); !slices.Equal(got, want) {
		t.Errorf("through the controller:\n%s", strings.Join(got, "\n"))
	}
	// An agent chooses a port, and no address.
	want = []string{
		"http://" + s.addr + "/metrics ctl", "http://192.0.2.7:9000/metrics new a b WORKER eth0", "http://192.0.2.7:9100/metrics new  AGENT",
		"http://192.0.2.9:80/metrics liar  AGENT", "http://192.0.2.10:9102/metrics hosted  AGENT",
	}
	slices.Sort(want)
	if got := discovered(t, s, "/sd?via=direct"); !slices.Equal(got, want) {
		t.Errorf("directly:\n%s", strings.Join(got, "\n"))
	}
}

func TestMetricsAreForUsersUnlessTheSettingsSayOtherwise(t *testing.T) {
	for anonymous, want := range map[bool]int{false: http.StatusUnauthorized, true: http.StatusOK} {
		tell := func(context.Context, mgmt.InstanceName, mgmt.StreamKind, any) (io.Reader, error) {
			return strings.NewReader("<script>"), nil
		}
		s := serve(t, web.Config{
			MetricsAnonymous: anonymous, Agents: &agents{tell: tell},
			Metrics: func(context.Context) ([]byte, error) { return []byte("up 1\n"), nil },
		}, nil)
		for _, path := range []string{"/metrics", "/sd", "/metrics/agents/a", "/metrics/nodes/a/w"} {
			answer, _ := s.ask("GET", path, "", "")
			if answer.StatusCode != want {
				t.Errorf("%s, anonymous %t: %s", path, anonymous, answer.Status)
			}
			answer, body := s.ask("GET", path, "viewer", "")
			if answer.StatusCode != http.StatusOK {
				t.Errorf("%s by a viewer: %s %s", path, answer.Status, body)
			}
			if kind := answer.Header.Get("Content-Type"); path != "/sd" && (!strings.HasPrefix(kind, "text/plain; version=0.0.4") || answer.Header.Get("X-Content-Type-Options") != "nosniff") {
				t.Errorf("%s: %s", path, kind)
			}
		}
	}
}

// Prometheus would take a text that ends early for all that there is.
func TestMetricsThatAreNotWholeBreakTheConnection(t *testing.T) {
	tell := func(context.Context, mgmt.InstanceName, mgmt.StreamKind, any) (io.Reader, error) {
		return io.MultiReader(strings.NewReader("a 1\n"), failingReader{errors.New("lost")}), nil
	}
	s := serve(t, web.Config{Agents: &agents{tell: tell}, MetricsAnonymous: true}, nil)
	answer, err := http.Get("http://" + s.addr + "/metrics/nodes/a/w")
	if err == nil {
		_, err = io.ReadAll(answer.Body)
		answer.Body.Close()
	}
	if err == nil {
		t.Error("the text looks whole")
	}
}

type failingReader struct{ err error }

func (f failingReader) Read([]byte) (int, error) { return 0, f.err }

// Many scrapes of one instance wait for each other, and leave room for those of other ones.
func TestScrapesTakeTurns(t *testing.T) {
	began, end := make(chan mgmt.InstanceName, 3), make(chan struct{})
	tell := func(_ context.Context, instance mgmt.InstanceName, _ mgmt.StreamKind, _ any) (io.Reader, error) {
		began <- instance
		<-end
		return strings.NewReader("a 1\n"), nil
	}
	s := serve(t, web.Config{
		Agents: &agents{tell: tell}, MetricsAnonymous: true,
		Limits: web.Limits{MaxScrapes: 2, MaxScrapesOfOne: 1, AgentWait: 200 * time.Millisecond},
	}, nil)
	statuses := make(chan int, 3)
	ask := func(instance string) {
		answer, err := http.Get("http://" + s.addr + "/metrics/agents/" + instance)
		if err != nil {
			statuses <- 0
			return
		}
		answer.Body.Close()
		statuses <- answer.StatusCode
	}
	go ask("a")
	patience.Next(t, began, "the first scrape")
	go ask("a")
	if got := patience.Next(t, statuses, "the refusal of the second one"); got != http.StatusServiceUnavailable {
		t.Errorf("a second scrape of one instance: %d", got)
	}
	go ask("b")
	if got := patience.Next(t, began, "a scrape of another instance"); got != "b" {
		t.Errorf("%s was asked", got)
	}
	close(end)
	for range 2 {
		if got := patience.Next(t, statuses, "the answers"); got != http.StatusOK {
			t.Errorf("an answer is %d", got)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

func TestRequestsAreCounted(t *testing.T) {
	counted := make(chan string, 10)
	s := serve(t, web.Config{Counted: func(operation string, status int, _ time.Duration) { counted <- fmt.Sprint(operation, " ", status) }}, nil)
	for path, want := range map[string]string{"/healthz": "health 200", "/nothing": "none 404", "/api/v1/whoami": "who-am-i 401"} {
		s.ask("GET", path, "", "")
		if got := patience.Next(t, counted, "the count"); got != want {
			t.Errorf("%s counts as %s", path, got)
		}
	}
}
