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

// greedy is the number of clients or peers that name as many topics as they may.
const greedy = 66

// roomForTopics bounds the memory for all of them: the 64 KiB of topics of each, what
// refers to them, and the buffers of both ends of each connection. Before topics were
// bounded, clients took 558 MiB and peers took 676 MiB, twenty times as much.
const roomForTopics = greedy * 8 * wire.MaxFilterBytes

// manyTopics returns as many topics, with as many bytes, as one client may name.
func manyTopics(seed int) []string {
	topics := make([]string, wire.MaxFilterEntries)
	for i := range topics {
		topic := fmt.Sprintf("%02d/%04d/", seed, i)
		topics[i] = topic + strings.Repeat("x", wire.MaxFilterBytes/wire.MaxFilterEntries-len(topic))
	}
	return topics
}

// heldBytes returns the bytes that are in use after a garbage collection.
func heldBytes() int64 {
	runtime.GC()
	runtime.GC() // frees what finalizers and pools have released
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

// The clients of this test write each letter of their topics as an escape of six bytes.
// If the server kept a part of their messages in memory, each would take 400 KB.
func TestTopicsOfManyClientsTakeBoundedRoom(t *testing.T) {
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{})
	rawClient(t, addr, `["a"]`) // makes everything that is made only once
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

// The peers of this test announce other topics again and again. Only the last ones are
// kept.
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
