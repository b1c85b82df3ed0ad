package bus_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
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
	if m := next[bus.Message](t, atServer); *m.From != dialer || m.Topic != "to/server/1" || m.Value.Text() != "a" {
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

func TestLargeMessagesBetweenSmallOnes(t *testing.T) {
	for name, transport := range map[string]bus.Transport{"plain": bus.TransportPlain, "TLS": bus.TransportTLS} {
		t.Run(name, func(t *testing.T) {
			server, client := newEndpoint(t, bus.Config{}), newEndpoint(t, bus.Config{})
			in, ready := subscribe(t, server, "big"), subscribe(t, client)
			addr, _ := serve(t, server, bus.ListenConfig{})
			dial(t, client, addr, bus.DialConfig{Transport: transport})
			next[bus.PeerAdded](t, in)
			next[bus.PeerAdded](t, ready)
			sizes := []int{0, 3_000_000, 1, 300_000, 262_144, 100, 1_000_000, 5}
			for _, size := range sizes {
				client.Publish("big", text(strings.Repeat("x", size)))
			}
			for i, size := range sizes {
				if got := len(next[bus.Message](t, in).Value.Text()); got != size {
					t.Errorf("message %d has %d bytes, want %d", i, got, size)
				}
			}
		})
	}
}

// TestEverythingAtOnce is for the race detector. Publishers, subscriptions and peers come
// and go at the same time.
func TestEverythingAtOnce(t *testing.T) {
	const messages = 200
	hub := newEndpoint(t, bus.Config{})
	addr, _ := serve(t, hub, bus.ListenConfig{})
	all := hub.Subscribe(10, "up")
	defer all.Close()
	var work sync.WaitGroup
	for i := range 4 {
		leaf := newEndpoint(t, bus.Config{})
		ready := leaf.Subscribe(3*messages, fmt.Sprintf("down/%d", i))
		work.Go(func() {
			defer ready.Close()
			stop := dial(t, leaf, addr, bus.DialConfig{})
			next[bus.PeerAdded](t, ready)
			for n := range messages {
				leaf.Publish("up", text(fmt.Sprint(n)))
				leaf.Subscribe(0, fmt.Sprint("passing/", n%3)).Close()
				hub.Publish(fmt.Sprintf("down/%d", i), text("x"))
				hub.PublishTo(leaf.ID().String(), fmt.Sprintf("down/%d", i), text("y"))
			}
			stop()
		})
	}
	got, lost := map[string]int{}, 0
	for lost < 4 {
		switch ev := take(t, all.Events()).(type) {
		case bus.Message:
			if want := fmt.Sprint(got[ev.From.ID]); ev.Value.Text() != want {
				t.Fatalf("got message %v of %s, want %s", ev.Value, ev.From.ID, want)
			}
			got[ev.From.ID]++
		case bus.PeerLost:
			if lost++; got[ev.Peer.ID] != messages {
				t.Errorf("lost after %d messages because of %v", got[ev.Peer.ID], ev.Err)
			}
		}
	}
	work.Wait()
}
