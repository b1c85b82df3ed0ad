package bus_test

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func TestClientEventsReachEverybodyElse(t *testing.T) {
	e := newEndpoint(t, bus.Config{})
	sub := subscribe(t, e, "a/")
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{})
	sender := dialWebSocket(t, addr, "a")
	twice := dialWebSocket(t, addr, "a", "a/b", "")
	elsewhere := dialWebSocket(t, addr, "b")

	if err := sender.Send(t.Context(), "a/b", event("first")); err != nil {
		t.Fatal(err)
	}
	expectMessage(t, twice, "a/b", plainEvent("first"))
	for range 3 {
		next[bus.PeerAdded](t, sub)
	}
	if got := next[bus.Message](t, sub); got.From.ID != sender.Endpoint() || got.Topic != "a/b" {
		t.Errorf("got %+v", got)
	}
	// The first thing that the others and the sender itself see comes later.
	e.Publish("a/z", event("second"))
	e.Publish("b", event("third"))
	expectMessage(t, sender, "a/z", plainEvent("second"))
	expectMessage(t, twice, "a/z", plainEvent("second"))
	expectMessage(t, elsewhere, "b", plainEvent("third"))
}

func TestNativePeersAndClientsReachEachOther(t *testing.T) {
	front, back := newEndpoint(t, bus.Config{}), newEndpoint(t, bus.Config{})
	atFront, atBack := subscribe(t, front, "up"), subscribe(t, back, "down")
	native, _ := serve(t, front, bus.ListenConfig{})
	dial(t, back, native, bus.DialConfig{})
	next[bus.PeerAdded](t, atFront)
	next[bus.PeerAdded](t, atBack)

	addr, _ := serveWebSocket(t, front, bus.WebSocketConfig{})
	client := dialWebSocket(t, addr, "up")
	next[bus.PeerAdded](t, atFront)
	if err := client.Send(t.Context(), "down", plainEvent("x", zval.Count(1))); err != nil {
		t.Fatal(err)
	}
	if got := next[bus.Message](t, atBack); got.From.ID != front.ID().String() || !zval.Equal(got.Value, plainEvent("x", zval.Count(1))) {
		t.Errorf("got %+v", got)
	}
	back.Publish("up", event("y"))
	expectMessage(t, client, "up", plainEvent("y"))
}

func TestClientIsAPeer(t *testing.T) {
	e := newEndpoint(t, bus.Config{})
	sub := subscribe(t, e)
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{})
	c, err := websocket.Dial(t.Context(), "ws://"+addr+websocket.Path, []string{"a"},
		websocket.Config{App: "test/1"})
	if err != nil {
		t.Fatal(err)
	}
	got := next[bus.PeerAdded](t, sub).Peer
	if got.Addr.Addr() != netip.MustParseAddr("127.0.0.1") || got.Addr.Port() == 0 {
		t.Errorf("got address %s", got.Addr)
	}
	want := bus.Peer{ID: c.Endpoint(), Kind: bus.WebSocket, Addr: got.Addr, App: "test/1"}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("peer (-want +got):\n%s", diff)
	}

	if !e.PublishTo(c.Endpoint(), "a/x", event("for you")) {
		t.Error("PublishTo its topic reports false")
	}
	if e.PublishTo(c.Endpoint(), "b", event("not for you")) {
		t.Error("PublishTo another topic reports true")
	}
	expectMessage(t, c, "a/x", plainEvent("for you"))

	c.Close()
	lost := next[bus.PeerLost](t, sub)
	if lost.Peer != got || lost.Err == nil || !strings.Contains(lost.Err.Error(), "code 1000") {
		t.Errorf("got %+v", lost)
	}
}

func TestDroppedClientIsToldWhy(t *testing.T) {
	e := newEndpoint(t, bus.Config{})
	sub := subscribe(t, e)
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{})
	w := rawClient(t, addr, "[]")
	peer := next[bus.PeerAdded](t, sub).Peer
	reason := strings.Repeat("é", 100)
	e.Drop(peer.ID, errors.New(reason))
	w.expectClose(1008, strings.Repeat("é", 61)) // 123 bytes and no half rune
	if lost := next[bus.PeerLost](t, sub); lost.Err.Error() != reason {
		t.Errorf("got %v", lost.Err)
	}
}

func TestClientBeyondMaxPeersIsRefused(t *testing.T) {
	e := newEndpoint(t, bus.Config{MaxPeers: 1})
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{})
	dialWebSocket(t, addr)
	w := rawUpgrade(t, addr, "/v1/messages/json")
	w.frame(opText, "[]")
	w.expectClose(1011, "Could not subscribe. Something bad happened!")
}

func TestServeWebSocketRefusesNegativeLimits(t *testing.T) {
	e := newEndpoint(t, bus.Config{})
	err := e.ServeWebSocket(t.Context(), listen(t), bus.WebSocketConfig{MaxClients: -1, PingInterval: -1})
	if err == nil || !strings.Contains(err.Error(), "MaxClients is negative") || !strings.Contains(err.Error(), "PingInterval is negative") {
		t.Errorf("got %v", err)
	}
}

func TestServeWebSocketReportsAListenerThatFails(t *testing.T) {
	ln := listen(t)
	ln.Close()
	if err := newEndpoint(t, bus.Config{}).ServeWebSocket(context.WithoutCancel(t.Context()), ln, bus.WebSocketConfig{}); err == nil {
		t.Error("no error")
	}
}
