package node_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"sync"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/node"
)

const topic = "zeek/management/node"

// agent is an agent in a test: an endpoint that nodes dial.
type agent struct {
	t        *testing.T
	addr     string
	endpoint *bus.Endpoint
	sub      *bus.Subscription
	asked    int
}

func newAgent(t *testing.T) *agent {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	a := &agent{t: t, addr: ln.Addr().String(), endpoint: newEndpoint(t)}
	a.sub = a.endpoint.Subscribe(0, topic)
	t.Cleanup(a.sub.Close)
	background(t, func(ctx context.Context) { a.endpoint.Serve(ctx, ln, bus.ListenConfig{}) })
	return a
}

func newEndpoint(t *testing.T) *bus.Endpoint {
	t.Helper()
	e, err := bus.New(bus.Config{Logger: logger(t)})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func logger(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// background runs f until the test calls stop, or ends.
func background(t *testing.T, f func(ctx context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { f(ctx) })
	stop = func() {
		cancel()
		running.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// run runs a node that dials this agent.
func (a *agent) run(cfg node.Config) (stop func()) {
	a.t.Helper()
	cfg.Agent = a.addr
	if cfg.Name == "" {
		cfg.Name = "worker-1"
	}
	cfg.Logger = logger(a.t)
	n, err := node.New(cfg)
	if err != nil {
		a.t.Fatal(err)
	}
	return background(a.t, func(ctx context.Context) {
		if err := n.Run(ctx); err != nil {
			a.t.Errorf("Run: %v", err)
		}
	})
}

// next returns the next event that is M, on the bus or in a message.
func next[M any](a *agent) (M, bus.Peer) {
	a.t.Helper()
	var found M
	var from bus.Peer
	patience.Find(a.t, a.sub.Events(), fmt.Sprintf("a %T", found), func(ev bus.Event) (ok bool) {
		if found, ok = ev.(M); ok {
			return true
		}
		msg, isMessage := ev.(bus.Message)
		if !isMessage {
			return false
		}
		decoded, err := codec.Decode(msg.Value)
		if err != nil {
			a.t.Fatal(err)
		}
		found, ok = decoded.(M)
		from = *msg.From
		return ok
	})
	return found, from
}

// hello waits for a node's hello and returns its peer.
func (a *agent) hello() string {
	a.t.Helper()
	_, from := next[mgmt.NotifyNodeHello](a)
	return from.ID
}

func (a *agent) send(peer string, action []string, nodes ...mgmt.NodeName) mgmt.ReqID {
	a.t.Helper()
	a.asked++
	id := mgmt.ReqID(fmt.Sprint("q", a.asked))
	if !a.endpoint.PublishTo(peer, topic, codec.Encode(mgmt.NodeDispatchRequest{ReqID: id, Action: action, Nodes: nodes})) {
		a.t.Fatalf("request %s was not sent", id)
	}
	return id
}

// answer waits for the next answer to any request.
func (a *agent) answer() mgmt.Result {
	a.t.Helper()
	msg, _ := next[mgmt.NodeDispatchResponse](a)
	if msg.ReqID != msg.Result.ReqID || msg.Result.Node != "worker-1" {
		a.t.Errorf("answer is %+v", msg)
	}
	return msg.Result
}

// ask sends an action and returns the value or the error that comes back.
func (a *agent) ask(peer string, action ...string) string {
	a.t.Helper()
	id := a.send(peer, action)
	res := a.answer()
	if res.ReqID != id {
		a.t.Fatalf("the answer to %s came first, want that to %s", res.ReqID, id)
	}
	if !res.Success {
		return "error: " + res.Error
	}
	return string(res.Data.(mgmt.Text))
}
