package fakezeek_test

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// launched is a fakezeek that was launched as the agent launches Zeek.
type launched struct {
	*process
	webSocketPort uint16
}

// launch launches a node of a cluster with a manager and a logger. change can change
// the deployment.
func launch(t *testing.T, version string, node mgmt.NodeName, change func(*zeek.Deployment)) launched {
	t.Helper()
	v, err := zeek.ParseVersion(version)
	if err != nil {
		t.Fatal(err)
	}
	ports, err := porttest.Reserve()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ports.Close() })
	port := func() *mgmt.Port { return new(mgmt.TCPPort(ports.Next())) }
	cluster := mgmt.Configuration{
		Instances: []mgmt.Instance{{Name: "here", Host: netip.MustParseAddr("127.0.0.1")}},
		Nodes: []mgmt.Node{
			{Name: "manager", Instance: "here", Role: mgmt.Manager, Port: port(), MetricsPort: port()},
			{Name: "logger", Instance: "here", Role: mgmt.Logger, Port: port()},
		},
	}
	plan, _ := mgmt.PlanFor(cluster, node)
	dir := t.TempDir()
	const prefix = "/usr/local/zeek"
	d := zeek.Deployment{
		Install: zeek.Install{Path: "/zeek", Version: v, Prefix: prefix, ScriptDir: prefix + "/share/zeek"},
		Plan:    plan, WebSocketPort: ports.Next(), Secret: secret,
		Site: zeek.Site{StateDir: dir, SpoolDir: dir, Environ: []string{"FAKEZEEK_VERSION=" + version}},
	}
	d.Site.ZeroMQ = zeek.ZeroMQSite{XPubPort: ports.Next(), XSubPort: ports.Next()}
	change(&d)
	g, err := d.Generate()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range g.Files {
		if err := os.MkdirAll(g.Dir(dir), 0o755); err != nil {
			t.Fatal(err)
		}
		writeFile(t, g.Dir(dir), f.Name, f.Content)
	}
	c, err := d.Command(g.Dir(dir))
	if err != nil {
		t.Fatal(err)
	}
	mkdir(t, dir, "node")
	p := start(t, filepath.Join(dir, "node"), c.Env, c.Argv[1:]...)
	return launched{p, d.WebSocketPort}
}

func TestNodeSaysHelloOverBroker(t *testing.T) {
	for _, version := range []string{"5.0.0", "7.2.0", "8.0.1"} {
		t.Run(version, func(t *testing.T) {
			ln, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			endpoint, err := bus.New(bus.Config{})
			if err != nil {
				t.Fatal(err)
			}
			topic := zeek.NodeTopic(zeek.AgentBroker, "manager")
			sub := endpoint.Subscribe(0, topic)
			defer sub.Close()
			ctx, cancel := context.WithCancel(t.Context())
			served := make(chan error, 1)
			go func() { served <- endpoint.Serve(ctx, ln, bus.ListenConfig{}) }()
			defer func() { cancel(); <-served }()

			launch(t, version, "manager", func(d *zeek.Deployment) {
				d.Site.AgentAddr = netip.MustParseAddrPort(ln.Addr().String())
			})
			checkIn(t, func() (mgmt.Message, error) {
				m := patience.Find(t, sub.Events(), "a message of the node", func(ev bus.Event) bool {
					_, ok := ev.(bus.Message)
					return ok
				}).(bus.Message)
				return codec.Decode(m.Value)
			}, func(m mgmt.Message) error {
				endpoint.Publish(topic, codec.Encode(m))
				return nil
			})
		})
	}
}

func TestNodeSaysHelloOverWebSocket(t *testing.T) {
	for _, backend := range []zeek.Backend{zeek.Broker, zeek.ZeroMQ} {
		for _, version := range []string{"8.1.0", "8.2.2", "9.0.0"} {
			t.Run(fmt.Sprintf("%s %s", version, backend), func(t *testing.T) {
				l := launch(t, version, "manager", func(d *zeek.Deployment) { d.Backend = backend })
				topic := zeek.NodeTopic(zeek.AgentWebSocket, "manager")
				c := l.dial(topic)
				defer c.Close()
				checkIn(t, func() (mgmt.Message, error) {
					_, v, err := c.Receive(patience.Context(t))
					if err != nil {
						return nil, err
					}
					return codec.Decode(v)
				}, func(m mgmt.Message) error {
					return c.Send(t.Context(), topic, codec.Encode(m))
				})
			})
		}
	}
}

