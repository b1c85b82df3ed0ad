package daemon_test

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/launch/launchtest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/preflight"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/proc/proctest"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
	"github.com/zeekfleet/zeekfleet/internal/sockowner/sockownertest"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// servingNodes launches nodes that serve their agent on one port.
type servingNodes struct {
	port   uint16
	secret mgmt.Secret
}

func (s servingNodes) Launch(plan mgmt.Plan, _ uint64) (launch.Process, error) {
	facts := launch.Facts{Program: "/bin/true", Dir: os.TempDir(), WebSocketPort: s.port, Secret: s.secret}
	return launch.Process{Spec: proc.Spec{Argv: []string{facts.Program}, Dir: facts.Dir}, Facts: facts}, nil
}

func (s servingNodes) Recall(mgmt.NodeName, uint64) (launch.Facts, error) {
	return launch.Facts{WebSocketPort: s.port, Secret: s.secret}, nil
}

func (servingNodes) Forget(mgmt.NodeName, uint64) {}

func (servingNodes) LayoutUse() mgmt.LayoutUse { return mgmt.OwnEntry }

func (servingNodes) Limits(_ launch.Facts, node mgmt.Limits) proc.Limits {
	return proc.Limits{}.With(node)
}

func (servingNodes) Check(plan mgmt.Plan, _ string) (preflight.Check, error) {
	return preflight.Check{Node: plan.Node.Name}, nil
}

// servingNode is the WebSocket server of the node worker-1, with the bus of a
// whole cluster behind it.
type servingNode struct {
	t        *testing.T
	endpoint *bus.Endpoint
	sub      *bus.Subscription
	peer     string          // the agent
	changes  chan mgmt.State // of the node, as the agent sees it
}

// fakeProcesses are processes that nobody has to work for.
type fakeProcesses struct{ *proctest.Host }

func (fakeProcesses) Run(ctx context.Context) error {
	<-ctx.Done()
	return context.Cause(ctx)
}

const ownTopic = "zeek/management/node/worker-1/"

// serveNode returns the node, and an agent and its controller that are about to
// have deployed it. An empty secret is none.
func serveNode(t *testing.T, secret mgmt.Secret) (*servingNode, *testCluster) {
	t.Helper()
	return serveNodeFor(t, secret, nil)
}

// serveNodeFor is serveNode, and has the agent told who has the node's socket.
func serveNodeFor(t *testing.T, secret mgmt.Secret, who func(port uint16) daemon.Callers) (*servingNode, *testCluster) {
	t.Helper()
	callers := daemon.Callers{}
	endpoint, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ln := listen(t)
	n := &servingNode{t: t, endpoint: endpoint, sub: endpoint.Subscribe(64, "zeek/"),
		changes: make(chan mgmt.State, 100)}
	cluster := startCluster(t)
	cluster.inBackground("node", nil, func(ctx context.Context) error {
		return endpoint.ServeWebSocket(ctx, ln, bus.WebSocketConfig{})
	})
	t.Cleanup(n.sub.Close)
	if who != nil {
		callers = who(portOf(ln))
	}
	broker := listen(t)
	stop := make(chan struct{})
	cluster.inBackground("agent", stop, func(ctx context.Context) error {
		return daemon.RunAgent(ctx, daemon.AgentConfig{
			Core:       agent.Config{Name: "sensor", Connecting: true},
			Store:      cluster.open("agent"),
			Broker:     broker,
			Controller: cluster.peers,
			Processes:  fakeProcesses{proctest.New(proctest.Config{})},
			Launch:     servingNodes{portOf(ln), secret},
			StopNodes:  stop,
			OnChange:   func(c mgmt.NotifyChange) { n.changes <- c.New },
			Callers:    callers,
			Logger:     cluster.logger("agent"),
		})
	})
	cluster.awaitInstance("sensor")
	return n, cluster
}

// nextMessage returns the next message of the agent.
func (n *servingNode) nextMessage() bus.Message {
	n.t.Helper()
	return patience.Find(n.t, n.sub.Events(), "a message of the agent", is[bus.Message]).(bus.Message)
}

// greet waits for the agent to connect, and says hello.
func (n *servingNode) greet() {
	n.t.Helper()
	n.awaitPeer()
	n.say(ownTopic, mgmt.NotifyNodeHello{Node: "worker-1"})
}

// awaitPeer waits for the agent to connect.
func (n *servingNode) awaitPeer() {
	n.t.Helper()
	added := patience.Find(n.t, n.sub.Events(), "the agent to connect", is[bus.PeerAdded]).(bus.PeerAdded)
	n.peer = added.Peer.ID
}

// is reports whether ev is an E.
func is[E bus.Event](ev bus.Event) bool {
	_, ok := ev.(E)
	return ok
}

