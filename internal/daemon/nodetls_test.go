package daemon_test

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// recordedFacts are the facts of a launch in the form of its record.
type recordedFacts struct {
	WebSocketPort uint16 `json:"websocket_port"`
	SocketTLS     struct {
		Server      string `json:"server"`
		Certificate string `json:"certificate"`
		Key         string `json:"key"`
	} `json:"socket_tls"`
}

// facts returns the recorded facts of a node's launch.
func (z *zeekAgent) facts(node mgmt.NodeName) (f recordedFacts) {
	z.t.Helper()
	text, err := os.ReadFile(z.launchRecord(node))
	if err != nil {
		z.t.Fatal(err)
	}
	rec := struct{ Facts *recordedFacts }{&f}
	if err := json.Unmarshal(text, &rec); err != nil {
		z.t.Fatal(err)
	}
	return f
}

func (z *zeekAgent) launchRecord(node mgmt.NodeName) string {
	return filepath.Join(z.dir, "launches", string(node)+".json")
}

// tls is how the agent of the launch connects.
func (f recordedFacts) tls(t *testing.T) *tls.Config {
	t.Helper()
	cfg, err := launch.SocketTLS(f.SocketTLS).Config()
	if err != nil || cfg == nil {
		t.Fatalf("TLS %v, %v", cfg, err)
	}
	return cfg
}

// dial connects to the node's WebSocket and waits for the ack.
func (f recordedFacts) dial(t *testing.T, scheme string, cfg websocket.Config) error {
	t.Helper()
	c, err := websocket.Dial(patience.Context(t), fmt.Sprintf("%s://127.0.0.1:%d%s", scheme, f.WebSocketPort, websocket.Path),
		[]string{"zeek/"}, cfg)
	if err == nil {
		c.Close()
	}
	return err
}

func TestNodesWebSocketIsForItsAgentAlone(t *testing.T) {
	z := newZeekAgent(t, "8.2.2", nil)
	z.start()
	z.deployAll(z.nodes()...)
	node, other := z.facts("worker-1"), z.facts("worker-2")
	if err := node.dial(t, "wss", websocket.Config{TLS: node.tls(t)}); err != nil {
		t.Errorf("with the agent's certificate: %v", err)
	}
	foreign := other.tls(t)
	foreign.VerifyConnection = nil // the stranger takes any server
	for name, tt := range map[string]struct {
		scheme, want string
		tls          *tls.Config
	}{
		"in plain text":                              {"ws", "TLS", nil},
		"without a certificate":                      {"wss", "certificate required", &tls.Config{InsecureSkipVerify: true}},
		"with the certificate for another node":      {"wss", "unknown certificate authority", foreign},
		"and the agent does not accept another node": {"wss", "another certificate", other.tls(t)},
	} {
		if err := node.dial(t, tt.scheme, websocket.Config{TLS: tt.tls}); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A new launch has new certificates.
	z.restart("worker-1")
	renewed := z.facts("worker-1")
	if renewed.SocketTLS == node.SocketTLS {
		t.Error("two launches have the same certificates")
	}
	earlier := node.tls(t)
	earlier.VerifyConnection = nil
	if err := renewed.dial(t, "wss", websocket.Config{TLS: earlier}); err == nil {
		t.Error("the certificate of the launch before is accepted")
	}
}

func TestAnotherUserCannotConnectToANodesWebSocket(t *testing.T) {
	roottest.Need(t, "acts as another user")
	z := newZeekAgent(t, "8.2.2", nil)
	z.start()
	z.deployAll(z.nodes()...)
	node := z.facts("worker-1")
	asNobody := func(ctx context.Context, addr string) (net.Conn, error) {
		return sockownertest.DialAs(ctx, sockownertest.Nobody, addr)
	}
	cfg := &tls.Config{InsecureSkipVerify: true}
	if err := node.dial(t, "wss", websocket.Config{TLS: cfg, Connect: asNobody}); err == nil || !strings.Contains(err.Error(), "certificate required") {
		t.Errorf("user nobody: %v", err)
	}
	// What the user would need is in files of the agent's user alone.
	files, err := filepath.Glob(filepath.Join(z.dir, "generated", "*", "zeekfleet-websocket*"))
	if err != nil || len(files) != 3*4 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range append(files, z.launchRecord("worker-1")) {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", file, info.Mode(), err)
		}
	}
}

