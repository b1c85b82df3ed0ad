package daemon_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/proc/proctest"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
	"github.com/zeekfleet/zeekfleet/internal/store/memstore"
)

// gatekeeper is the callers of a controller, and notes who was dropped and why.
type gatekeeper struct {
	daemon.Connected
	registry *registry
	dropped  []string
	reported []string
}

func newGatekeeper(t *testing.T) *gatekeeper {
	g := &gatekeeper{registry: newRegistry(t)}
	who := daemon.NewWhoOf(daemon.ControllerConfig{}, g.registry)
	g.Connected = daemon.NewConnected(who, func(id string, why error) { g.dropped = append(g.dropped, id+": "+why.Error()) },
		func(r bus.Refusal) { g.reported = append(g.reported, r.Identity+": "+r.Reason) })
	return g
}

// connect adds a peer with a certificate.
func (g *gatekeeper) connect(who string, kind bus.Kind) bus.Peer {
	p := g.registry.peer(who)
	p.ID, p.Kind = who, kind
	g.Add(p)
	return p
}

func (g *gatekeeper) expectDropped(t *testing.T, who, why string) {
	t.Helper()
	if len(g.dropped) != 1 || !strings.HasPrefix(g.dropped[0], who+": ") || !strings.Contains(g.dropped[0], why) {
		t.Errorf("dropped %q, want %s because %s", g.dropped, who, why)
	}
	if !slices.Equal(g.reported, g.dropped) {
		t.Errorf("reported %q, dropped %q", g.reported, g.dropped)
	}
	g.dropped, g.reported = nil, nil
}

func TestConnectionEndsWithItsCertificate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGatekeeper(t)
		start := time.Now()
		g.connect("agent/sensor-1", bus.Native) // for an hour
		time.Sleep(time.Minute)
		g.connect("user/ann", bus.WebSocket)
		g.AwaitEnd()
		g.expectDropped(t, "agent/sensor-1", "expired at")
		if got := time.Since(start); got.Round(time.Second) != time.Hour {
			t.Errorf("dropped after %v", got)
		}
		g.AwaitEnd()
		g.expectDropped(t, "user/ann", "expired at")
		if got := time.Since(start); got.Round(time.Second) != time.Hour+time.Minute {
			t.Errorf("dropped after %v", got)
		}
	})
}

func TestConnectionOutlastsACertificateThatWasRenewed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGatekeeper(t)
		start := time.Now()
		g.connect("agent/sensor-1", bus.Native)
		time.Sleep(40 * time.Minute)
		g.registry.directory.Until = map[string]time.Time{"agent/sensor-1": start.Add(100 * time.Minute)}
		g.Change()
		g.AwaitEnd()
		if len(g.dropped) != 0 {
			t.Fatalf("dropped %q", g.dropped)
		}
		g.AwaitEnd()
		g.expectDropped(t, "agent/sensor-1", "expired at")
		if got := time.Since(start); got != 100*time.Minute {
			t.Errorf("dropped after %v, want exactly 100m", got)
		}
	})
}

// A user of this host may be an agent without a certificate. One that shows a certificate is
// the instance that the certificate names, for as long as it counts.
func TestRevokedAgentOfTheControllersHostIsDropped(t *testing.T) {
	g := newGatekeeper(t)
	here := bus.Caller{Local: true, Known: true, Trusted: true, Own: true}
	p := g.registry.peer("agent/sensor-1")
	p.ID, p.Kind, p.Caller = "agent/sensor-1", bus.Native, here
	g.Add(p)
	g.Add(bus.Peer{ID: "without", Kind: bus.Native, Caller: here})
	revoke(g.registry, p)
	g.Change()
	g.expectDropped(t, "agent/sensor-1", "was revoked")
}