// say publishes as Cluster::publish does: without metadata.
func (n *servingNode) say(topic string, msg mgmt.Message) {
	n.t.Helper()
	e, err := wire.ParseEvent(codec.Encode(msg))
	if err != nil {
		n.t.Fatal(err)
	}
	e.Meta = nil
	n.endpoint.Publish(topic, e.Value())
}

// awaitRunning returns when the node has become RUNNING once more.
func (n *servingNode) awaitRunning() {
	n.t.Helper()
	patience.Find(n.t, n.changes, "the node to be RUNNING", func(s mgmt.State) bool { return s == mgmt.Running })
}

// request returns the next request of the agent.
func (n *servingNode) request() (topic string, req mgmt.NodeDispatchRequest) {
	n.t.Helper()
	m := n.nextMessage()
	msg, err := codec.Decode(m.Value)
	if err != nil {
		n.t.Fatal(err)
	}
	return m.Topic, msg.(mgmt.NodeDispatchRequest)
}

func (n *servingNode) answer(topic string, id mgmt.ReqID, node mgmt.NodeName, text string) {
	n.t.Helper()
	n.say(topic, mgmt.NodeDispatchResponse{ReqID: id, Result: mgmt.Result{
		ReqID: id, Success: true, Node: node, Data: mgmt.Text(text),
	}})
}

// oneNode is a cluster of worker-1.
func oneNode() client.Configuration {
	return client.Configuration{
		ID:        "test",
		Instances: []client.Instance{{Name: "sensor", Host: netip.MustParseAddr("127.0.0.1")}},
		Nodes:     []client.Node{{Name: "worker-1", Instance: "sensor", Role: client.Worker, State: client.Running}},
	}
}

// deployOne deploys worker-1, while serve does the node's part.
func (c *testCluster) deployOne(serve func()) {
	c.t.Helper()
	results := c.meanwhile(serve, func(conn *client.Client) ([]client.Result, error) {
		staged, err := conn.Stage(c.t.Context(), oneNode())
		if err != nil || !staged[0].Success {
			return staged, err
		}
		return conn.Deploy(c.t.Context())
	})
	for _, r := range results {
		if !r.Success {
			c.t.Fatalf("deploy: %+v", results)
		}
	}
}

// meanwhile makes a request and does something else until it is answered.
func (c *testCluster) meanwhile(
	serve func(), ask func(*client.Client) ([]client.Result, error),
) []client.Result {
	c.t.Helper()
	conn := c.client()
	defer conn.Close()
	type outcome struct {
		results []client.Result
		err     error
	}
	done := make(chan outcome, 1)
	go func() {
		results, err := ask(conn)
		done <- outcome{results, err}
	}()
	serve()
	got := patience.Next(c.t, done, "the answer to the request")
	if got.err != nil {
		c.t.Fatal(got.err)
	}
	return got.results
}

func (c *testCluster) askBits(serve func()) []client.Result {
	c.t.Helper()
	return c.meanwhile(serve, func(conn *client.Client) ([]client.Result, error) {
		return conn.GetIDValue(c.t.Context(), "bits_per_uid")
	})
}

func TestNodeThatServesItsAgentIsAskedByName(t *testing.T) {
	node, cluster := serveNode(t, "")
	cluster.deployOne(node.greet)
	results := cluster.askBits(func() {
		topic, req := node.request()
		if topic != ownTopic {
			t.Errorf("asked on topic %s", topic)
		}
		if diff := gocmp.Diff([]mgmt.NodeName{"worker-1"}, req.Nodes); diff != "" {
			t.Errorf("nodes asked (-want +got):\n%s", diff)
		}
		node.answer(ownTopic, req.ReqID, "worker-1", "96")
	})
	if len(results) != 1 || results[0].Data != client.Text("96") {
		t.Errorf("answer: %+v", results)
	}
}

func TestWhatOthersSayOnTheClustersBusIsIgnored(t *testing.T) {
	node, cluster := serveNode(t, "")
	cluster.deployOne(func() {
		node.awaitPeer()
		node.say(ownTopic, mgmt.NotifyNodeHello{Node: "worker-10"})
		node.say("zeek/management/node/worker-1/more/", mgmt.NotifyNodeHello{Node: "worker-1"})
		node.say(ownTopic, mgmt.NotifyAgentHello{Instance: "sensor"})
		node.endpoint.Publish(ownTopic, zval.String("no event"))
		node.say(ownTopic, mgmt.NotifyNodeHello{Node: "worker-1"})
	})
	results := cluster.askBits(func() {
		_, req := node.request()
		node.say(ownTopic, mgmt.NotifyDispatches{Node: "worker-2"})
		node.answer(ownTopic, req.ReqID, "worker-2", "2")
		node.answer(ownTopic, req.ReqID, "", "3")
		node.answer("zeek/management/node/worker-1/more/", req.ReqID, "worker-1", "4")
		node.answer(ownTopic, req.ReqID, "worker-1", "96")
	})
	if len(results) != 1 || results[0].Data != client.Text("96") {
		t.Errorf("answer: %+v", results)
	}
}

