package daemon_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

func TestZeekNodesAnswerAndOutliveTheirAgent(t *testing.T) {
	for name, tt := range map[string]struct {
		version string
		change  func(*launch.ZeekConfig)
	}{
		"Zeek 5.0, Broker":                       {"5.0.0", nil},
		"Zeek 8.0, Broker, over WebSocket":       {"8.0.0", func(c *launch.ZeekConfig) { c.AgentProtocol = zeek.AgentWebSocket }},
		"Zeek 8.2, Broker, over WebSocket":       {"8.2.2", nil},
		"Zeek 8.2, Broker, upstream's script":    {"8.2.2", func(c *launch.ZeekConfig) { c.NodeScript = zeek.UpstreamNodeScript }},
		"Zeek 8.2, ZeroMQ, all but the logger":   {"8.2.2", zeroMQ(t)}, // it peers, others serve WebSocket
		"Zeek 7.2, ZeroMQ, peering for dispatch": {"7.2.0", zeroMQ(t)},
	} {
		t.Run(name, func(t *testing.T) {
			z := newZeekAgent(t, tt.version, tt.change)
			z.start()
			z.deployAll(z.nodes()...)
			before := z.pids()
			if len(before) != 4 {
				t.Fatalf("running: %v", z.statuses())
			}
			z.expectAnswers(4)
			z.stop()
			for len(z.changes) > 0 {
				<-z.changes
			}
			z.start()
			for range before {
				z.await("", client.Running)
			}
			if diff := cmp.Diff(before, z.pids()); diff != "" {
				t.Errorf("PIDs changed with the agent's restart (-before +after):\n%s", diff)
			}
			z.expectAnswers(4)
		})
	}
}

// Where Zeek has no Broker, a node that receives logs answers over its WebSocket as well. If
// it cannot have WebSocket clients, it runs, and its status says that it answers nothing.
func TestNodesWithoutBrokerAnswer(t *testing.T) {
	for name, keeps := range map[string]string{"every node": "", "not the logger": "1"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("FAKEZEEK_BACKENDS", "zeromq")
			t.Setenv("FAKEZEEK_KEEPS_CONSTANTS", keeps)
			z := newZeekAgent(t, "9.0.0", zeroMQ(t))
			z.start()
			z.deployAll(z.nodes()...)
			mute := strings.Contains(z.remark(), zeek.Mute)
			if mute != (keeps != "") {
				t.Errorf("the status of the nodes says %q", z.remark())
			}
			if keeps == "" {
				z.expectAnswers(4)
				z.stop()
				z.start()
				for range 4 {
					z.await("", client.Running)
				}
				z.expectAnswers(4)
			}
		})
	}
}

func zeroMQ(t *testing.T) func(*launch.ZeekConfig) {
	ports := reservePorts(t)
	return func(c *launch.ZeekConfig) {
		c.Backend = zeek.ZeroMQ
		c.Site.ZeroMQ.XPubPort, c.Site.ZeroMQ.XSubPort = ports.At(1), ports.At(2)
	}
}

// expectAnswers asks all nodes for something, once, and all have to answer.
func (z *zeekAgent) expectAnswers(want int) {
	z.t.Helper()
	conn := z.client()
	defer conn.Close()
	got, err := conn.GetIDValue(z.t.Context(), "Cluster::node")
	if err != nil || len(got) != want {
		z.t.Fatalf("answers: %v, %v", got, err)
	}
	for _, r := range got {
		if !r.Success || r.Data != client.Text(`"`+string(r.Node)+`"`) {
			z.t.Errorf("answer: %+v", r)
		}
	}
}

func TestChangeOfOneWorkerChangesItsProcessAlone(t *testing.T) {
	z := newZeekAgent(t, "8.2.2", nil)
	z.start()
	nodes := z.nodes()
	z.deployAll(nodes...)
	before, generated := z.pids(), entries(t, filepath.Join(z.dir, "generated"))
	nodes[2].Options = []client.Option{{Name: "ignore_checksums", Value: "T"}}
	z.deployAll(nodes...)
	after := z.pids()
	if before["worker-1"] == after["worker-1"] || after["worker-1"] == 0 {
		t.Errorf("worker-1 had PID %d and has %d", before["worker-1"], after["worker-1"])
	}
	delete(before, "worker-1")
	delete(after, "worker-1")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("PIDs of the others (-before +after):\n%s", diff)
	}
	if got := entries(t, filepath.Join(z.dir, "generated")); len(got) != len(generated) {
		t.Errorf("generated directories: %v, then %v", generated, got)
	}
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