// The nodes of an earlier zeekfleet serve in plain text, and its records say nothing
// of TLS. The next launch of a node has TLS.
func TestNodesOfAnEarlierVersionAreAdoptedInPlainText(t *testing.T) {
	z := newZeekAgent(t, "8.0.1", func(c *launch.ZeekConfig) { c.AgentProtocol = zeek.AgentWebSocket })
	z.start()
	z.deployAll(z.nodes()...)
	before := z.pids()
	z.stop()
	for _, n := range z.nodes() {
		z.recordWithout(mgmt.NodeName(n.Name), 1, "socket_tls", "zeromq", "broker")
	}
	z.install.Version.Minor = 1 // 8.1
	for len(z.changes) > 0 {
		<-z.changes
	}
	z.start()
	for range before {
		z.await("", client.Running)
	}
	z.expectAnswers(4)
	z.restart("worker-1")
	after := z.pids()
	if after["worker-1"] == before["worker-1"] {
		t.Error("worker-1 was not restarted")
	}
	delete(before, "worker-1")
	delete(after, "worker-1")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("PIDs of the others (-before +after):\n%s", diff)
	}
	z.expectAnswers(4)
	if z.facts("worker-1").SocketTLS.Key == "" || z.facts("worker-2").SocketTLS.Key != "" {
		t.Error("the node that was restarted has no TLS, or one that was not has it")
	}
}

// recordWithout writes the record of a launch anew, in this form and without the
// fields of the facts that an earlier zeekfleet did not know.
func (z *zeekAgent) recordWithout(node mgmt.NodeName, form int, unknown ...string) {
	z.t.Helper()
	path := z.launchRecord(node)
	sealed, err := os.ReadFile(path)
	if err != nil {
		z.t.Fatal(err)
	}
	text, _, err := durable.Unseal(sealed)
	if err != nil {
		z.t.Fatal(err)
	}
	var rec struct {
		Version int            `json:"version"`
		Launch  uint64         `json:"launch"`
		Facts   map[string]any `json:"facts"`
	}
	if err := json.Unmarshal(text, &rec); err != nil {
		z.t.Fatal(err)
	}
	rec.Version = form
	for _, field := range unknown {
		delete(rec.Facts, field)
	}
	if text, err = json.Marshal(rec); err != nil {
		z.t.Fatal(err)
	}
	if err := os.WriteFile(path, durable.Seal(text), 0o600); err != nil {
		z.t.Fatal(err)
	}
}

// restart restarts nodes, or all nodes if none is named. All must be up again.
func (z *zeekAgent) restart(nodes ...client.NodeName) {
	z.t.Helper()
	conn := z.client()
	defer conn.Close()
	results, err := conn.Restart(z.t.Context(), nodes...)
	if err != nil {
		z.t.Fatal(err)
	}
	for _, r := range results {
		if !r.Success {
			z.t.Fatalf("restart: %+v", r)
		}
	}
}

// Zeek makes TLS handshakes one after another. A client that stays silent holds up all
// others, and the agent says which client that may be.
func TestAgentNamesWhoMayHoldItUp(t *testing.T) {
	ln, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp4", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	stranger := func(uint64) []sockowner.Process { return []sockowner.Process{{PID: 1, Name: "nc"}} }
	ourselves := func(uint64) []sockowner.Process { return []sockowner.Process{{PID: os.Getpid()}} }
	late, refused := &websocket.DialError{Failure: websocket.DialTimeout, Err: context.DeadlineExceeded}, &websocket.DialError{Failure: websocket.DialRefused, Err: unix.ECONNREFUSED}
	for name, tt := range map[string]struct {
		tls     bool
		holders func(uint64) []sockowner.Process
		err     error
		named   bool
	}{
		"a stranger is connected": {true, stranger, late, true},
		"nobody else is":          {true, ourselves, late, false},
		"nothing listens":         {true, stranger, refused, false},
		"without TLS":             {false, stranger, late, false},
	} {
		got := daemon.HeldUp(portOf(ln), tt.tls, tt.holders, tt.err)
		if named := strings.Contains(got.Error(), "nc (pid 1) of user "); named != tt.named || !errors.Is(got, tt.err) {
			t.Errorf("%s: %v", name, got)
		}
	}
}
