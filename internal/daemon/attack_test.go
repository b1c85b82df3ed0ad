package daemon_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/proc/proctest"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// fortress is a controller with an authority. Everybody seems to come from another host.
type fortress struct {
	*testCluster
	authority *daemon.Authority
	refusals  chan bus.Refusal
}

// fromElsewhere is a listener whose connections seem to come from another host.
type fromElsewhere struct{ net.Listener }

func (l fromElsewhere) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return elsewhere{conn}, nil
}

type elsewhere struct{ net.Conn }

func (elsewhere) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 2150} }

// CloseWrite lets a client read what comes before the end.
func (c elsewhere) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

// nobodyIsHere are the callers of a host that has no other programs.
func nobodyIsHere() daemon.Callers {
	return daemon.Callers{
		Owner: func(netip.AddrPort, netip.AddrPort) (sockowner.Owner, error) {
			return sockowner.Owner{}, sockowner.ErrElsewhere
		},
		Here: func(netip.Addr) bool { return false },
	}
}

func startFortress(t *testing.T) *fortress {
	t.Helper()
	a, err := daemon.OpenAuthority(t.Context(), daemon.AuthorityConfig{Directory: t.TempDir(), Name: "ctl", Hosts: []string{"127.0.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	broker, clients := listen(t), listen(t)
	f := &fortress{
		testCluster: &testCluster{t: t, dir: t.TempDir(), peers: broker.Addr().String(), clients: clients.Addr().String()},
		authority:   a,
		refusals:    make(chan bus.Refusal, 1000),
	}
	id := &bus.TLS{Certificate: a.Certificate, Judge: a.Judge, PlainHere: true}
	f.inBackground("controller", nil, daemon.NewController(daemon.ControllerConfig{
		Store: f.open("controller"), Authority: a, Callers: nobodyIsHere(),
		Broker: fromElsewhere{broker}, WebSocket: fromElsewhere{clients},
		Bus:             bus.Config{TLS: id, OnRefused: f.note},
		WebSocketServer: bus.WebSocketConfig{TLS: bus.ServerTLS(id, false), PlainHere: true},
		Logger:          f.logger("controller"),
	}).Run)
	return f
}

func (f *fortress) note(r bus.Refusal) { f.refusals <- r }

// refused waits until a refusal was reported for this reason.
func (f *fortress) refused(reason, listener string) {
	f.t.Helper()
	var r bus.Refusal
	for {
		r = patience.Next(f.t, f.refusals, "the report that somebody is refused because "+reason)
		if strings.Contains(r.Reason, reason) {
			break
		}
		f.t.Logf("also reported: %s", r.Reason)
	}
	if r.Listener != listener || !r.Addr.IsValid() {
		f.t.Errorf("reported %+v", r)
	}
}

// certificate returns a certificate of the authority, for an identity.
func (f *fortress) certificate(who string, life time.Duration) tls.Certificate {
	f.t.Helper()
	id, err := identity.Parse(who)
	if err != nil {
		f.t.Fatal(err)
	}
	if id.Kind == identity.User {
		f.authority.Ask(f.t.Context(), authorityAdmin, access.AddUser{Name: id.Name, Role: mgmt.Operator})
	}
	key, err := identity.NewKey()
	if err != nil {
		f.t.Fatal(err)
	}
	request, err := identity.NewRequest(id, key)
	if err != nil {
		f.t.Fatal(err)
	}
	signed := askAuthority[access.Certificate](f.t, f.authority, authorityAdmin, access.Sign{
		Identity: id, Key: request, Life: life, Replace: id.Kind == identity.Agent,
	})
	certs, err := identity.ReadCerts(signed.Certificate)
	if err != nil {
		f.t.Fatal(err)
	}
	pair := tls.Certificate{PrivateKey: key, Leaf: certs[0]}
	for _, cert := range certs {
		pair.Certificate = append(pair.Certificate, cert.Raw)
	}
	return pair
}

// issued returns a certificate that another authority has signed.
func issued(t *testing.T, a identity.Authority, cluster, who string, now time.Time, life time.Duration) tls.Certificate {
	t.Helper()
	id, err := identity.Parse(who)
	if err != nil {
		t.Fatal(err)
	}
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	cert, err := a.Issue(identity.Leaf{Cluster: cluster, Identity: id, Key: key.Public(), Life: life}, now)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{cert.Raw}, PrivateKey: key, Leaf: cert}
}

// believing is the TLS of an attacker who shows a certificate and believes everybody.
func believing(cert tls.Certificate) *bus.TLS {
	return &bus.TLS{
		Certificate: func() (*tls.Certificate, error) { return &cert, nil },
		Judge:       func([]*x509.Certificate) (string, error) { return "", nil },
	}
}

// peer connects to the Broker port, and waits until it is connected if it may be. It hears
// what is said to an instance.
func (f *fortress) peer(id *bus.TLS, instance string) (*bus.Endpoint, *bus.Subscription) {
	f.t.Helper()
	e, err := bus.New(bus.Config{TLS: id})
	if err != nil {
		f.t.Fatal(err)
	}
	sub := e.Subscribe(64, mgmt.AgentTopics+"/"+instance)
	f.t.Cleanup(sub.Close)
	f.inBackground("attacker", nil, func(ctx context.Context) error {
		return e.Dial(ctx, f.peers, bus.DialConfig{Transport: bus.TransportTLS})
	})
	return e, sub
}

// dial asks for a WebSocket over TLS, with headers.
func (f *fortress) dial(cert *tls.Certificate, headers ...string) (net.Conn, *http.Response, error) {
	f.t.Helper()
	cfg := &tls.Config{InsecureSkipVerify: true}
	if cert != nil {
		cfg.Certificates = []tls.Certificate{*cert}
	}
	conn, err := tls.Dial("tcp", f.clients, cfg)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { conn.Close() })
	request := "GET " + websocket.Path + " HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n" +
		strings.Join(headers, "")
	if _, err := fmt.Fprintf(conn, "%s\r\n", request); err != nil {
		return conn, nil, err
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	return conn, resp, err
}

// client connects a client that shows a certificate.
func (f *fortress) client(cert *tls.Certificate, bearer string) (*websocket.Client, error) {
	cfg := websocket.Config{TLS: &tls.Config{InsecureSkipVerify: true}, Bearer: bearer}
	if cert != nil {
		cfg.TLS.Certificates = []tls.Certificate{*cert}
	}
	return websocket.Dial(f.t.Context(), "wss://"+f.clients+websocket.Path, []string{mgmt.ControllerTopic}, cfg)
}

// ask makes a request, and returns its first result.
func (f *fortress) ask(c *websocket.Client, request mgmt.Request) (mgmt.Result, error) {
	f.t.Helper()
	ctx := patience.Context(f.t)
	if err := c.Send(ctx, mgmt.ControllerTopic, codec.Encode(request)); err != nil {
		return mgmt.Result{}, err
	}
	for {
		_, v, err := c.Receive(ctx)
		if err != nil {
			return mgmt.Result{}, err
		}
		msg, err := codec.Decode(v)
		if answer, ok := msg.(mgmt.Response); ok && err == nil {
			return answer.Outcomes()[0], nil
		}
	}
}

func TestCertificatesThatDoNotCountAreRefusedByBothPorts(t *testing.T) {
	f := startFortress(t)
	foreign, err := identity.NewAuthority("foreign", time.Now(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	revoked := f.certificate("agent/sensor-3", time.Hour)
	askAuthority[access.Done](t, f.authority, authorityAdmin, access.RevokeCertificate{Serial: identity.Serial(revoked.Leaf)})
	cluster := f.authority.Directory().Trust.Cluster
	for name, tt := range map[string]struct {
		cert   tls.Certificate
		reason string
	}{
		"another authority":               {issued(t, foreign, cluster, "agent/sensor-1", time.Now(), time.Hour), "none of our authorities has signed the certificate of agent/sensor-1"},
		"another authority, for a user":   {issued(t, foreign, cluster, "user/ann", time.Now(), time.Hour), "none of our authorities has signed the certificate of user/ann"},
		"another authority, that expired": {issued(t, foreign, cluster, "agent/sensor-1", time.Now().Add(-time.Hour), time.Minute), "expired at"},
		"another cluster":                 {issued(t, foreign, "otherotherothero", "agent/sensor-1", time.Now(), time.Hour), "none of our authorities"},
		"a certificate that was revoked":  {revoked, "the certificate of agent/sensor-3 was revoked"},
	} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			f.peer(believing(tt.cert), "sensor-1")
			f.refused(tt.reason, bus.BrokerListener)
			_, resp, err := f.dial(&tt.cert)
			if err == nil {
				t.Errorf("the client reads %s, want a TLS alert", resp.Status)
			} else if !websocket.RemoteAlert(err) {
				t.Errorf("the client reads %v, want a TLS alert", err)
			}
			f.refused(tt.reason, bus.WebSocketListener)
		})
	}
}

func TestStolenAgentCertificateMakesNoOperator(t *testing.T) {
	f := startFortress(t)
	stolen := f.certificate("agent/sensor-1", time.Hour)
	_, resp, err := f.dial(&stolen)
	if err != nil || resp.StatusCode != http.StatusForbidden {
		t.Errorf("got %v, %v", resp, err)
	}
	f.refused("this is the certificate of agent/sensor-1, and only users may ask the controller", bus.WebSocketListener)
	e, sub := f.peer(believing(stolen), "sensor-1")
	if _, ok := patience.Next(t, sub.Events(), "a connection").(bus.PeerAdded); !ok {
		t.Fatal("not connected")
	}
	e.Publish(mgmt.ControllerTopic, codec.Encode(mgmt.StageConfigurationRequest{ReqID: "q", Config: mgmt.Configuration{ID: "forged"}}))
	f.refused("peers of the Broker port are no clients", bus.BrokerListener)
}

// TestStolenAgentCertificateMakesNoOtherInstance has one agent say that it is another one,
// which is not connected.
func TestStolenAgentCertificateMakesNoOtherInstance(t *testing.T) {
	f := startFortress(t)
	e, sub := f.peer(believing(f.certificate("agent/sensor-1", time.Hour)), "sensor-2")
	if _, ok := patience.Next(t, sub.Events(), "a connection").(bus.PeerAdded); !ok {
		t.Fatal("not connected")
	}
	e.Publish(mgmt.AgentTopics+"/sensor-2", codec.Encode(mgmt.NotifyAgentHello{
		Instance: "sensor-2", ID: e.ID().String(), Connecting: true, APIVersion: mgmt.APIVersion,
	}))
	f.refused("the certificate of agent/sensor-1 is not that of instance 'sensor-2'", bus.BrokerListener)
	for {
		m, ok := patience.Next(t, sub.Events(), "the answer").(bus.Message)
		if !ok {
			continue
		}
		if msg, err := codec.Decode(m.Value); err != nil || !strings.Contains(fmt.Sprint(msg), "is not that of instance") {
			t.Errorf("the controller answers %+v, %v", msg, err)
		}
		return
	}
}

func TestOtherCertificatesAreNoAgents(t *testing.T) {
	f := startFortress(t)
	f.t.Run("none", func(t *testing.T) {
		f.t = t
		f.peer(nil, "sensor-1")
		f.refused("client didn't provide a certificate", bus.BrokerListener)
	})
	for _, who := range []string{"user/ann", "controller/other", "node/sensor-1"} {
		t.Run(who, func(t *testing.T) {
			f.t = t
			f.peer(believing(f.certificate(who, time.Hour)), "sensor-1")
			reason := "this is the certificate of " + who + ", and only agents may connect"
			if who == "node/sensor-1" {
				reason = "none of our authorities has signed the certificate of node/sensor-1" // nodes have one of their own
			}
			f.refused(reason, bus.BrokerListener)
		})
	}
}

func TestStrangersFromAnotherHostAreRefused(t *testing.T) {
	f := startFortress(t)
	for name, tt := range map[string]struct {
		headers []string
		status  string
		reason  string
	}{
		"nothing":           {nil, "403", "this controller does not know who you are: show the certificate of a user"},
		"a false API token": {[]string{"Authorization: Bearer zfa-abcdefgh-abcdefghijklmnopqrstuvwxyz\r\n"}, "403", "the API token abcdefgh"},
		"no API token":      {[]string{"Authorization: Bearer x\r\n"}, "403", "this is not an API token"},
	} {
		t.Run(name, func(t *testing.T) {
			f.t = t
			_, resp, err := f.dial(nil, tt.headers...)
			if err != nil || !strings.HasPrefix(resp.Status, tt.status) || !strings.Contains(resp.Status, tt.reason) {
				t.Errorf("got %v, %v", resp, err)
			}
			f.refused(tt.reason, bus.WebSocketListener)
		})
	}
	t.Run("a page of another site", func(t *testing.T) {
		f.t = t
		ann := f.certificate("user/ann", time.Hour)
		for header, reason := range map[string]string{
			"Host: 192.0.2.1:2149\r\nOrigin: https://evil.example\r\n": "the request comes from a page of another site",
			"Host: evil.example\r\n":                                   `the request is for a host named "evil.example"`,
		} {
			_, resp, err := f.dial(&ann, header)
			if err != nil || resp.StatusCode != http.StatusForbidden {
				t.Errorf("got %v, %v", resp, err)
			}
			f.refused(reason, bus.WebSocketListener)
		}
	})
	t.Run("plain text", func(t *testing.T) {
		f.t = t
		conn, err := net.Dial("tcp", f.clients)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if resp := upgrade(t, conn); resp.StatusCode != http.StatusBadRequest {
			t.Errorf("got %s", resp.Status)
		}
		f.refused("This port speaks TLS", bus.WebSocketListener)
		conn, err = net.Dial("tcp", f.peers)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		fmt.Fprint(conn, "\x00\x00\x00\x10hello")
		io.Copy(io.Discard, conn)
		f.refused("this listener takes TLS only", bus.BrokerListener)
	})
}

// TestRevocationEndsOpenConnections revokes what an agent, a user and a machine have shown.
// Each is dropped without having said anything.
func TestRevocationEndsOpenConnections(t *testing.T) {
	f := startFortress(t)
	agent, ann, bob := f.certificate("agent/sensor-1", time.Hour), f.certificate("user/ann", time.Hour), f.certificate("user/bob", time.Hour)
	_, sub := f.peer(believing(agent), "sensor-1")
	if _, ok := patience.Next(t, sub.Events(), "a connection").(bus.PeerAdded); !ok {
		t.Fatal("not connected")
	}
	askAuthority[access.Done](t, f.authority, authorityAdmin, access.RevokeCertificate{Identity: identity.Identity{Kind: identity.Agent, Name: "sensor-1"}})
	if _, ok := patience.Next(t, sub.Events(), "the end").(bus.PeerLost); !ok {
		t.Fatal("not lost")
	}
	f.refused("the certificate of agent/sensor-1 was revoked", bus.BrokerListener)

	token := askAuthority[access.Token](t, f.authority, authorityAdmin, access.CreateAPIToken{User: "bob", Name: "ci"})
	f.endsOpenClient(nil, token.Text, access.RevokeToken{ID: token.ID}, "the API token "+token.ID)
	f.endsOpenClient(&ann, "", access.RevokeCertificate{Serial: identity.Serial(ann.Leaf)}, "the certificate of user/ann was revoked")
	f.endsOpenClient(&bob, "", access.RemoveUser{Name: "bob"}, "user/bob")
}

// endsOpenClient connects a client, makes a change, and waits until the client is dropped.
func (f *fortress) endsOpenClient(cert *tls.Certificate, bearer string, change access.Request, reason string) {
	t := f.t
	t.Helper()
	c, err := f.client(cert, bearer)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if r, err := f.ask(c, mgmt.GetInstancesRequest{ReqID: "q"}); err != nil || !r.Success {
		t.Fatalf("got %+v, %v", r, err)
	}
	askAuthority[access.Done](t, f.authority, authorityAdmin, change)
	if _, _, err := c.Receive(patience.Context(t)); err == nil || !strings.Contains(err.Error(), "1008") {
		t.Errorf("the client reads %v, want the end", err)
	}
	f.refused(reason, bus.WebSocketListener)
}

// TestNewRoleCountsFromTheNextRequestOn lowers the role of a user who is connected.
func TestNewRoleCountsFromTheNextRequestOn(t *testing.T) {
	f := startFortress(t)
	ann := f.certificate("user/ann", time.Hour)
	c, err := f.client(&ann, "")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	stage := func(id mgmt.ReqID) mgmt.Request {
		return mgmt.StageConfigurationRequest{ReqID: id, Config: mgmt.Configuration{ID: "x"}}
	}
	if r, err := f.ask(c, stage("a")); err != nil || !r.Success {
		t.Fatalf("as an operator: %+v, %v", r, err)
	}
	askAuthority[access.Done](t, f.authority, authorityAdmin, access.SetRole{Name: "ann", Role: mgmt.Viewer})
	if r, err := f.ask(c, stage("b")); err != nil || !strings.HasPrefix(r.Error, `user "ann" (viewer) may not `) || !strings.HasSuffix(r.Error, "ask an admin for the role operator") {
		t.Errorf("as a viewer: %+v, %v", r, err)
	}
	if r, err := f.ask(c, mgmt.GetInstancesRequest{ReqID: "c"}); err != nil || !r.Success {
		t.Errorf("a viewer may not see: %+v, %v", r, err)
	}
}

// besieged is an agent of a fortress's cluster. It dials a controller, or waits for one.
func (f *fortress) besieged(controller string) (at string) {
	f.t.Helper()
	own, broker := f.certificate("agent/sensor-1", time.Hour), listen(f.t)
	f.inBackground("agent", nil, func(ctx context.Context) error {
		return daemon.RunAgent(ctx, daemon.AgentConfig{
			Core: agent.Config{Name: "sensor-1", Connecting: controller != ""}, Store: f.open("agent"),
			Broker: fromElsewhere{broker}, Controller: controller, Callers: nobodyIsHere(),
			Bus: bus.Config{OnRefused: f.note, TLS: &bus.TLS{
				Certificate: func() (*tls.Certificate, error) { return &own, nil }, Judge: f.authority.Judge,
			}},
			Processes: fakeProcesses{proctest.New(proctest.Config{})},
			Launch:    launch.Embedded{Program: os.Args[0], StateDir: f.dir},
			Logger:    f.logger("agent"),
		})
	})
	return broker.Addr().String()
}

// TestStolenAgentCertificateMakesNoController gives orders to an agent with the certificate
// of another agent, as one that dials the agent and as one that the agent dials.
func TestStolenAgentCertificateMakesNoController(t *testing.T) {
	f := startFortress(t)
	for _, who := range []string{"agent/sensor-2", "user/ann"} {
		t.Run(who, func(t *testing.T) {
			g := &fortress{&testCluster{t: t, dir: t.TempDir()}, f.authority, f.refusals}
			stolen := believing(g.certificate(who, time.Hour))
			g.peers = g.besieged("")
			g.peer(stolen, "sensor-1")
			g.refused("this is the certificate of "+who+", and only controllers may give orders to an agent", bus.BrokerListener)

			g = &fortress{&testCluster{t: t, dir: t.TempDir()}, f.authority, f.refusals}
			ln := listen(t)
			e, err := bus.New(bus.Config{TLS: stolen})
			if err != nil {
				t.Fatal(err)
			}
			g.inBackground("attacker", nil, func(ctx context.Context) error { return e.Serve(ctx, ln, bus.ListenConfig{}) })
			g.besieged(ln.Addr().String())
			g.refused("this is the certificate of "+who+", and only controllers may give orders to an agent", bus.DialedPeer)
		})
	}
}

// TestControllerMayGiveOrders is the other side of TestStolenAgentCertificateMakesNoController.
func TestControllerMayGiveOrders(t *testing.T) {
	f := startFortress(t)
	f.peers = f.besieged("")
	e, sub := f.peer(believing(f.certificate("controller/ctl", time.Hour)), "sensor-1")
	asked := false
	for {
		m, ok := patience.Next(t, sub.Events(), "an answer").(bus.Message)
		if !ok {
			continue
		}
		msg, err := codec.Decode(m.Value)
		if err != nil {
			t.Fatal(err)
		}
		if _, hello := msg.(mgmt.NotifyAgentHello); hello && !asked {
			asked = true
			e.Publish(mgmt.AgentTopics+"/sensor-1", codec.Encode(mgmt.AgentGetNodesRequest{ReqID: "q"}))
		}
		if answer, ok := msg.(mgmt.Response); ok {
			if first := answer.Outcomes()[0]; !first.Success {
				t.Errorf("got %+v", first)
			}
			return
		}
	}
}
