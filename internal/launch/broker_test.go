package launch_test

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// newBroker returns a cluster with the Broker backend, as newZeroMQ.
func newBroker(t *testing.T, dir string, more ...func(*launch.ZeekConfig)) *zeroMQCluster {
	t.Helper()
	return newZeroMQ(t, dir, append([]func(*launch.ZeekConfig){func(c *launch.ZeekConfig) {
		c.Backend, c.ZeroMQ = zeek.Broker, nil
		c.Broker = openBroker(t, filepath.Join(filepath.Dir(c.RecordDir), "broker.json"))
	}}, more...)...)
}

func openBroker(t *testing.T, path string) *launch.BrokerState {
	t.Helper()
	s, err := launch.OpenBrokerState(path, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// peers launches a node and returns how it recognises the others, and its options.
func (c *zeroMQCluster) peers(node mgmt.NodeName) (b launch.Broker, options, warned string) {
	c.t.Helper()
	p, _ := c.start(node)
	text := read(c.t, filepath.Join(c.dir, "generated", p.Facts.Generated, zeek.OptionsFile))
	return p.Facts.Broker, string(text), strings.Join(p.ClusterWarnings, "\n")
}

// allPeers launches all nodes. All must recognise each other.
func (c *zeroMQCluster) allPeers() launch.Broker {
	c.t.Helper()
	first, _, _ := c.peers(c.config.Nodes[0].Name)
	for _, n := range c.config.Nodes[1:] {
		if more, _, _ := c.peers(n.Name); more != first {
			c.t.Fatalf("node %s has %v, the others %v", n.Name, more, first)
		}
	}
	return first
}

func parsePEM(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM: %q", text)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func TestClusterOfOneInstanceHasCertificatesOfItsOwn(t *testing.T) {
	c, other := newBroker(t, ""), newBroker(t, "")
	got, foreign := c.allPeers(), other.allPeers()
	if got.Peers != launch.BrokerOwn || got.TLS.Authority == foreign.TLS.Authority {
		t.Fatalf("the cluster has no certificates, or those of another cluster: %v", got)
	}
	authority := parsePEM(t, got.TLS.Authority)
	for _, text := range []string{got.TLS.Certificate, got.TLS.AgentCertificate} {
		cert := parsePEM(t, text)
		if err := cert.CheckSignatureFrom(authority); err != nil || cert.IsCA || cert.NotAfter.Year() < 2100 {
			t.Errorf("certificate %v until %v: %v", cert.Subject, cert.NotAfter, err)
		}
		if err := cert.CheckSignatureFrom(parsePEM(t, foreign.TLS.Authority)); err == nil {
			t.Error("the authority of another cluster has signed it")
		}
	}
	_, options, warned := c.peers("worker")
	if !strings.Contains(options, "redef Broker::ssl_cafile = @DIR + ") || strings.Contains(options, "disable_ssl") || warned != "" {
		t.Errorf("options\n%s\nwarnings %q", options, warned)
	}
	c.endAll()
	if again := c.allPeers(); again != got {
		t.Error("the cluster starts again with other certificates")
	}
	if again := newBroker(t, c.dir).allPeers(); again != got {
		t.Error("the next agent has other certificates")
	}
	if agent := c.Launcher.(*launch.Zeek).AgentCertificate(); agent == nil || !bytes.Equal(agent.Certificate[0], parsePEM(t, got.TLS.AgentCertificate).Raw) {
		t.Error("the agent shows another certificate")
	}
}

// No file that another user can read, and no argument or variable, has a key. The key of
// the authority is nowhere.
func TestKeysOfCertificatesAreInPrivateFilesAlone(t *testing.T) {
	c := newBroker(t, "")
	tls := c.allPeers().TLS
	found := 0
	err := filepath.WalkDir(c.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if strings.Contains(string(read(t, path)), tls.Key[95:150]) {
			found++
			info, err := d.Info()
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("%s: %v, %v", path, info.Mode(), err)
			}
		}
		return nil
	})
	if err != nil || found != 7 { // the state, and for three nodes a record and a file
		t.Errorf("%d files have the key, %v", found, err)
	}
	p, _ := c.start("manager")
	if said := strings.Join(append(p.Spec.Argv, p.Spec.Env...), " "); strings.Contains(said, tls.Key[95:150]) {
		t.Errorf("arguments and variables: %s", said)
	}
}