func TestWhoeverDoesNotCountAnyMoreIsDropped(t *testing.T) {
	for name, tt := range map[string]struct {
		who    string
		kind   bus.Kind
		change func(*registry, bus.Peer)
		why    string
	}{
		"an agent whose certificate is revoked": {"agent/sensor-1", bus.Native, revoke, "was revoked"},
		"a user whose certificate is revoked":   {"user/ann", bus.WebSocket, revoke, "was revoked"},
		"a user who is gone": {"user/ann", bus.WebSocket, func(r *registry, _ bus.Peer) {
			r.directory.Roles = map[string]mgmt.UserRole{}
		}, "unknown here"},
	} {
		t.Run(name, func(t *testing.T) {
			g := newGatekeeper(t)
			p := g.connect(tt.who, tt.kind)
			g.connect("user/bob", bus.WebSocket)
			g.registry.directory.Roles["bob"] = mgmt.Viewer
			g.Change()
			if len(g.dropped) != 0 {
				t.Fatalf("dropped %q before anything was revoked", g.dropped)
			}
			tt.change(g.registry, p)
			if name == "a user who is gone" {
				g.registry.directory.Roles["bob"] = mgmt.Viewer
			}
			g.Change()
			g.expectDropped(t, tt.who, tt.why)
			g.Change()
			if len(g.dropped) != 0 {
				t.Errorf("dropped again: %q", g.dropped)
			}
		})
	}
}

// TestRevocationDuringTheHandshakeCounts adds a peer whose certificate was revoked after it
// was judged.
func TestRevocationDuringTheHandshakeCounts(t *testing.T) {
	g := newGatekeeper(t)
	p := g.registry.peer("agent/sensor-1")
	p.ID, p.Kind = "agent/sensor-1", bus.Native
	revoke(g.registry, p)
	g.Add(p)
	g.expectDropped(t, "agent/sensor-1", "was revoked")
}

// TestTrustedUsersOfThisHostNeedNoCertificate drops nobody whom the kernel vouches for, and
// whose certificate gives no identity.
func TestTrustedUsersOfThisHostNeedNoCertificate(t *testing.T) {
	g := newGatekeeper(t)
	p := g.registry.peer("agent/sensor-1")
	p.Identity, p.Certificate.NotAfter = "", time.Now().Add(-time.Second)
	p.Kind, p.Caller = bus.Native, bus.Caller{Local: true, Known: true, Trusted: true}
	revoke(g.registry, p)
	g.Add(p)
	if len(g.dropped) != 0 {
		t.Errorf("dropped %q", g.dropped)
	}
	p.Denied = errors.New("no longer")
	g.Add(p)
	if len(g.dropped) != 1 {
		t.Errorf("dropped %q", g.dropped)
	}
}

// auditLog passes on what is appended.
type auditLog chan mgmt.AuditRecord

func (l auditLog) Append(r mgmt.AuditRecord) error {
	l <- r
	return nil
}

// TestRefusedConnectionsAreInTheAudit connects as somebody whom nobody knows, to both ports
// of a controller and to the port of an agent.
func TestRefusedConnectionsAreInTheAudit(t *testing.T) {
	broker, clients, nodes := listen(t), listen(t), listen(t)
	stranger := daemon.Callers{Owner: func(netip.AddrPort, netip.AddrPort) (sockowner.Owner, error) {
		return sockowner.Owner{UID: 4_000_000_000}, nil
	}}
	records := make(auditLog, 100)
	cluster := &testCluster{t: t, dir: t.TempDir()}
	cluster.inBackground("controller", nil, daemon.NewController(daemon.ControllerConfig{
		Store: new(memstore.Store), Broker: broker, WebSocket: clients, Callers: stranger, Audit: audit.NewRecorder(records, nil),
	}).Run)
	cluster.inBackground("agent", nil, func(ctx context.Context) error {
		return daemon.RunAgent(ctx, daemon.AgentConfig{
			Core: agent.Config{Name: "a"}, Store: new(memstore.Store), Broker: nodes, Callers: stranger, Audit: audit.NewRecorder(records, nil),
			Processes: fakeProcesses{proctest.New(proctest.Config{})}, Launch: launch.Embedded{Program: os.Args[0], StateDir: cluster.dir},
		})
	})
	for _, tt := range []struct {
		ln            net.Listener
		port, subject string
	}{{broker, "controller", "broker"}, {clients, "controller", "websocket"}, {nodes, "agent", "broker"}} {
		conn, err := net.Dial("tcp", tt.ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		if tt.subject == "websocket" {
			upgrade(t, conn)
		}
		r := patience.Next(t, records, "a record")
		if r.Who != "uid 4000000000" || r.Role != mgmt.NoUser || r.Source != conn.LocalAddr().String() || r.Request != "connect" ||
			r.Subject != tt.subject || r.Outcome != mgmt.AuditRefused || !strings.Contains(r.Reason, `user "unknown" (uid 4000000000) may not connect to this `+tt.port) {
			t.Errorf("the record is %+v", r)
		}
		conn.Close()
	}
}