// Our launches never make such a node, but a script can make a manager receive logs.
func TestNodeThatReceivesLogsWithZeroMQAnswersNoWebSocketClient(t *testing.T) {
	l := launch(t, "8.2.2", "manager", func(d *zeek.Deployment) {
		d.Backend = zeek.ZeroMQ
		d.Plan.Node.Options = []mgmt.Option{{Name: "Cluster::manager_is_logger", Value: "T"}}
	})
	dialed := make(chan error, 1)
	ctx := patience.Context(t)
	go func() {
		for {
			conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", l.webSocketPort))
			if err == nil {
				defer conn.Close()
				_, err = conn.Read(make([]byte, 1))
				dialed <- err
				return
			}
			if ctx.Err() != nil {
				dialed <- err
				return
			}
		}
	}()
	l.await("error: ZeroMQ: Failed to bind pull socket")
	l.signal(syscall.SIGTERM)
	if err := <-dialed; err == nil {
		t.Error("the client was answered")
	}
}

// dial connects with the node as soon as it listens.
func (l launched) dial(topic string) *websocket.Client {
	l.t.Helper()
	url := fmt.Sprintf("ws://127.0.0.1:%d%s", l.webSocketPort, websocket.Path)
	ctx := patience.Context(l.t)
	for {
		c, err := websocket.Dial(ctx, url, []string{topic}, websocket.Config{})
		if err == nil {
			return c
		}
		if ctx.Err() != nil {
			l.t.Fatal(err)
		}
	}
}

const secret mgmt.Secret = "0123456789abcdef0123456789abcdef"

// checkIn checks that a node that has just connected says hello, and that it answers
// a request with a valid proof.
func checkIn(t *testing.T, receive func() (mgmt.Message, error), send func(mgmt.Message) error) {
	t.Helper()
	m, err := receive()
	if number, ok := m.(mgmt.NotifyNumber); !ok || number.Node != "manager" || number.Number != 0 || !number.IsProven(secret) {
		t.Fatalf("got %+v, %v, want a number", m, err)
	}
	m, err = receive()
	if hello, ok := m.(mgmt.NotifyNodeHello); !ok || hello.Node != "manager" {
		t.Fatalf("got %+v, %v, want a hello", m, err)
	}
	action := []string{"get_id_value", "Cluster::node"}
	request := mgmt.ProvenRequest{Node: "manager", Number: 3, ReqID: "r", Action: action}.Prove(secret)
	again := mgmt.ProvenRequest{Node: "manager", Number: 3, ReqID: "r2", Action: action}.Prove(secret)
	for _, msg := range []mgmt.Message{
		mgmt.NodeDispatchRequest{ReqID: "plain", Action: action, Nodes: []mgmt.NodeName{"manager"}},
		mgmt.ProvenRequest{Node: "manager", Number: 1, ReqID: "unproven", Action: action},
		request, again,
	} {
		if err := send(msg); err != nil {
			t.Fatal(err)
		}
	}
	want := []mgmt.ProvenResponse{
		mgmt.ProvenResponse{Node: "manager", ReqID: "r", Success: true, Text: `"manager"`}.Prove(secret),
		mgmt.ProvenResponse{Node: "manager", ReqID: "r2", Text: "the request was made before"}.Prove(secret),
	}
	for len(want) > 0 {
		m, err := receive()
		if err != nil {
			t.Fatal(err)
		}
		if _, greeting := m.(mgmt.NotifyDispatches); greeting {
			continue
		}
		if m != want[0] {
			t.Fatalf("got %+v, want %+v", m, want[0])
		}
		want = want[1:]
	}
}
