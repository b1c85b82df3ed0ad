package daemon_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/proc/proctest"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

func TestOnlyKnownUsersOfThisHostAreTrusted(t *testing.T) {
	const (
		loopback, here  = "127.0.0.1:40000", "127.0.0.1:2149"
		outside, inside = "192.0.2.9:40000", "192.0.2.1:2149"
		itself          = "192.0.2.1:40000"
	)
	own := uint32(os.Geteuid())
	owned := func(uid uint32) func(at, peer netip.AddrPort) (sockowner.Owner, error) {
		return func(netip.AddrPort, netip.AddrPort) (sockowner.Owner, error) {
			return sockowner.Owner{UID: uid, Inode: 7}, nil
		}
	}
	unknown := func(err error) func(at, peer netip.AddrPort) (sockowner.Owner, error) {
		return func(netip.AddrPort, netip.AddrPort) (sockowner.Owner, error) { return sockowner.Owner{}, err }
	}
	for name, tt := range map[string]struct {
		remote, local string
		callers       daemon.Callers
		trusted       bool
		why           string
	}{
		"root":                                  {loopback, here, daemon.Callers{Owner: owned(0)}, true, ""},
		"the daemon's own user":                 {loopback, here, daemon.Callers{Owner: owned(own)}, true, ""},
		"a user who is allowed":                 {loopback, here, daemon.Callers{Owner: owned(1001), Users: map[uint32]mgmt.UserRole{1001: mgmt.Viewer}}, true, ""},
		"a user of a group":                     {loopback, here, daemon.Callers{Owner: owned(1003), Groups: map[uint32]mgmt.UserRole{50: mgmt.Viewer}}, true, ""},
		"a user of another group":               {loopback, here, daemon.Callers{Owner: owned(1003), Groups: map[uint32]mgmt.UserRole{51: mgmt.Viewer}}, false, "(uid 1003)"},
		"another user":                          {loopback, here, daemon.Callers{Owner: owned(1002), Users: map[uint32]mgmt.UserRole{1001: mgmt.Viewer}}, false, `user "unknown" (uid 1002) may not connect to this controller; root can allow it with local_users (--local-users 1002=viewer)`},
		"another user, at an address of here":   {itself, inside, daemon.Callers{Owner: owned(1002)}, false, "(uid 1002)"},
		"another user, at another address":      {"192.0.2.2:40000", inside, daemon.Callers{Owner: owned(1002)}, false, "(uid 1002)"},
		"a socket of here that is not found":    {"192.0.2.2:40000", inside, daemon.Callers{Owner: unknown(sockowner.ErrElsewhere)}, false, "does not say which user"},
		"another host":                          {outside, inside, daemon.Callers{Owner: unknown(sockowner.ErrElsewhere)}, false, ""},
		"another host, at a loopback address":   {outside, here, daemon.Callers{Owner: unknown(sockowner.ErrElsewhere)}, false, "to an address that is for this host alone"},
		"a loopback address that is nobody's":   {loopback, here, daemon.Callers{Owner: unknown(sockowner.ErrElsewhere)}, false, "does not say which user"},
		"a socket that is closed already":       {loopback, here, daemon.Callers{Owner: unknown(sockowner.ErrOrphan)}, false, "does not say which user"},
		"a closed socket at another address":    {itself, inside, daemon.Callers{Owner: unknown(sockowner.ErrOrphan)}, false, "does not say which user"},
		"a kernel that does not say":            {loopback, here, daemon.Callers{Owner: unknown(errors.New("no netlink"))}, false, "does not say which user"},
		"a kernel that does not say, from afar": {outside, inside, daemon.Callers{Owner: unknown(errors.New("no netlink"))}, false, "does not say which user"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.callers.GroupsOf = func(uid uint32) []uint32 { return map[uint32][]uint32{1003: {49, 50}}[uid] }
			tt.callers.Here = func(a netip.Addr) bool {
				return a.IsLoopback() || a == netip.MustParseAddr("192.0.2.1") || a == netip.MustParseAddr("192.0.2.2")
			}
			caller, err := daemon.Screen(tt.callers, "controller")(netip.MustParseAddrPort(tt.remote), netip.MustParseAddrPort(tt.local))
			if caller.Trusted != tt.trusted {
				t.Errorf("trusted is %t, want %t", caller.Trusted, tt.trusted)
			}
			if (err == nil) != (tt.why == "") || err != nil && !strings.Contains(err.Error(), tt.why) {
				t.Errorf("got %v, want %q", err, tt.why)
			}
		})
	}
}

