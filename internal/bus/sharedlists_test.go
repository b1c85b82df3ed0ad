package bus_test

import (
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// longList returns a vector of n strings of 100 bytes.
func longList(n int) zval.Value {
	elems := make([]zval.Value, n)
	for i := range elems {
		elems[i] = zval.String(strings.Repeat("x", 100))
	}
	return zval.Vector(elems...)
}

func TestSharedListsAreSentAsAnyOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{PingInterval: time.Hour})
		c := pipeDial(t, ln, websocket.Config{}, "a")
		short, long := longList(256), longList(20_000) // of 2.6 MB, in fragments
		for range 2 {
			for _, list := range []zval.Value{short, long, longList(300)} {
				e.Publish("a", event("x", list, zval.Vector(list, zval.Count(1)), zval.String("end")))
				expectMessage(t, c, "a", plainEvent("x", list, zval.Vector(list, zval.Count(1)), zval.String("end")))
			}
			e.Share(event("x", short))
			e.Share(event("x", zval.Vector(zval.Count(1), long)))
		}
	})
}

func TestQueuesOfClientsAreBoundedInBytes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		events := subscribe(t, e)
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{SendQueueBytes: 1 << 20})
		pipeClient(t, ln, `["a"]`)
		peer := next[bus.PeerAdded](t, events).Peer
		list := longList(1000) // 140 kB
		for n := range 7 {
			if !e.PublishTo(peer.ID, "a", event("x", list)) {
				t.Fatalf("message %d was refused", n)
			}
			synctest.Wait()
		}
		if e.PublishTo(peer.ID, "a", event("x", list)) {
			t.Error("an eighth message of 140 kB was taken, want no more than 1 MiB")
		}
		if lost := next[bus.PeerLost](t, events); lost.Err.Error() != "Send queue full" {
			t.Errorf("lost because of %v", lost.Err)
		}
	})
}

func TestWhatMessagesShareCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		events := subscribe(t, e)
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{SendQueueBytes: 1 << 20})
		pipeClient(t, ln, `["a"]`)
		peer := next[bus.PeerAdded](t, events).Peer
		list := longList(1000)
		e.Share(list)
		for n := range 1000 {
			if !e.PublishTo(peer.ID, "a", event("x", list)) {
				t.Fatalf("message %d was refused", n)
			}
		}
	})
}

func TestWhoHasMostWaitingGoesFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{UnsentBytes: 1 << 20})
		events := subscribe(t, e)
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{})
		var ids []string
		for range 3 {
			pipeClient(t, ln, `["a"]`)
			ids = append(ids, next[bus.PeerAdded](t, events).Peer.ID)
		}
		list := longList(1000)
		for _, n := range []int{0, 1, 1, 1, 1, 2, 2} { // 140 kB each
			e.PublishTo(ids[n], "a", event("x", list))
		}
		synctest.Wait()
		if n := len(events.Events()); n != 0 {
			t.Fatalf("%d events below the limit", n)
		}
		e.PublishTo(ids[2], "a", event("x", list))
		e.PublishTo(ids[0], "a", event("x", list))
		lost := next[bus.PeerLost](t, events)
		if lost.Peer.ID != ids[1] || !strings.Contains(lost.Err.Error(), "too much waits to be sent") {
			t.Errorf("lost %s because of %v, want %s", lost.Peer.ID, lost.Err, ids[1])
		}
	})
}

func TestAnswersArePaidFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{Pace: pace})
		events := subscribe(t, e, "ask")
		w := pipeClient(t, pipeWebSocket(t, e, bus.WebSocketConfig{}), `["a"]`)
		peer := next[bus.PeerAdded](t, events).Peer
		go func() {
			for {
				if _, _, err := w.next(); err != nil {
					return
				}
			}
		}()
		// Each answer has 1.4 MB, and costs 85 of the 100 that all newcomers share.
		list := longList(10_000)
		e.Share(list)
		start := time.Now()
		var at []time.Duration
		for range 4 {
			w.frame(opText, eventText("ask", "x"))
			next[bus.Message](t, events)
			at = append(at, time.Since(start).Round(100*time.Millisecond))
			e.Reply(peer.ID, "a", event("x", list))
		}
		if at[1] != 0 || at[2] < 700*time.Millisecond || at[3] < at[2]+700*time.Millisecond {
			t.Errorf("requests were taken after %v, want all but the first two to wait for the answers before", at)
		}
		w.c.Close()
	})
}

func TestRequestsThatHaveToWaitAreDroppedWithTheirClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logText
		e := newEndpoint(t, bus.Config{Pace: pace, Logger: log.logger()})
		events := subscribe(t, e, "ask")
		w := pipeClient(t, pipeWebSocket(t, e, bus.WebSocketConfig{ReceiveQueue: 1000}), `[]`)
		next[bus.PeerAdded](t, events)
		go func() {
			io.WriteString(w.c, strings.Repeat(maskedFrame(opText, eventText("ask", "x")), 200))
			w.c.Close()
		}()
		taken := 0
		for {
			ev := take(t, events.Events())
			if _, gone := ev.(bus.PeerLost); gone {
				break
			}
			taken++
		}
		if taken < 10 || taken > 30 {
			t.Errorf("%d of 200 requests were taken, want little more than the 10 that are allowed at once", taken)
		}
		if got, want := log.take(), fmt.Sprintf("events=%d\n", 200-taken); !strings.Contains(got, want) {
			t.Errorf("logged %s, want %s in it", got, want)
		}
	})
}

func TestOthersOverhearNoLongAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{SendQueueBytes: 1 << 20})
		c := pipeDial(t, ln, websocket.Config{}, "a")
		e.Reply("another", "a", event("long", longList(1000)))
		e.Reply("another", "a", event("short"))
		expectMessage(t, c, "a", plainEvent("short"))
	})
}
