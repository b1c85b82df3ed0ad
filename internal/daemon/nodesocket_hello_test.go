package daemon

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// helloOf connects with a node that says nothing by itself, and awaits its hello for a time.
func helloOf(t *testing.T, hello time.Duration) (node *bus.Endpoint, happened chan socketEvent) {
	t.Helper()
	node, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	happened = make(chan socketEvent, 1000)
	s := &nodeSocket{
		node: "worker-1", topic: socketTopic("worker-1"), port: uint16(ln.Addr().(*net.TCPAddr).Port),
		log: slog.New(slog.DiscardHandler), ending: new(atomic.Bool), hello: hello,
		screen: func(netip.AddrPort, netip.AddrPort) (bus.Caller, error) { return bus.Caller{}, nil },
		report: func(e socketEvent) bool { happened <- e; return true },
	}
	ctx, cancel := context.WithCancel(t.Context())
	var all sync.WaitGroup
	all.Go(func() { node.ServeWebSocket(ctx, ln, bus.WebSocketConfig{}) })
	all.Go(func() { s.run(ctx) })
	t.Cleanup(func() { cancel(); all.Wait() })
	return node, happened
}

func is[E agent.Event](e socketEvent) bool {
	_, ok := e.event.(E)
	return ok
}

// With ZeroMQ the hello of a node is lost if the manager's proxy is not up yet.
func TestNodeWhoseHelloIsLostIsConnectedWithAgain(t *testing.T) {
	_, happened := helloOf(t, time.Millisecond)
	for range 3 {
		patience.Find(t, happened, "a connection", is[agent.PeerAdded])
		patience.Find(t, happened, "its end", is[agent.PeerLost])
	}
}

func TestNodeThatHasSaidHelloStaysConnected(t *testing.T) {
	node, happened := helloOf(t, time.Hour)
	patience.Find(t, happened, "a connection", is[agent.PeerAdded])
	node.Publish(socketTopic("worker-1"), codec.Encode(mgmt.NotifyNodeHello{Node: "worker-1"}))
	heard := patience.Find(t, happened, "its hello", is[agent.FromNode])
	if heard.session.hello.Stop() {
		t.Error("the connection would end although the node has said hello")
	}
}
