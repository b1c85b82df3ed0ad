package bus_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// begin sends the first bytes of a frame that is longer.
func (p *rawPeer) begin(whole []byte, bytes int) (rest []byte) {
	p.t.Helper()
	p.send(whole[:bytes])
	synctest.Wait()
	return whole[bytes:]
}

// connected reports whether the connection is open. The endpoint must not be sending.
func (p *rawPeer) connected() bool {
	conn := p.conn.(net.Conn)
	conn.SetReadDeadline(time.Now())
	defer conn.SetReadDeadline(time.Time{})
	_, err := conn.Read(make([]byte, 1))
	return errors.Is(err, os.ErrDeadlineExceeded)
}

func TestPeerWithTheLargestUnfinishedMessageIsDroppedForTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		// The part of a buffer beyond 256 KiB counts. A buffer doubles when it is full.
		e := newEndpoint(t, bus.Config{ID: middleID, LargeBytes: 1 << 20})
		events := subscribe(t, e, "news")
		ln, _ := servePipe(t, e)
		greedy := connectPeer(t, ln, bus.NewID())
		others := []*rawPeer{connectPeer(t, ln, bus.NewID()), connectPeer(t, ln, bus.NewID())}
		for range 3 {
			next[bus.PeerAdded](t, events)
		}
		message := text(strings.Repeat("x", 2<<20))
		greedy.begin(greedy.data("news", message), 700<<10) // 768 KiB
		rest := others[0].begin(others[0].data("news", message), 300<<10)
		if n := len(events.Events()); n != 0 {
			t.Fatalf("%d events at the limit", n)
		}
		others[1].begin(others[1].data("news", message), 300<<10)
		if lost := next[bus.PeerLost](t, events); lost.Peer.ID != greedy.id.String() || !strings.Contains(lost.Err.Error(), "too many large messages") {
			t.Errorf("lost %v because of %v", lost.Peer, lost.Err)
		}
		others[1].conn.Close()
		next[bus.PeerLost](t, events)
		others[0].send(rest)
		if got := next[bus.Message](t, events); got.Value.Text() != message.Text() {
			t.Errorf("the message that was let through is %d bytes long", len(got.Value.Text()))
		}
	})
}

func TestLargeMessageAloneIsTakenWhateverTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID, LargeBytes: 1})
		events := subscribe(t, e, "news")
		ln, _ := servePipe(t, e)
		for range 2 { // the first one no longer counts when it was delivered
			p := connectPeer(t, ln, bus.NewID())
			next[bus.PeerAdded](t, events)
			p.send(p.data("news", text(strings.Repeat("x", 2<<20))))
			next[bus.Message](t, events)
			p.send(p.data("news", text("small")))
			next[bus.Message](t, events)
			p.conn.Close()
			next[bus.PeerLost](t, events)
		}
	})
}

func TestClientWithTheLargestUnfinishedMessageIsDropped(t *testing.T) {
	for name, tt := range map[string]struct{ first, second int }{
		"the first to come":  {80 << 10, 50 << 10},
		"the second to come": {50 << 10, 80 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, bus.Config{LargeBytes: 100 << 10})
			addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{})
			first, second := rawClient(t, addr, `["a"]`), rawClient(t, addr, `["a"]`)
			const header = "\x01\xff\x00\x00\x00\x00\x00\x10\x00\x00mask" // a fragment of a MiB
			first.write(header + strings.Repeat("x", tt.first))
			second.write(header + strings.Repeat("x", tt.second))
			dropped := first
			if tt.second > tt.first {
				dropped = second
			}
			dropped.expectClose(1013, "too many large messages at a time, and this is the largest")
		})
	}
}

func TestLargeMessagesAreDecodedOneAfterTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID})
		events := e.Subscribe(1, "news")
		defer events.Close()
		ln, _ := servePipe(t, e)
		var peers []*rawPeer
		for range 3 {
			peers = append(peers, connectPeer(t, ln, bus.NewID()))
			next[bus.PeerAdded](t, events)
		}
		large := text(strings.Repeat("x", 64<<10))
		broken := wire.AppendDataHeader(nil, peers[2].id, "news", 64<<10)
		broken = append(broken, bytes.Repeat([]byte{0xff}, 64<<10)...)
		peers[0].send(peers[0].data("news", large)) // fills the queue
		synctest.Wait()
		peers[1].send(peers[1].data("news", large)) // waits for room in the queue, and has the turn meanwhile
		synctest.Wait()
		peers[2].send(broken)
		synctest.Wait()
		if !peers[2].connected() {
			t.Fatal("a large message was decoded out of turn")
		}
		next[bus.Message](t, events)
		next[bus.Message](t, events)
		if lost := next[bus.PeerLost](t, events); lost.Peer.ID != peers[2].id.String() {
			t.Errorf("lost %v", lost.Peer)
		}
	})
}

func TestOnLocalTopicsClientsOverhearEachOtherAndNotNativePeers(t *testing.T) {
	e := newEndpoint(t, bus.Config{ID: middleID, LocalTopics: []string{"private"}})
	sub := subscribe(t, e, "private")
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{})
	native, _ := serve(t, e, bus.ListenConfig{})
	back := newEndpoint(t, bus.Config{})
	atBack := subscribe(t, back, "")
	dial(t, back, native, bus.DialConfig{})
	next[bus.PeerAdded](t, sub)
	next[bus.PeerAdded](t, atBack)
	sender, other := dialWebSocket(t, addr, ""), dialWebSocket(t, addr, "")
	next[bus.PeerAdded](t, sub)
	next[bus.PeerAdded](t, sub)

	if err := sender.Send(t.Context(), "private/a", event("from a client")); err != nil {
		t.Fatal(err)
	}
	next[bus.Message](t, sub)
	expectMessage(t, other, "private/a", plainEvent("from a client"))
	back.Publish("private/b", event("from a peer"))
	next[bus.Message](t, sub)
	e.Publish("private/c", event("from here"))
	expectMessage(t, sender, "private/c", plainEvent("from here"))
	expectMessage(t, other, "private/c", plainEvent("from here"))
	if got := next[bus.Message](t, atBack); got.Topic != "private/c" {
		t.Errorf("got %+v", got)
	}
}