func TestWhoHasNoCertificatesIsToldWhy(t *testing.T) {
	files := zeek.BrokerTLS{CertFile: "/c", KeyFile: "/k", CAFile: "/a"}
	given := func(c *launch.ZeekConfig) { c.Site.BrokerTLS = files }
	off := func(c *launch.ZeekConfig) { c.NoBrokerTLS = true }
	older := func(c *launch.ZeekConfig) {
		c.Install.Version.Minor = 0
		c.Site.AgentAddr = netip.MustParseAddrPort("127.0.0.1:2151")
	}
	const anyProcess = "any process of this host can join this cluster and act as a node, because its nodes do not authenticate each other: "
	for name, tt := range map[string]struct {
		change  func(*launch.ZeekConfig)
		where   string // of a second instance
		want    launch.BrokerPeers
		warning string
	}{
		"certificates of the settings":              {given, "", launch.BrokerFiles, ""},
		"certificates of the settings, not the own": {func(c *launch.ZeekConfig) { given(c); off(c) }, "", launch.BrokerFiles, ""},
		"turned off": {off, "", launch.BrokerOpen, anyProcess + "zeek.broker_tls is off"},
		"before 8.1": {func(c *launch.ZeekConfig) { older(c); c.AgentShows = true }, "", launch.BrokerOwn, ""},
		"before 8.1, and the agent has a certificate": {older, "", launch.BrokerOpen, anyProcess + "they peer with their agent, too"},
		"several agents at one address":               {func(*launch.ZeekConfig) {}, "127.0.0.1", launch.BrokerOpen, anyProcess + "its instances have an agent each"},
		"several hosts":                               {func(*launch.ZeekConfig) {}, "192.0.2.1", launch.BrokerOpen, "nodes on different hosts do not authenticate each other"},
		"several hosts with certificates":             {given, "192.0.2.1", launch.BrokerFiles, ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := newBroker(t, "", tt.change)
			if tt.where != "" {
				c.config.Instances = append(c.config.Instances, mgmt.Instance{Name: "b", Host: netip.MustParseAddr(tt.where)})
				c.config.Nodes[2].Instance = "b"
			}
			got, options, warned := c.peers("manager")
			if got.Peers != tt.want || strings.Contains(options, "Broker::ssl_certificate") == (tt.want == launch.BrokerOpen) {
				t.Errorf("%v, options\n%s", got, options)
			}
			if !strings.Contains(warned, tt.warning) || tt.warning == "" && warned != "" {
				t.Errorf("warnings %q, want %q", warned, tt.warning)
			}
			if exposed := (launch.Facts{Broker: got}).Exposed(); (exposed != "") != (tt.want == launch.BrokerOpen) {
				t.Errorf("exposed: %q", exposed)
			}
		})
	}
}

// A node that restarts alone after an upgrade must find the others, which run without
// certificates.
func TestRunningClusterGetsItsCertificatesWhenAllNodesStartTogether(t *testing.T) {
	c := newBroker(t, "")
	for _, n := range c.config.Nodes {
		c.recordBeforeUpgrade(n.Name, 1)
		if f, err := c.Recall(n.Name, 1); err != nil || f.Exposed() == "" {
			t.Fatalf("recalled %+v, %v", f, err)
		}
	}
	for _, node := range []mgmt.NodeName{"worker", "manager", "worker", "logger", "manager"} {
		c.Forget(node, 1) // it has crashed
		c.Forget(node, c.number)
		got, options, warned := c.peers(node)
		if got.Peers != launch.BrokerOpen || !strings.Contains(options, "Broker::disable_ssl = T") {
			t.Fatalf("%s restarts alone with %v, the others run without", node, got)
		}
		if !strings.Contains(warned, "restart all of them together") {
			t.Errorf("warnings %q", warned)
		}
	}
	// The next agent adopts them, and it is the same, also if its settings name
	// certificates by now: because it has joined, for example.
	next := newBroker(t, c.dir, func(cfg *launch.ZeekConfig) {
		cfg.Site.BrokerTLS = zeek.BrokerTLS{CertFile: "/c", KeyFile: "/k", CAFile: "/a"}
	})
	next.number = c.number
	next.adopt(c)
	next.Forget("worker", launchNumber(t, c.dir, "worker"))
	if got, _, _ := next.peers("worker"); got.Peers != launch.BrokerOpen {
		t.Errorf("after another restart of the agent: %v", got)
	}
	next.endAll()
	if got := next.allPeers(); got.Peers != launch.BrokerFiles {
		t.Errorf("all nodes together: %v", got)
	}
	last := newBroker(t, c.dir)
	last.number = next.number
	last.adopt(next)
	last.Forget("worker", launchNumber(t, c.dir, "worker"))
	if got, options, _ := last.peers("worker"); got.Peers != launch.BrokerFiles || !strings.Contains(options, `"/c"`) {
		t.Errorf("without the setting, alone: %v", got)
	}
	last.endAll()
	if got := last.allPeers(); got.Peers != launch.BrokerOwn {
		t.Errorf("without the setting, all nodes together: %v", got)
	}
}