func TestPreflightOfZeekNodesStopsADeployment(t *testing.T) {
	z := newZeekAgent(t, "8.2.2", nil)
	z.start()
	nodes := z.nodes()
	z.deployAll(nodes...)
	before := z.pids()

	script := filepath.Join(t.TempDir(), "bad.zeek")
	if err := os.WriteFile(script, []byte("# fakezeek error: unknown identifier foo, at or near \"foo\"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	nodes[2].Scripts = []string{script}
	nodes[3].Interface = new("nope0")
	results := z.deploy(nodes...)
	out, ok := results["worker-1"].Data.(client.NodeOutputs)
	if !ok || !strings.Contains(out.Stderr, "unknown identifier foo") {
		t.Errorf("worker-1: %+v", results["worker-1"])
	}
	if got := results["worker-2"].Error; !strings.Contains(got, "nope0") {
		t.Errorf("worker-2: %q", got)
	}
	if got := results[""].Error; !strings.HasPrefix(got, "preflight failed, nothing was changed") {
		t.Errorf("the whole: %q", got)
	}
	if diff := cmp.Diff(before, z.pids()); diff != "" {
		t.Errorf("PIDs (-before +after):\n%s", diff)
	}
}

func TestFortyWorkersTakeOneCheckOfTheirScripts(t *testing.T) {
	counts := filepath.Join(t.TempDir(), "checks")
	z := newZeekAgent(t, "8.2.2", func(c *launch.ZeekConfig) { c.Site.Environ = append(c.Site.Environ, "FAKEZEEK_CHECKS="+counts) })
	z.start()
	nodes := z.nodes()[:1]
	for i := range 40 {
		nodes = append(nodes, client.Node{Name: client.NodeName(fmt.Sprint("worker-", i)), Instance: z.name, Role: client.Worker, State: client.Running})
	}
	checks := func() int {
		text, _ := os.ReadFile(counts) // none: there was no check yet
		return strings.Count(string(text), "\n")
	}
	z.deployAll(nodes...)
	if got := checks(); got != 2 {
		t.Errorf("%d checks for 40 workers and a manager, want 2", got)
	}
	if got := len(z.pids()); got != 41 {
		t.Errorf("%d nodes run", got)
	}
	z.deployAll(nodes[:2]...)
	z.stop()
	z.start()
	z.deployAll(nodes[:4]...)
	if got := checks(); got != 2 {
		t.Errorf("%d checks after another life of the agent, in which nothing has changed that they read", got)
	}
}

func TestFirstDeploymentFindsTheScriptsThatTheAgentCheckedAtItsStart(t *testing.T) {
	roottest.Need(t, "captures packets")
	counts := filepath.Join(t.TempDir(), "checks")
	z := newZeekAgent(t, "8.2.2", func(c *launch.ZeekConfig) { c.Site.Environ = append(c.Site.Environ, "FAKEZEEK_CHECKS="+counts) })
	z.ahead = make(chan struct{})
	z.start()
	patience.Closed(t, z.ahead, "the agent to look at the scripts")
	nodes := z.nodes()
	nodes[2].Interface, nodes[3].Interface = new("lo"), new("lo")
	z.deployAll(nodes...)
	text, err := os.ReadFile(counts)
	got := strings.Fields(string(text))
	slices.Sort(got)
	if diff := cmp.Diff([]string{"LOGGER", "MANAGER", "PROXY", "WORKER"}, got); diff != "" || err != nil {
		t.Errorf("checks (-want +got), %v:\n%s", err, diff)
	}
}

func TestNodeThatCannotSayHelloIsUpByItsStatusFile(t *testing.T) {
	unreachable := netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), reservePorts(t).Next())
	z := newZeekAgent(t, "7.0.0", func(c *launch.ZeekConfig) {
		c.Site.AgentAddr = unreachable
	})
	z.start()
	z.deployAll(z.nodes()...)
	if got := z.pids(); len(got) != 4 {
		t.Errorf("running: %v", z.statuses())
	}
	z.stop()
	z.start()
	z.await("", client.Running)
}