func TestTheRoleOfAUserIsTheHighestThatTheSettingsGive(t *testing.T) {
	c := daemon.Callers{
		Users:  map[uint32]mgmt.UserRole{1001: mgmt.Viewer, 1002: mgmt.Operator},
		Groups: map[uint32]mgmt.UserRole{50: mgmt.Operator, 51: mgmt.Viewer},
		GroupsOf: func(uid uint32) []uint32 {
			return map[uint32][]uint32{1001: {50}, 1002: {51}, 1003: {51, 52}, 1004: {52}}[uid]
		},
	}
	for uid, want := range map[uint32]mgmt.UserRole{
		0: mgmt.Admin, uint32(os.Geteuid()): mgmt.Admin,
		1001: mgmt.Operator, 1002: mgmt.Operator, 1003: mgmt.Viewer, 1004: mgmt.NoUser, 1005: mgmt.NoUser,
	} {
		if got := daemon.Role(c, uid); got != want {
			t.Errorf("user %d is %s, want %s", uid, got, want)
		}
	}
}

// anotherUser returns a function that connects as a user who is neither root nor the
// user of this test, and the Callers of a daemon for it. Only root can become another
// user. If this test does not run as root, the Callers name another user falsely.
func anotherUser(t *testing.T, addr string) (dial func(context.Context) (net.Conn, error), callers daemon.Callers) {
	t.Helper()
	conn, err := sockownertest.DialAs(t.Context(), sockownertest.Nobody, addr)
	if err == nil {
		conn.Close()
		return func(ctx context.Context) (net.Conn, error) {
			return sockownertest.DialAs(ctx, sockownertest.Nobody, addr)
		}, daemon.Callers{}
	}
	skip, inCI := roottest.Missing("connects as another user")
	if !errors.Is(err, unix.EPERM) || inCI != nil {
		t.Fatal(err, inCI)
	}
	t.Log(skip + "; the daemon is told that everybody is another user")
	return func(ctx context.Context) (net.Conn, error) { return new(net.Dialer).DialContext(ctx, "tcp", addr) },
		daemon.Callers{Owner: func(netip.AddrPort, netip.AddrPort) (sockowner.Owner, error) {
			return sockowner.Owner{UID: sockownertest.Nobody, Inode: 7}, nil
		}}
}

// TestStrangersOfThisHostAreRefused connects as another user to the controller's
// two ports and to the agent's.
func TestStrangersOfThisHostAreRefused(t *testing.T) {
	broker, clients, nodes := listen(t), listen(t), listen(t)
	for name, tt := range map[string]struct {
		ln  net.Listener
		run func(*testCluster, daemon.Callers)
	}{
		"clients": {clients, func(c *testCluster, who daemon.Callers) { c.controllerFor(who, nil, clients) }},
		"agents":  {broker, func(c *testCluster, who daemon.Callers) { c.controllerFor(who, broker, nil) }},
		"nodes":   {nodes, func(c *testCluster, who daemon.Callers) { c.agentFor(who, nodes) }},
	} {
		t.Run(name, func(t *testing.T) {
			refusals := make(chan bus.Refusal, 10)
			cluster := &testCluster{t: t, dir: t.TempDir(), refused: func(r bus.Refusal) { refusals <- r }}
			dial, callers := anotherUser(t, tt.ln.Addr().String())
			tt.run(cluster, callers)
			defer func() {
				for { // anotherUser has connected before
					r := patience.Next(t, refusals, "the report")
					if r.Caller.UID == sockownertest.Nobody && strings.Contains(r.Reason, "may not connect to this") {
						return
					}
				}
			}()
			conn, err := dial(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if name != "clients" {
				if b, err := io.ReadAll(conn); len(b) > 0 {
					t.Errorf("got %q, %v; want nothing but the end", b, err)
				}
				return
			}
			resp := upgrade(t, conn)
			body, err := io.ReadAll(resp.Body)
			if resp.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "may not connect to this controller; root can allow it with local_users (--local-users nobody=viewer)") {
				t.Errorf("got %s, %q, %v", resp.Status, body, err)
			}
		})
	}
}

