package bus_test

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"zeekfleet/internal/bus"
)

func TestTwoEndpointsExchangeMessages(t *testing.T) {
	server, client := newEndpoint(t, bus.Config{}), newEndpoint(t, bus.Config{})
	atServer, atClient := subscribe(t, server, "to/server"), subscribe(t, client, "to/client")
	addr, stopServing := serve(t, server, bus.ListenConfig{})
	stopDialing := dial(t, client, addr, bus.DialConfig{})

	added := next[bus.PeerAdded](t, atClient).Peer
	want := bus.Peer{ID: server.ID().String(), Kind: bus.Native, Addr: netip.MustParseAddrPort(addr), Dialed: true}
	if added != want {
		t.Errorf("the client's peer is %+v, want %+v", added, want)
	}
	dialer := next[bus.PeerAdded](t, atServer).Peer
	if dialer.ID != client.ID().String() || dialer.Dialed {
		t.Errorf("the server's peer is %+v", dialer)
	}

	client.Publish("to/server/1", text("a"))
	if m := next[bus.Message](t, atServer); m.From != dialer || m.Topic != "to/server/1" || m.Value.Text() != "a" {
		t.Errorf("server got %+v", m)
	}
	if !server.PublishTo(dialer.ID, "to/client/x", text("b")) {
		t.Error("PublishTo refused a topic that the peer wants")
	}
	if server.PublishTo(dialer.ID, "elsewhere", text("b")) {
		t.Error("PublishTo sent a topic that the peer does not want")
	}
	if m := next[bus.Message](t, atClient); m.Topic != "to/client/x" {
		t.Errorf("client got %+v", m)
	}

	if err := stopDialing(); !errors.Is(err, context.Canceled) {
		t.Errorf("Dial returned %v", err)
	}
	if lost := next[bus.PeerLost](t, atServer); !errors.Is(lost.Err, bus.ErrPeerClosed) {
		t.Errorf("the server lost its peer because of %v", lost.Err)
	}
	if lost := next[bus.PeerLost](t, atClient); !errors.Is(lost.Err, bus.ErrClosed) {
		t.Errorf("the client lost its peer because of %v", lost.Err)
	}
	if err := stopServing(); !errors.Is(err, context.Canceled) {
		t.Errorf("Serve returned %v", err)
	}
}
