package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
)

// Debian's Prometheus finds everything of a fleet at one address, and reaches all of it, in both
// ways.
func TestPrometheusReachesEveryTarget(t *testing.T) {
	f := runFleet(t, "ZEEKFLEET_NODE_KIND=embedded")
	port := func(i int) string { return fmt.Sprint(f.script.ports.At(i)) }
	for i, name := range []string{"left", "right"} {
		f.kill(name)
		f.args[name] = append(f.args[name], "--metrics-listen", port(50+i))
		f.start(name)
	}
	f.deploy(twoInstances(
		configured("manager", "left", "MANAGER"), configured("logger", "left", "LOGGER"),
		configured("worker-1", "left", "WORKER"), configured("worker-2", "right", "WORKER"),
	))
	f.await("the controller knows what agents are", func() error {
		list, err := f.client.ServiceDiscovery(f.Context(), true)
		if err == nil && len(list) != 7 {
			err = fmt.Errorf("%v", list)
		}
		return err
	})
	base := "http://" + f.client.Address()
	at := startPrometheus(f, port(55), `
global: {scrape_interval: 3s}
scrape_configs:
  - job_name: through
    http_sd_configs: [{url: '`+base+`/sd', refresh_interval: 1s}]
  - job_name: direct
    http_sd_configs: [{url: '`+base+`/sd?via=direct', refresh_interval: 1s}]
`)
	f.await("all targets are up", func() error { return allUp(at, 14) })
	for _, path := range []string{"/metrics", "/metrics/agents/left", "/metrics/nodes/left/worker-1", "/metrics/nodes/right/worker-2"} {
		promtool(t, getText(t, base+path), "check", "metrics")
	}
	own := string(getText(t, base+"/metrics"))
	for _, want := range []string{
		`zeekfleet_node_up{instance="right",node="worker-2",role="WORKER"} 1`, `zeekfleet_instance_connected{instance="left"} 1`,
		`zeekfleet_operation_duration_seconds_count{kind="deploy",outcome="done"} 1`, `zeekfleet_events_total{kind="node"}`,
		`zeekfleet_certificate_expiry_timestamp_seconds{identity="authority"}`,
		`zeekfleet_request_duration_seconds_count{request="get_nodes",outcome="success"}`,
		`zeekfleet_http_request_duration_seconds_count{operation="service-discovery",code="2xx"}`,
	} {
		if !strings.Contains(own, want) {
			t.Errorf("the controller does not tell %s", want)
		}
	}
	promtool(t, getText(t, "http://127.0.0.1:"+port(50)+"/metrics"), "check", "metrics")
	node := string(getText(t, base+"/metrics/nodes/right/worker-2"))
	if !strings.Contains(node, `zeekfleet_embedded_node_info{`) || !strings.Contains(node, "process_resident_memory_bytes ") {
		t.Errorf("a node tells\n%s", node)
	}
	if answer, err := http.Get(base + "/metrics/nodes/left/worker-2"); err != nil || answer.StatusCode != http.StatusNotFound {
		t.Errorf("a node of another instance: %v, %v", answer, err)
	}
}

// Debian's Prometheus 2.42 shows the token of http_sd_configs without the word Bearer, unless the
// configuration has the word.
func TestPrometheusShowsItsTokenAsTheShippedConfigurationSays(t *testing.T) {
	shown := make(chan string, 1)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case shown <- r.URL.Path + " " + r.Header.Get("Authorization"):
		default: // one is enough
		}
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, "[]")
	}))
	t.Cleanup(site.Close)
	shipped, err := os.ReadFile("../../deploy/prometheus/prometheus.yml")
	if err != nil {
		t.Fatal(err)
	}
	config := regexp.MustCompile(`(?m)^rule_files:\n.*\n|^ *tls_config:.*\n|^ *ca_file:.*\n`).ReplaceAllString(string(shipped), "")
	startPrometheus(t, "0", strings.ReplaceAll(config, "https://controller.example.com:2149", site.URL))
	select {
	case got := <-shown:
		if got != "/sd Bearer zfa-secret" {
			t.Errorf("Prometheus asks %q", got)
		}
	case <-time.After(patience):
		t.Fatal("Prometheus asks nothing")
	}
}

