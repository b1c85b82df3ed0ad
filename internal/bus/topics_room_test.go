package bus_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// greedy is how many clients or peers name all the topics that they may.
const greedy = 66

// roomForTopics bounds what they may take together: each its 64 KiB of text, what
// keeps that, and the buffers of its connection, at both ends. Without bounds it was
// 558 MiB with clients and 676 MiB with peers; it is a twentieth.
const roomForTopics = greedy * 8 * wire.MaxFilterBytes

// manyTopics are as many topics, of as many bytes together, as one may name.
func manyTopics(seed int) []string {
	topics := make([]string, wire.MaxFilterEntries)
	for i := range topics {
		topic := fmt.Sprintf("%02d/%04d/", seed, i)
		topics[i] = topic + strings.Repeat("x", wire.MaxFilterBytes/wire.MaxFilterEntries-len(topic))
	}
	return topics
}

// heldBytes returns what is reachable, after a collection.
func heldBytes() int64 {
	runtime.GC()
	runtime.GC() // what finalizers and pools let go of
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func wantRoom(t *testing.T, before int64) {
	t.Helper()
	held := heldBytes() - before
	t.Logf("%d KiB are held", held>>10)
	if held > roomForTopics {
		t.Errorf("%d bytes are held, want at most %d", held, roomForTopics)
	}
	if held < greedy*wire.MaxFilterBytes/2 {
		t.Errorf("%d bytes are held: these are not all topics", held)
	}
}

// TestTopicsOfManyClientsTakeBoundedRoom has clients that write each letter of
// their topics in six, and so keep a message of 400 KB each if any of it is kept.
func TestTopicsOfManyClientsTakeBoundedRoom(t *testing.T) {
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{})
	rawClient(t, addr, `["a"]`) // what is made once is there
	before := heldBytes()
	for i := range greedy {
		text := `["` + strings.Join(manyTopics(i), `","`) + `"]`
		rawClient(t, addr, strings.ReplaceAll(text, "x", `\u0078`))
	}
	wantRoom(t, before)

	// One byte more is refused, and so is one topic more.
	for _, more := range []string{`x"]`, `","x"]`} {
		w := rawUpgrade(t, addr, "/v1/messages/json")
		w.expect(opPing, "ixwebsocket::heartbeat::5s::0")
		w.frame(opText, `["`+strings.Join(manyTopics(0), `","`)+more)
		if got := w.text(); !strings.Contains(got, "too_many_subscriptions") {
			t.Errorf("got %s", got)
		}
	}
}

// TestTopicsOfManyPeersTakeBoundedRoom has peers that announce them anew again and
// again: what they announced last is kept.
func TestTopicsOfManyPeersTakeBoundedRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: smallID})
		ln, _ := servePipe(t, e)
		connectPeer(t, ln, middleID, "a")
		before := heldBytes()
		for i := range greedy {
			p := connectPeer(t, ln, bus.ID{0x44, byte(i), 6: 0x40, 8: 0x80}, manyTopics(i)...)
			for again := range 3 {
				p.send(wire.AppendRoutingUpdate(nil, p.id, e.ID(), wire.NewFilter(manyTopics(i+again)...)))
			}
			synctest.Wait()
		}
		wantRoom(t, before)
	})
}