// What nodes have read says whether they have certificates, if their record does not.
func TestOptionsOfALaunchThatRecordedNothingAreRead(t *testing.T) {
	c := newBroker(t, "")
	for _, n := range c.config.Nodes {
		c.recordBeforeUpgrade(n.Name, 1)
	}
	generated := filepath.Join(c.dir, "generated", "d717")
	if err := errors.Join(os.MkdirAll(generated, 0o700), os.WriteFile(filepath.Join(generated, zeek.OptionsFile),
		[]byte("# Broker.\nredef Broker::ssl_certificate = \"/c\";\n"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if f, err := c.Recall("worker", 1); err != nil || f.Broker.Peers != launch.BrokerFiles || f.Exposed() != "" {
		t.Errorf("recalled %+v, %v", f, err)
	}
}

// With certificates it is the other way round: no setting takes them from a running
// cluster, nor does the loss of the file.
func TestNodeThatRestartsAloneKeepsTheCertificateOfTheOthers(t *testing.T) {
	c := newBroker(t, "")
	before := c.allPeers()
	path := filepath.Join(c.dir, "broker.json")
	text := read(t, path)
	text[len(text)/2] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	damaged, err := launch.OpenBrokerState(path, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil || !strings.Contains(log.String(), path) {
		t.Fatalf("open: %v, log %s", err, &log)
	}
	for name, change := range map[string]func(*launch.ZeekConfig){
		"turned off":   func(cfg *launch.ZeekConfig) { cfg.NoBrokerTLS = true },
		"files":        func(cfg *launch.ZeekConfig) { cfg.Site.BrokerTLS = zeek.BrokerTLS{CertFile: "/c", KeyFile: "/k"} },
		"damaged file": func(cfg *launch.ZeekConfig) { cfg.Broker = damaged },
	} {
		next := newBroker(t, c.dir, change)
		next.number = c.number + 10
		next.adopt(c)
		next.Forget("manager", launchNumber(t, c.dir, "manager"))
		if got, _, _ := next.peers("manager"); got != before {
			t.Errorf("%s: the manager restarts with %v, the others run with %v", name, got.Peers, before.Peers)
		}
		if agent := next.Launcher.(*launch.Zeek).AgentCertificate(); agent == nil || !bytes.Equal(agent.Certificate[0], parsePEM(t, before.TLS.AgentCertificate).Raw) {
			t.Errorf("%s: the agent shows another certificate", name)
		}
		next.endAll()
		if got, _, _ := next.peers("manager"); got == before {
			t.Errorf("%s: all together: %v", name, got.Peers)
		}
		// The other records are those of c.
		next.Forget("manager", next.number)
		c.number = next.number
		c.endAll()
		if err := os.WriteFile(path, launch.EncodeBroker(before.TLS), 0o600); err != nil {
			t.Fatal(err)
		}
		c = newBroker(t, c.dir)
		c.number = next.number
		if got := c.allPeers(); got != before {
			t.Fatalf("%s: afterwards %v", name, got.Peers)
		}
	}
}

func TestFileOfCertificatesHasALimit(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broker.json")
	content := launch.EncodeBroker(brokerTLS)
	for size, lost := range map[int]bool{16 << 10: false, 16<<10 + 1: true} {
		text := append(bytes.Repeat([]byte(" "), size-len(content)), content...) // blanks before an object mean nothing
		if err := os.WriteFile(path, launch.Reseal(text), 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		if _, err := launch.OpenBrokerState(path, slog.New(slog.NewTextHandler(&log, nil))); err != nil || (log.Len() > 0) != lost {
			t.Errorf("%d bytes: %v, log %q", size, err, &log)
		}
	}
}

func TestFileOfCertificatesThatANewerVersionWrote(t *testing.T) {
	path := filepath.Join(t.TempDir(), "broker.json")
	if err := os.WriteFile(path, []byte(`{"version":2}`), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := launch.OpenBrokerState(path, slog.New(slog.DiscardHandler))
	if _, ok := errors.AsType[*form.NewerError](err); !ok || !strings.Contains(err.Error(), path+", was written by a newer zeekfleet (form 2") {
		t.Errorf("got %v", err)
	}
}

// If the content of this file changes, it is a new form.
func TestCertificatesAreWrittenInForm1(t *testing.T) {
	want := read(t, "testdata/broker-1.json")
	if got := launch.EncodeBroker(brokerTLS); !bytes.Equal(got, want) {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, err := launch.DecodeBroker(want); got != brokerTLS || err != nil {
		t.Errorf("read %v, %v", got, err)
	}
	for name, text := range map[string]string{"empty": "", "without a checksum": `{"version":1,"tls":{}}`, "no object": "null"} {
		if got, err := launch.DecodeBroker([]byte(text)); err == nil {
			t.Errorf("%s: read %v", name, got)
		}
	}
}

func TestCheckOfScriptsDoesNotDependOnCertificates(t *testing.T) {
	c := newBroker(t, "")
	group := func() string {
		plan, _ := mgmt.PlanFor(c.config, "manager")
		check, err := c.Check(plan, t.TempDir())
		if err != nil || len(check.Doubts) > 0 {
			t.Fatal(check.Doubts, err)
		}
		return check.Group
	}
	before := group()
	c.allPeers()
	if after := group(); after != before || after == "" {
		t.Errorf("group %q, then %q", before, after)
	}
	for want, doubtful := range map[int]*zeroMQCluster{0: c, 1: newBroker(t, "", func(cfg *launch.ZeekConfig) { cfg.NoBrokerTLS = true })} {
		plan, _ := mgmt.PlanFor(doubtful.config, "manager")
		if check, err := doubtful.Check(plan, t.TempDir()); err != nil || len(check.Doubts) != want {
			t.Errorf("doubts %q, %v, want %d", check.Doubts, err, want)
		}
	}
}
