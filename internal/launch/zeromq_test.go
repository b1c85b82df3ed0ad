package launch_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// zeroMQCluster is a cluster with the ZeroMQ backend, and the agent's launcher.
type zeroMQCluster struct {
	*launches
	config mgmt.Configuration
	number uint64
}

// newZeroMQ returns a cluster whose nodes are all on one instance. dir, if not empty, is the
// directory of an earlier life of the agent.
func newZeroMQ(t *testing.T, dir string, more ...func(*launch.ZeekConfig)) *zeroMQCluster {
	t.Helper()
	l := newLaunches(t, append([]func(*launch.ZeekConfig){func(c *launch.ZeekConfig) {
		if dir != "" {
			c.RecordDir, c.GeneratedDir, c.Site.StateDir = filepath.Join(dir, "launches"), filepath.Join(dir, "generated"), dir
		}
		c.Backend = zeek.ZeroMQ
		c.ZeroMQ = openState(t, filepath.Join(filepath.Dir(c.RecordDir), "zeromq.json"))
	}}, more...)...)
	if dir != "" {
		l.dir = dir
	}
	host := netip.MustParseAddr("127.0.0.1")
	return &zeroMQCluster{launches: l, number: 100, config: mgmt.Configuration{
		Instances: []mgmt.Instance{{Name: "a", Host: host}},
		Nodes: []mgmt.Node{
			{Name: "logger", Instance: "a", Role: mgmt.Logger, Port: new(mgmt.TCPPort(2201))},
			{Name: "manager", Instance: "a", Role: mgmt.Manager, Port: new(mgmt.TCPPort(2200))},
			{Name: "worker", Instance: "a", Role: mgmt.Worker},
		},
	}}
}

