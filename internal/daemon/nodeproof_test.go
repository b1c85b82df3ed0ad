package daemon_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
)

// heard passes on what is logged under one message.
type heard struct {
	message string
	lines   chan string
}

func (h heard) Enabled(context.Context, slog.Level) bool { return true }
func (h heard) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h heard) WithGroup(string) slog.Handler            { return h }

func (h heard) Handle(_ context.Context, r slog.Record) error {
	if r.Message != h.message {
		return nil
	}
	var line strings.Builder
	r.Attrs(func(a slog.Attr) bool {
		line.WriteString(a.String() + " ")
		return true
	})
	h.lines <- line.String()
	return nil
}

// TestAProgramThatSaysHelloAsARunningNodeIsRefused has the test itself, whose user
// may do everything, say that it is a node of the agent's.
func TestAProgramThatSaysHelloAsARunningNodeIsRefused(t *testing.T) {
	cluster := startCluster(t)
	refusals := heard{"hello refused: it is not from the process that was launched as the node", make(chan string, 10)}
	cluster.agents = refusals
	reported := make(chan bus.Refusal, 10)
	cluster.refused = func(r bus.Refusal) { reported <- r }
	at := cluster.startAgent("a")
	cluster.deployTwo("a")
	conn := cluster.client()
	defer conn.Close()

	stranger, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	sub := stranger.Subscribe(64, mgmt.NodeTopic)
	defer sub.Close()
	ctx, hangUp := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- stranger.Dial(ctx, at, bus.DialConfig{}) }()
	if _, ok := patience.Next(t, sub.Events(), "a connection").(bus.PeerAdded); !ok {
		t.Fatal("not connected")
	}
	stranger.Publish(mgmt.NodeTopic, codec.Encode(mgmt.NotifyNodeHello{Node: "worker"}))
	if line := patience.Next(t, refusals.lines, "the log to say who is refused"); !strings.Contains(line, "node=worker") || !strings.Contains(line, "daemon.test (pid ") {
		t.Errorf("the log says %s", line)
	}
	if r := patience.Next(t, reported, "the report"); !strings.Contains(r.Reason, `it says that it is node "worker", and it is not: it is daemon.test (pid `) || !r.Caller.Known {
		t.Errorf("reported %+v", r)
	}
	ask := func(when string) {
		t.Helper()
		results, err := conn.GetIDValue(t.Context(), "bits_per_uid", "worker")
		if err != nil || len(results) != 1 || results[0].Data != client.Text("96") {
			t.Errorf("%s: got %+v, %v", when, results, err)
		}
	}
	ask("with a stranger beside it")
	hangUp()
	if err := patience.Next(t, gone, "the end of the connection"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	ask("after the stranger left")
}

// TestProcessOfAnotherUserThatTheAgentStartedIsANodeAndNothingElse has a node that
// becomes another user: it is one like any other, and gives no orders. Who is that
// user, and was not started by the agent, does not even get in.
func TestProcessOfAnotherUserThatTheAgentStartedIsANodeAndNothingElse(t *testing.T) {
	roottest.Need(t, "starts processes of several users")
	cluster := startCluster(t)
	refusals := heard{"request refused", make(chan string, 10)}
	cluster.agents = refusals
	at := cluster.startAgent("a")
	conn := cluster.client()
	defer conn.Close()
	config := client.Configuration{
		ID:        "c",
		Instances: []client.Instance{{Name: "a", Host: client.UnknownHost}},
		Nodes: []client.Node{{
			Name: "worker", Instance: "a", Role: client.Worker, State: client.Running,
			Env: map[string]string{nodeUserEnv: strconv.Itoa(sockownertest.Nobody), nodeOrdersEnv: mgmt.AgentTopics + "/a"},
		}},
	}
	if staged, err := conn.Stage(t.Context(), config); err != nil || !staged[0].Success {
		t.Fatalf("stage: %+v, %v", staged, err)
	}
	deployed, err := conn.Deploy(t.Context())
	if err != nil || slices.ContainsFunc(deployed, func(r client.Result) bool { return !r.Success }) {
		t.Fatalf("deploy: %+v, %v", deployed, err)
	}
	if line, want := patience.Next(t, refusals.lines, "the log to say who is refused"), "user 65534 of this host may be a node, and nothing else"; !strings.Contains(line, want) {
		t.Errorf("the log says %s, not %q", line, want)
	}
	results, err := conn.GetIDValue(t.Context(), "bits_per_uid", "worker")
	if err != nil || len(results) != 1 || results[0].Data != client.Text("96") {
		t.Errorf("the node answers %+v, %v", results, err)
	}

	stranger, err := sockownertest.DialAs(t.Context(), sockownertest.Nobody, at)
	if err != nil {
		t.Fatal(err)
	}
	defer stranger.Close()
	if b, err := io.ReadAll(stranger); len(b) > 0 {
		t.Errorf("a stranger got %q, %v; want nothing but the end", b, err)
	}
}