// startPrometheus starts a Prometheus that ends with the test, and returns its URL.
func startPrometheus(f testing.TB, port, config string) string {
	f.Helper()
	dir := f.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "zeekfleet.token"), []byte("zfa-secret\n"), 0o600); err != nil {
		f.Fatal(err)
	}
	file := filepath.Join(dir, "prometheus.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		f.Fatal(err)
	}
	cmd := exec.Command("prometheus", "--config.file="+file, "--storage.tsdb.path="+filepath.Join(dir, "data"),
		"--web.listen-address=127.0.0.1:"+port)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, time.Second
	if err := cmd.Start(); err != nil {
		f.Fatalf("%v: make tools installs it", err)
	}
	f.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait() // the kill is no error
		if f.Failed() {
			f.Logf("prometheus printed:\n%v", &out)
		}
	})
	return "http://127.0.0.1:" + port
}

// allUp returns an error unless Prometheus has so many targets, and reaches all of them.
func allUp(at string, want int) error {
	answer, err := http.Get(at + "/api/v1/targets?state=active")
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	var is struct {
		Data struct {
			ActiveTargets []struct {
				ScrapeURL, Health, LastError string
			}
		}
	}
	if err := json.NewDecoder(answer.Body).Decode(&is); err != nil {
		return err
	}
	up := 0
	var wrong []string
	for _, target := range is.Data.ActiveTargets {
		if target.Health == "up" {
			up++
		} else {
			wrong = append(wrong, target.ScrapeURL+" is "+target.Health+": "+target.LastError)
		}
	}
	if up != want || len(wrong) > 0 {
		return fmt.Errorf("%d targets are up, want %d; %s", up, want, strings.Join(wrong, "; "))
	}
	return nil
}

func getText(t *testing.T, url string) []byte {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %s %v", url, answer.Status, text, err)
	}
	return text
}

// promtool runs Debian's promtool, which must not have anything to say.
func promtool(t *testing.T, in []byte, args ...string) {
	t.Helper()
	cmd := exec.Command("promtool", args...)
	cmd.Stdin = bytes.NewReader(in)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

func TestPromtoolAcceptsWhatIsDeployed(t *testing.T) {
	promtool(t, nil, "check", "rules", "../../deploy/prometheus/zeekfleet.rules.yml")
	promtool(t, nil, "check", "config", "--syntax-only", "../../deploy/prometheus/prometheus.yml")
}

// A scrape does not need a person: an API token of a viewer is enough, and nobody else is let in.
func TestMetricsTakeATokenOfAViewer(t *testing.T) {
	f := runFleet(t, "ZEEKFLEET_NODE_KIND=embedded")
	if _, err := f.client.AddUser(f.Context(), api.UserRequest{Name: "prometheus", Role: "viewer"}); err != nil {
		t.Fatal(err)
	}
	token, err := f.client.CreateToken(f.Context(), api.TokenRequest{User: "prometheus", Name: "scrape"})
	if err != nil {
		t.Fatal(err)
	}
	for bearer, want := range map[string]int{token.Text: http.StatusOK, "zfa-wrong": http.StatusUnauthorized} {
		for _, path := range []string{"/metrics", "/sd", "/metrics/agents/left"} {
			request, err := http.NewRequestWithContext(f.Context(), http.MethodGet, "http://"+f.client.Address()+path, nil)
			if err != nil {
				t.Fatal(err)
			}
			request.Header.Set("Authorization", "Bearer "+bearer)
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			if answer.StatusCode != want {
				t.Errorf("%s: %s, want %d", path, answer.Status, want)
			}
		}
	}
}