func TestCrashOfAZeekNodeIsRecordedAndItsLogsAreArchived(t *testing.T) {
	z := newZeekAgent(t, "8.2.2", nil)
	z.start()
	nodes := z.nodes()
	marker := filepath.Join(t.TempDir(), "crash")
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	nodes[2].Env = map[string]string{
		"FAKEZEEK_CRASH_AFTER": "100ms", "FAKEZEEK_CRASH_WITH": "exit 3", "FAKEZEEK_CRASH_IF": marker, "FAKEZEEK_LOGS": "conn",
	}
	z.deploy(nodes...)
	z.await("worker-1", client.Crashed)
	if err := os.Remove(marker); err != nil {
		t.Fatal(err)
	}
	z.await("worker-1", client.Running) // what is kept of its predecessor comes first
	records, err := z.crashes.List("worker-1")
	if err != nil || len(records) == 0 {
		t.Fatalf("crash records: %v, %v", records, err)
	}
	r := records[len(records)-1]
	if r.Exit.Text != "exit code 3" || r.Version != "8.2.2" || r.Program != z.install.Path || r.Plan == nil || r.Plan.Node.Name != "worker-1" {
		t.Errorf("crash record: %+v", r)
	}
	var archived []string
	for _, dir := range []string{filepath.Join(z.dir, "logs", "*"), filepath.Join(z.dir, "spool", zeek.LogQueue)} {
		found, err := filepath.Glob(filepath.Join(dir, "conn*"))
		if err != nil {
			t.Fatal(err)
		}
		archived = append(archived, found...)
	}
	if len(archived) == 0 || !strings.Contains(archived[0], "worker-1") {
		t.Errorf("logs in queue and archive: %v", archived)
	}
}

// A node that ended is CRASHED at once, and started again only when its logs and
// its crash record are safe.
func TestCrashIsKnownBeforeItIsRecorded(t *testing.T) {
	z := newZeekAgent(t, "8.2.2", nil)
	rescued := &gate{Handler: slog.DiscardHandler, message: "left-over logs put into the queue", open: make(chan struct{})}
	z.agents = rescued
	z.start()
	nodes := z.nodes()
	marker := filepath.Join(t.TempDir(), "crash")
	if err := os.WriteFile(marker, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	nodes[2].Env = map[string]string{"FAKEZEEK_CRASH_AFTER": "100ms", "FAKEZEEK_CRASH_IF": marker, "FAKEZEEK_LOGS": "conn"}
	z.deploy(nodes...)
	z.await("worker-1", client.Crashed)
	if err := os.Remove(marker); err != nil {
		t.Fatal(err)
	}
	if records, err := z.crashes.List("worker-1"); len(records) != 0 || err != nil {
		t.Errorf("crash records: %v, %v", records, err)
	}
	close(rescued.open)
	z.await("worker-1", client.Pending) // its next start
	if records, err := z.crashes.List("worker-1"); len(records) != 1 || err != nil {
		t.Errorf("crash records: %v, %v", records, err)
	}
}

// gate blocks the goroutine that logs a message until the gate is open.
type gate struct {
	slog.Handler
	message string
	open    chan struct{}
}

func (g *gate) Enabled(context.Context, slog.Level) bool { return true }
func (g *gate) WithAttrs([]slog.Attr) slog.Handler       { return g }
func (g *gate) WithGroup(string) slog.Handler            { return g }

func (g *gate) Handle(_ context.Context, r slog.Record) error {
	if r.Message == g.message {
		<-g.open
	}
	return nil
}

func TestGeneratedFilesKeepTheirSecrets(t *testing.T) {
	z := newZeekAgent(t, "8.2.2", func(c *launch.ZeekConfig) { c.Site.HashSeed = "not for everyone" })
	z.start()
	z.deployAll(z.nodes()...)
	files, err := filepath.Glob(filepath.Join(z.dir, "generated", "*", "*"))
	if err != nil || len(files) == 0 {
		t.Fatalf("generated files: %v, %v", files, err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(text), "not for everyone") && info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
	}
}