func openState(t *testing.T, path string) *launch.ZeroMQState {
	t.Helper()
	s, err := launch.OpenZeroMQState(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start launches a node and returns the launch, and how the node joins its cluster.
func (c *zeroMQCluster) start(node mgmt.NodeName) (launch.Process, launch.ZeroMQ) {
	c.t.Helper()
	plan, ok := mgmt.PlanFor(c.config, node)
	if !ok {
		c.t.Fatalf("no node %s", node)
	}
	c.number++
	p, err := c.Launch(plan, c.number)
	if err != nil {
		c.t.Fatal(err)
	}
	return p, p.Facts.ZeroMQ
}

// startAll launches all nodes. All must join the same cluster.
func (c *zeroMQCluster) startAll() launch.ZeroMQ {
	c.t.Helper()
	_, first := c.start(c.config.Nodes[0].Name)
	for _, n := range c.config.Nodes[1:] {
		if _, more := c.start(n.Name); more != first {
			c.t.Fatalf("node %s joins %v, the others %v", n.Name, more, first)
		}
	}
	return first
}

// endAll ends all nodes.
func (c *zeroMQCluster) endAll() {
	for n := range c.number + 1 {
		for _, node := range c.config.Nodes {
			c.Forget(node.Name, n)
		}
	}
}

func curveVariables(p launch.Process) (names []string) {
	for _, kv := range p.Spec.Env {
		if name, _, _ := strings.Cut(kv, "="); strings.Contains(name, "_CURVE_") {
			names = append(names, strings.TrimPrefix(name, "ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_"))
		}
	}
	return names
}

func TestClusterOfOneInstanceHasPortsAndKeysOfItsOwn(t *testing.T) {
	c, other := newZeroMQ(t, ""), newZeroMQ(t, "")
	got, foreign := c.startAll(), other.startAll()
	if got.XPub < 30000 || got.XSub != got.XPub+1 {
		t.Errorf("ports %d and %d", got.XPub, got.XSub)
	}
	if got.Curve == (zeek.CurveKeys{}) || got.Curve == foreign.Curve {
		t.Error("the cluster has no keys, or those of another cluster")
	}
	worker, _ := c.start("worker")
	want := []string{"CLIENT_PUBLICKEY", "CLIENT_SECRETKEY", "SERVER_PUBLICKEY"}
	if diff := gocmp.Diff(want, curveVariables(worker)); diff != "" {
		t.Errorf("environment of the worker (-want +got):\n%s", diff)
	}
	manager, _ := c.start("manager")
	if got := curveVariables(manager); len(got) != 4 || len(manager.ClusterWarnings) > 0 {
		t.Errorf("environment of the manager: %v; warnings %q", got, manager.ClusterWarnings)
	}
	c.endAll()
	if again := c.startAll(); again != got {
		t.Errorf("the cluster starts again with %v, before %v", again, got)
	}
	// Another life of the agent finds the same.
	later := newZeroMQ(t, c.dir)
	if again := later.startAll(); again != got {
		t.Errorf("the next agent starts it with %v, before %v", again, got)
	}
}

// No file that another user can read, and no argument, has a key.
func TestKeysAreInPrivateFilesAlone(t *testing.T) {
	c := newZeroMQ(t, "")
	keys := c.startAll().Curve
	found := 0
	err := filepath.WalkDir(c.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if s := string(text); strings.Contains(s, asJSON(keys.Client.Secret)) || strings.Contains(s, asJSON(keys.Server.Secret)) || strings.Contains(s, keys.Client.Secret) {
			found++
			info, err := d.Info()
			if err != nil || info.Mode().Perm() != 0o600 || strings.Contains(path, "generated") {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
		}
		return nil
	})
	if err != nil || found != 4 { // the state and three launches
		t.Errorf("%d files have keys, %v", found, err)
	}
	p, _ := c.start("manager")
	if args := strings.Join(p.Spec.Argv, " "); strings.Contains(args, keys.Client.Secret) || strings.Contains(args, keys.Server.Secret) {
		t.Errorf("arguments: %s", args)
	}
}

// asJSON returns a text as it is in a JSON string that is safe for HTML.
func asJSON(text string) string {
	return strings.NewReplacer("<", `\u003c`, ">", `\u003e`, "&", `\u0026`).Replace(text)
}

func TestWhoHasNoKeysIsToldWhy(t *testing.T) {
	secret, err := zeek.NewCurveKeys(bytes.NewReader(bytes.Repeat([]byte("fedcba98"), 8)))
	if err != nil {
		t.Fatal(err)
	}
	given := func(c *launch.ZeekConfig) { c.Site.ZeroMQ.Curve = &secret }
	older := func(c *launch.ZeekConfig) { c.Install.Version.Minor = 1 }
	off := func(c *launch.ZeekConfig) { c.NoCurve = true }
	twoAgents := func(c *zeroMQCluster, host string) {
		c.config.Instances = append(c.config.Instances, mgmt.Instance{Name: "b", Host: netip.MustParseAddr(host)})
		c.config.Nodes[2].Instance = "b"
	}
	for name, tt := range map[string]struct {
		change  func(*launch.ZeekConfig)
		where   string // of a second instance
		keys    zeek.CurveKeys
		chosen  bool // ports
		warning string
	}{
		"the cluster's secret is used":                  {given, "", secret, true, ""},
		"before 8.2":                                    {older, "", zeek.CurveKeys{}, true, "any process of this host can join this cluster and act as a node, because its nodes do not encrypt their traffic: with ZeroMQ, that takes Zeek 8.2 or later"},
		"turned off":                                    {off, "", zeek.CurveKeys{}, true, "any process of this host can join this cluster and act as a node, because its nodes do not encrypt their traffic: zeek.zeromq_curve is off"},
		"turned off, with a secret":                     {func(c *launch.ZeekConfig) { given(c); off(c) }, "", zeek.CurveKeys{}, true, "zeek.zeromq_curve is off"},
		"several hosts without a secret":                {func(*launch.ZeekConfig) {}, "192.0.2.1", zeek.CurveKeys{}, false, "the traffic between the hosts of this cluster is not encrypted: it has no CURVE keys; set zeek.secret_file"},
		"several hosts with a secret":                   {given, "192.0.2.1", secret, false, ""},
		"several hosts with a secret that is not used":  {func(c *launch.ZeekConfig) { given(c); off(c) }, "192.0.2.1", zeek.CurveKeys{}, false, "not encrypted: zeek.zeromq_curve is off"},
		"several agents at one address, with a secret":  {given, "127.0.0.1", zeek.CurveKeys{}, false, "several instances share this address"},
		"ports that the settings name are not replaced": {func(c *launch.ZeekConfig) { c.Site.ZeroMQ.XPubPort = 6001; given(c) }, "", secret, false, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newZeroMQ(t, "", tt.change)
			if tt.where != "" {
				twoAgents(c, tt.where)
			}
			p, got := c.start("manager")
			if got.Curve != tt.keys || (len(curveVariables(p)) > 0) != (tt.keys != zeek.CurveKeys{}) {
				t.Errorf("keys %v, variables %v", got.Curve, curveVariables(p))
			}
			if (got.XPub >= 30000) != tt.chosen || !tt.chosen && got.XSub != zeek.DefaultXSubPort {
				t.Errorf("ports %d, %d", got.XPub, got.XSub)
			}
			if warned := strings.Join(p.ClusterWarnings, "\n"); !strings.Contains(warned, tt.warning) || tt.warning == "" && warned != "" {
				t.Errorf("warnings %q, want %q", warned, tt.warning)
			}
			plan, _ := mgmt.PlanFor(c.config, "manager")
			check, err := c.Check(plan, t.TempDir())
			doubts := launch.PlanDoubts(preflight.Report{Doubts: check.Doubts, Capture: []string{"a ring is small"}}, []mgmt.Plan{plan})
			if want := 1 + min(len(tt.warning), len(tt.where), 1); err != nil || len(doubts) != want {
				t.Errorf("a plan has %q, %v, want %d doubts", doubts, err, want)
			}
		})
	}
}

// A node that restarts alone after an upgrade must find the others, which run without
// keys on the ports of the version before.
func TestRunningClusterGetsItsKeysWhenAllNodesStartTogether(t *testing.T) {
	c := newZeroMQ(t, "")
	for _, n := range c.config.Nodes {
		c.recordBeforeUpgrade(n.Name, 1)
		if _, err := c.Recall(n.Name, 1); err != nil {
			t.Fatal(err)
		}
	}
	before := launch.ZeroMQ{XPub: zeek.DefaultXPubPort, XSub: zeek.DefaultXSubPort}
	for _, node := range []mgmt.NodeName{"worker", "manager", "worker", "logger", "manager"} {
		c.Forget(node, 1) // it has crashed
		c.Forget(node, c.number)
		p, got := c.start(node)
		if got != before || len(curveVariables(p)) > 0 {
			t.Fatalf("%s restarts alone with %v, the others run with %v", node, got, before)
		}
		if warned := strings.Join(p.ClusterWarnings, "\n"); !strings.Contains(warned, "restart all of them together") {
			t.Errorf("warnings %q", warned)
		}
	}
	// The next agent adopts them, and it is the same.
	next := newZeroMQ(t, c.dir)
	next.number = c.number
	next.adopt(c)
	next.Forget("worker", launchNumber(t, c.dir, "worker"))
	if _, got := next.start("worker"); got != before {
		t.Errorf("after another restart of the agent: %v", got)
	}
	next.endAll()
	converted := next.startAll()
	if converted.XPub < 30000 || converted.Curve == (zeek.CurveKeys{}) {
		t.Errorf("all nodes together: %v", converted)
	}
}

// With keys it is the other way round: no setting takes them from a running cluster.
func TestNodeThatRestartsAloneKeepsThePortsAndKeysOfTheOthers(t *testing.T) {
	c := newZeroMQ(t, "")
	before := c.startAll()
	next := newZeroMQ(t, c.dir, func(cfg *launch.ZeekConfig) {
		cfg.NoCurve, cfg.Site.ZeroMQ.XPubPort = true, 6001
		if err := os.Remove(filepath.Join(c.dir, "zeromq.json")); err != nil {
			t.Fatal(err)
		}
		cfg.ZeroMQ = openState(t, filepath.Join(c.dir, "zeromq.json"))
	})
	next.number = c.number
	next.adopt(c)
	next.Forget("manager", launchNumber(t, c.dir, "manager"))
	if _, got := next.start("manager"); got != before {
		t.Errorf("the manager restarts with %v, the others run with %v", got, before)
	}
	next.endAll()
	if _, got := next.start("manager"); got != (launch.ZeroMQ{XPub: 6001, XSub: zeek.DefaultXSubPort}) {
		t.Errorf("all together: %v", got)
	}
}

// adopt recalls the living nodes of another life of the agent.
func (c *zeroMQCluster) adopt(before *zeroMQCluster) {
	c.t.Helper()
	for _, n := range before.config.Nodes {
		if _, err := c.Recall(n.Name, launchNumber(c.t, before.dir, n.Name)); err != nil {
			c.t.Fatal(err)
		}
	}
}

func launchNumber(t *testing.T, dir string, node mgmt.NodeName) uint64 {
	t.Helper()
	number, _, err := launch.DecodeFacts(read(t, filepath.Join(dir, "launches", string(node)+".json")))
	if err != nil {
		t.Fatal(err)
	}
	return number
}

// recordBeforeUpgrade writes the record that a zeekfleet of form 1 made of a launch.
func (c *zeroMQCluster) recordBeforeUpgrade(node mgmt.NodeName, number uint64) {
	c.t.Helper()
	dir := filepath.Join(c.dir, "launches")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		c.t.Fatal(err)
	}
	text := bytes.Replace(read(c.t, "testdata/launch-1.json"), []byte(`"launch":7`), []byte(`"launch":1`), 1)
	if err := os.WriteFile(filepath.Join(dir, string(node)+".json"), launch.Reseal(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

func TestDamagedFileOfPortsAndKeys(t *testing.T) {
	c := newZeroMQ(t, "")
	before := c.startAll()
	path := filepath.Join(c.dir, "zeromq.json")
	text := read(t, path)
	text[len(text)/2] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := launch.OpenZeroMQState(path, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil || !strings.Contains(log.String(), path) {
		t.Fatalf("open: %v, log %s", err, &log)
	}
	next := newZeroMQ(t, c.dir, func(cfg *launch.ZeekConfig) { cfg.ZeroMQ = s })
	next.adopt(c)
	next.Forget("worker", launchNumber(t, c.dir, "worker"))
	if _, got := next.start("worker"); got != before {
		t.Errorf("the worker restarts with %v, the others run with %v", got, before)
	}
	next.number = 200
	next.endAll()
	if after := next.startAll(); after.Curve == before.Curve || after.Curve == (zeek.CurveKeys{}) {
		t.Error("the lost keys are used, or none")
	}
}

func TestFileOfPortsAndKeysHasALimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zeromq.json")
	content := launch.EncodeZeroMQ(facts.ZeroMQ)
	for size, lost := range map[int]bool{4 << 10: false, 4<<10 + 1: true} {
		text := append(bytes.Repeat([]byte(" "), size-len(content)), content...) // blanks before an object mean nothing
		if err := os.WriteFile(path, launch.Reseal(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		if _, err := launch.OpenZeroMQState(path, slog.New(slog.NewTextHandler(&log, nil))); err != nil || (log.Len() > 0) != lost {
			t.Errorf("%d bytes: %v, log %q", size, err, &log)
		}
	}
}

func TestFileOfPortsAndKeysThatANewerVersionWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "zeromq.json")
	if err := os.WriteFile(path, []byte(`{"version":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := launch.OpenZeroMQState(path, slog.New(slog.DiscardHandler))
	if _, ok := errors.AsType[*form.NewerError](err); !ok || !strings.Contains(err.Error(), path+", was written by a newer zeekfleet (form 2") {
		t.Errorf("got %v", err)
	}
}

// If the content of this file changes, it is a new form.
func TestPortsAndKeysAreWrittenInForm1(t *testing.T) {
	want := read(t, "testdata/zeromq-1.json")
	if got := launch.EncodeZeroMQ(facts.ZeroMQ); !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, err := launch.DecodeZeroMQ(want); got != facts.ZeroMQ || err != nil {
		t.Errorf("read %v, %v", got, err)
	}
	for name, text := range map[string]string{"empty": "", "without a checksum": `{"version":1,"xpub":30000}`, "no object": "null"} {
		if got, err := launch.DecodeZeroMQ([]byte(text)); err == nil {
			t.Errorf("%s: read %v", name, got)
		}
	}
}

func TestPreflightLooksAtThePortsThatAreToBeUsed(t *testing.T) {
	ports := func(c *zeroMQCluster) (found []preflight.Port) {
		plan, _ := mgmt.PlanFor(c.config, "manager")
		check, err := c.Check(plan, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range check.Ports {
			if p.Use == zeek.ListenProxy {
				found = append(found, p)
			}
		}
		return found
	}
	c := newZeroMQ(t, "")
	if got := ports(c); len(got) != 0 {
		t.Errorf("before ports are chosen: %v", got)
	}
	chosen := c.startAll()
	c.endAll()
	want := []preflight.Port{
		{Addr: launch.Loopback, Number: chosen.XPub, Use: zeek.ListenProxy}, {Addr: launch.Loopback, Number: chosen.XSub, Use: zeek.ListenProxy},
	}
	if diff := gocmp.Diff(want, ports(c), gocmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("ports (-want +got):\n%s", diff)
	}
	keyless := newZeroMQ(t, "", func(cfg *launch.ZeekConfig) { cfg.NoCurve = true })
	keyless.startAll()
	if got := ports(keyless); len(got) != 2 || !got[0].OursAlone {
		t.Errorf("without keys: %v", got)
	}
	for cluster, want := range map[*zeroMQCluster]int{c: 0, keyless: 1} {
		plan, _ := mgmt.PlanFor(cluster.config, "manager")
		if check, err := cluster.Check(plan, t.TempDir()); err != nil || len(check.Doubts) != want {
			t.Errorf("doubts %q, %v, want %d", check.Doubts, err, want)
		}
	}
	// A listener that takes a chosen port is named; the port is not exchanged.
	ln, err := net.Listen("tcp4", netip.AddrPortFrom(launch.Loopback, chosen.XPub).String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	plan, _ := mgmt.PlanFor(c.config, "manager")
	report := launch.Preflight{Launcher: c, ScratchDir: t.TempDir()}.Run(t.Context(), []mgmt.Plan{plan}, func() []int { return nil })
	if len(report.Findings) != 1 || !strings.Contains(report.Findings[0].Problem, "zeromq proxy port "+ln.Addr().String()+" is in use by ") {
		t.Errorf("findings %v", report.Findings)
	}
	if again := c.startAll(); again != chosen {
		t.Errorf("started with %v, not %v", again, chosen)
	}
}

func TestCheckOfScriptsDoesNotDependOnPortsAndKeys(t *testing.T) {
	c := newZeroMQ(t, "")
	group := func() string {
		plan, _ := mgmt.PlanFor(c.config, "manager")
		check, err := c.Check(plan, t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		for _, kv := range check.Env {
			if strings.Contains(kv, "CURVE") {
				t.Errorf("the check has %s", kv)
			}
		}
		return check.Group
	}
	before := group()
	c.startAll()
	if after := group(); after != before || after == "" {
		t.Errorf("group %q, then %q", before, after)
	}
}