// TestUsersWhoAreAllowedAreLetIn connects as a user whom the settings allow.
func TestUsersWhoAreAllowedAreLetIn(t *testing.T) {
	cluster := &testCluster{t: t, dir: t.TempDir()}
	ln := listen(t)
	dial, callers := anotherUser(t, ln.Addr().String())
	callers.Users = map[uint32]mgmt.UserRole{sockownertest.Nobody: mgmt.Viewer}
	cluster.controllerFor(callers, nil, ln)
	conn, err := dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if resp := upgrade(t, conn); resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("got %s", resp.Status)
	}
}

// upgrade asks for a WebSocket.
func upgrade(t *testing.T, conn net.Conn) *http.Response {
	t.Helper()
	_, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n", websocket.Path)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

// controllerFor runs a controller.
func (c *testCluster) controllerFor(who daemon.Callers, broker, websocket net.Listener) {
	c.inBackground("controller", nil, func(ctx context.Context) error {
		return daemon.NewController(daemon.ControllerConfig{
			Store: c.open("controller"), Broker: broker, WebSocket: websocket, Callers: who, Logger: c.logger("controller"),
			Bus: bus.Config{OnRefused: c.refused},
		}).Run(ctx)
	})
}

// agentFor runs an agent without nodes and without a controller.
func (c *testCluster) agentFor(who daemon.Callers, broker net.Listener) {
	c.inBackground("agent", nil, func(ctx context.Context) error {
		return daemon.RunAgent(ctx, daemon.AgentConfig{
			Core: agent.Config{Name: "agent"}, Store: c.open("agent"), Broker: broker, Callers: who,
			Bus:       bus.Config{OnRefused: c.refused},
			Processes: fakeProcesses{proctest.New(proctest.Config{})},
			Launch:    launch.Embedded{Program: os.Args[0], StateDir: c.dir},
			Logger:    c.logger("agent"),
		})
	})
}

// TestViewersOfThisHostSeeAndDoNotChange asks as another user, who is a viewer.
func TestViewersOfThisHostSeeAndDoNotChange(t *testing.T) {
	ln := listen(t)
	dial, callers := anotherUser(t, ln.Addr().String())
	callers.Users = map[uint32]mgmt.UserRole{sockownertest.Nobody: mgmt.Viewer}
	cluster := &testCluster{t: t, dir: t.TempDir(), clients: ln.Addr().String()}
	cluster.controllerFor(callers, nil, ln)
	c, err := websocket.Dial(t.Context(), "ws://"+cluster.clients+websocket.Path, []string{mgmt.ControllerTopic}, websocket.Config{
		Connect: func(ctx context.Context, _ string) (net.Conn, error) { return dial(ctx) },
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	f := &fortress{testCluster: cluster}
	if r, err := f.ask(c, mgmt.GetInstancesRequest{ReqID: "a"}); err != nil || !r.Success {
		t.Errorf("a viewer may not see: %+v, %v", r, err)
	}
	r, err := f.ask(c, mgmt.StageConfigurationRequest{ReqID: "b", Config: mgmt.Configuration{ID: "x"}})
	if err != nil || !strings.HasPrefix(r.Error, `user "nobody" (uid 65534, viewer) may not `) || !strings.HasSuffix(r.Error, "on this controller; ask an admin for the role operator") {
		t.Errorf("got %+v, %v", r, err)
	}
}