func TestTheProcessBehindAHelloIsLookedFor(t *testing.T) {
	const inode = 7
	own, parent := os.Getpid(), os.Getppid()
	for name, tt := range map[string]struct {
		launched int
		holders  []sockowner.Process
		want     agent.Proof
	}{
		"the launched process":           {own, []sockowner.Process{{PID: own}}, agent.Proof{Is: true}},
		"one that descends from it":      {parent, []sockowner.Process{{PID: own}}, agent.Proof{Is: true}},
		"another one":                    {own, []sockowner.Process{{PID: 1, Name: "init"}}, agent.Proof{Other: "it is init (pid 1) of user 5, and the node is pid 4711"}},
		"nobody who shows what it holds": {own, nil, agent.Proof{}},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.want.Other != "" {
				tt.launched = 4711
			}
			cfg := daemon.AgentConfig{Callers: daemon.Callers{Holders: func(uint64) []sockowner.Process { return tt.holders }}}
			got := daemon.Holder(cfg, tt.launched, bus.Peer{Caller: bus.Caller{Local: true, Known: true, UID: 5, Inode: inode}})
			if got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}

func TestWhoMayGiveOrdersToAnAgent(t *testing.T) {
	addr := netip.MustParseAddrPort("192.0.2.9:40000")
	sensor := &x509.Certificate{Subject: pkix.Name{CommonName: "sensor-1"}}
	uri := &x509.Certificate{URIs: []*url.URL{{Scheme: "zeekfleet", Host: "c", Path: "/controller/main"}}}
	dialing := daemon.AgentConfig{Controller: "192.0.2.1:2150"}
	waiting := daemon.AgentConfig{}
	insecure := daemon.AgentConfig{Insecure: true}
	local := daemon.AgentConfig{Callers: daemon.Callers{Users: map[uint32]mgmt.UserRole{8: mgmt.Operator, 4_000_000_000: mgmt.Viewer}}}
	naming := daemon.AgentConfig{ControllerNames: []string{"ctl", "zeekfleet://c/controller/main"}}
	identified := daemon.AgentConfig{Controller: "192.0.2.1:2150", ControllersIdentified: true}
	both := daemon.AgentConfig{ControllerNames: []string{"sensor-1"}, ControllersIdentified: true}
	const none = "tls.identities says which certificates are controllers', and that of sensor-1 is none of them"
	for name, tt := range map[string]struct {
		cfg  daemon.AgentConfig
		peer bus.Peer
		want string // empty: it may
	}{
		"whom it dials, where controllers have identities":     {identified, bus.Peer{Addr: addr, Dialed: true, Certificate: sensor}, none},
		"a certificate, where controllers have identities":     {identified, bus.Peer{Addr: addr, Certificate: sensor}, none},
		"an identity, where controllers have them":             {identified, bus.Peer{Addr: addr, Dialed: true, Certificate: sensor, Identity: "controller/main"}, ""},
		"a certificate that is named, beside those identities": {both, bus.Peer{Addr: addr, Dialed: true, Certificate: sensor}, ""},
		"a user who is trusted": {
			dialing, bus.Peer{Addr: addr, Caller: bus.Caller{Local: true, Known: true, Trusted: true}}, "",
		},
		"an operator of this host": {
			local, bus.Peer{Addr: addr, Caller: bus.Caller{Local: true, Known: true, UID: 8, Trusted: true}}, "",
		},
		"a viewer of this host": {
			local, bus.Peer{Addr: addr, Caller: bus.Caller{Local: true, Known: true, UID: 4_000_000_000, Trusted: true}},
			`user "unknown" (uid 4000000000) may not give orders to this agent; root can allow it with local_users (--local-users 4000000000=operator)`,
		},
		"a controller": {dialing, bus.Peer{Addr: addr, Certificate: sensor, Identity: "controller/main"}, ""},
		"the controller that it dials, by identity":  {waiting, bus.Peer{Addr: addr, Dialed: true, Certificate: sensor, Identity: "controller/main"}, ""},
		"a stolen certificate, where it is dialed":   {dialing, bus.Peer{Addr: addr, Certificate: sensor, Identity: "agent/sensor-1"}, "this is the certificate of agent/sensor-1, and only controllers"},
		"a stolen certificate, where it dials":       {dialing, bus.Peer{Addr: addr, Dialed: true, Certificate: sensor, Identity: "agent/sensor-1"}, "this is the certificate of agent/sensor-1, and only controllers"},
		"a stolen certificate, that is also named":   {naming, bus.Peer{Addr: addr, Certificate: uri, Identity: "user/ann"}, "this is the certificate of user/ann, and only controllers"},
		"a user who was refused, with a certificate": {dialing, bus.Peer{Addr: addr, Denied: errors.New("no"), Caller: bus.Caller{Local: true, Known: true, Trusted: true}, Certificate: sensor, Identity: "node/x"}, "this is the certificate of node/x"},
		"the process of another user that was started as a node": {
			dialing, bus.Peer{Addr: addr, Caller: bus.Caller{Local: true, Known: true, UID: 7}}, "user 7 of this host may be a node, and nothing else",
		},
		"the controller that it dials":                      {dialing, bus.Peer{Addr: addr, Dialed: true, Certificate: sensor}, ""},
		"a certificate, where it dials":                     {dialing, bus.Peer{Addr: addr, Certificate: sensor}, "the agent takes orders from the controller that it connects to"},
		"a certificate, where it waits":                     {waiting, bus.Peer{Addr: addr, Certificate: sensor}, "every agent has a certificate of the same authority, and sensor-1 is not known to be the controller's"},
		"a certificate that is named":                       {naming, bus.Peer{Addr: addr, Certificate: uri}, ""},
		"a certificate that is not":                         {naming, bus.Peer{Addr: addr, Certificate: sensor}, "the certificate of sensor-1 is not one of the controller's"},
		"a certificate that is not, of whom it dials":       {naming, bus.Peer{Addr: addr, Dialed: true, Certificate: sensor}, "the certificate of sensor-1 is not one of the controller's"},
		"somebody without a certificate":                    {dialing, bus.Peer{Addr: addr}, "this agent does not know who you are"},
		"whom it dials, without a certificate":              {dialing, bus.Peer{Addr: addr, Dialed: true}, "this agent does not know who you are"},
		"whoever comes, where the settings let everyone in": {insecure, bus.Peer{Addr: addr}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := daemon.Barred(tt.cfg, tt.peer); (got == "") != (tt.want == "") || !strings.HasPrefix(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