func TestLostConnectionWithAServingNodeComesBack(t *testing.T) {
	node, cluster := serveNode(t, "")
	cluster.deployOne(node.greet)
	node.awaitRunning()
	results := cluster.askBits(func() {
		node.request()
		node.endpoint.Drop(node.peer, errors.New("test"))
		node.greet()
	})
	if len(results) != 1 || results[0].Error != "connection to cluster node worker-1 lost" {
		t.Errorf("answer: %+v", results)
	}
	node.awaitRunning()
	results = cluster.askBits(func() {
		_, req := node.request()
		node.answer(ownTopic, req.ReqID, "worker-1", "96")
	})
	if len(results) != 1 || !results[0].Success {
		t.Errorf("answer: %+v", results)
	}
}

// warnings is a log whose lines of level Warn a test receives.
type warnings chan string

func (w warnings) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelWarn }
func (w warnings) WithAttrs([]slog.Attr) slog.Handler           { return w }
func (w warnings) WithGroup(string) slog.Handler                { return w }
func (w warnings) Handle(_ context.Context, r slog.Record) error {
	w <- r.Message
	return nil
}

func TestNodeThatIsNotReachedIsWarnedOfOnce(t *testing.T) {
	told := warningsOfANodeThat(t, func(conn net.Conn) {
		conn.Read(make([]byte, 4096)) // so that it is not reset
		conn.Close()                  // it is no WebSocket server
	})
	if told != 1 {
		t.Errorf("told %d times, want once", told)
	}
}

func TestNodeThatResetsConnectionsAsItStartsIsNotWarnedOf(t *testing.T) {
	told := warningsOfANodeThat(t, func(conn net.Conn) {
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	})
	if told != 0 {
		t.Errorf("told %d times, want never", told)
	}
}

// warningsOfANodeThat counts the warnings that an agent logs of a node which it
// does not reach, in five attempts, because the node answers each so.
func warningsOfANodeThat(t *testing.T, answers func(net.Conn)) (told int) {
	t.Helper()
	ln := listen(t)
	cluster := &testCluster{t: t, dir: t.TempDir()}
	saved := cluster.open("agent")
	desired := launchtest.WorkerConfiguration(mgmt.Node{})
	desired.Nodes = desired.Nodes[:1]
	saveAgentState(t, saved, desired)
	attempts := make(chan bool, 1000)
	cluster.inBackground("node", nil, func(ctx context.Context) error {
		context.AfterFunc(ctx, func() { ln.Close() })
		for {
			conn, err := ln.Accept()
			if err != nil {
				return context.Cause(ctx)
			}
			answers(conn)
			attempts <- true
		}
	})
	log, stop := make(warnings, 1000), make(chan struct{})
	cluster.inBackground("agent", stop, func(ctx context.Context) error {
		return daemon.RunAgent(ctx, daemon.AgentConfig{
			Core:      agent.Config{Name: "agent-sensor"},
			Store:     saved,
			Broker:    listen(t),
			Processes: fakeProcesses{proctest.New(proctest.Config{})},
			Launch:    servingNodes{port: portOf(ln)},
			StopNodes: stop,
			Logger:    slog.New(log),
		})
	})
	for range 5 {
		patience.Next(t, attempts, "the agent to connect with the node")
	}
	for len(log) > 0 {
		if <-log == "node not reached" {
			told++
		}
	}
	return told
}

// TestAProgramOfAnotherUserOnANodesPortIsNotAsked has another user's program listen on
// the node's port. It can take the port before the node does.
func TestAProgramOfAnotherUserOnANodesPortIsNotAsked(t *testing.T) {
	node, cluster := serveNodeFor(t, "", func(port uint16) daemon.Callers {
		return daemon.Callers{Owner: func(at, peer netip.AddrPort) (sockowner.Owner, error) {
			if at.Port() == port {
				return sockowner.Owner{UID: sockownertest.Nobody, Inode: 7}, nil
			}
			return sockowner.Of(at, peer)
		}}
	})
	ctx, cancel := context.WithCancel(t.Context())
	var deploying sync.WaitGroup
	defer deploying.Wait()
	defer cancel()
	deploying.Go(func() {
		conn := cluster.client()
		defer conn.Close()
		conn.Stage(ctx, oneNode())
		conn.Deploy(ctx) // waits for a hello that does not count
	})
	node.greet()
	patience.Find(t, node.sub.Events(), "the agent to hang up", is[bus.PeerLost])
	for len(node.changes) > 0 {
		if <-node.changes == mgmt.Running {
			t.Error("the node is RUNNING because another user's program said so")
		}
	}
}
