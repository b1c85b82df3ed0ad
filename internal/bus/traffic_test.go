package bus_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// A peer's filters and pings are no messages. A message that nobody wants is one.
func TestWhatConnectionsHaveCarried(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		e := newEndpoint(t, bus.Config{ID: middleID, SendQueue: 100})
		events := subscribe(t, e, "wanted")
		native, _ := servePipe(t, e)
		clients := pipeWebSocket(t, e, bus.WebSocketConfig{SendQueue: 50})
		peer := connectPeer(t, native, largeID, "wanted/by-peer")
		next[bus.PeerAdded](t, events)
		time.Sleep(time.Second)
		client := pipeDial(t, clients, websocket.Config{}, "wanted/by-client")
		next[bus.PeerAdded](t, events)

		peer.send(peer.data("elsewhere", event("unwanted")))
		for range 3 {
			peer.send(peer.data("wanted/x", event("from the peer")))
			next[bus.Message](t, events)
		}
		if err := client.Send(t.Context(), "wanted/by-peer", event("from the client")); err != nil {
			t.Fatal(err)
		}
		next[bus.Message](t, events)
		e.Publish("wanted/by-client", event("for the client"))
		e.Publish("wanted/by-nobody", event("for nobody"))
		e.PublishTo(largeID.String(), "wanted/by-peer", event("for the peer"))

		want := []bus.Traffic{
			{Since: began, Sent: 2, Received: 4, Limit: 100},
			{Since: began.Add(time.Second), Sent: 1, Received: 1, Limit: 50},
		}
		got := e.Peers()
		if len(got) != 2 || got[0].ID != largeID.String() || got[1].Kind != bus.WebSocket {
			t.Fatalf("got %+v", got)
		}
		for i := range got {
			got[i].Peer, got[i].Queued = bus.Peer{}, 0
			if got[i] != want[i] {
				t.Errorf("got %+v, want %+v", got[i], want[i])
			}
		}
	})
}

func TestWhatWaitsAndWhatIsNotOverheardIsCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{SendQueue: 16, PingInterval: time.Hour})
		pipeDial(t, ln, websocket.Config{ReceiveQueue: 1}, "a")
		synctest.Wait()
		for range 20 { // some of them are taken before the client has fallen behind
			e.Reply("another", "a", event("answer"))
			synctest.Wait()
		}
		got := e.Peers()
		if len(got) != 1 || got[0].Queued != 2 || got[0].Limit != 16 || got[0].Lost == 0 || got[0].Sent+got[0].Lost != 20 {
			t.Errorf("got %+v", got)
		}
	})
}
