package bus_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// pipeClient is rawClient in a bubble. It reads its own pings.
func pipeClient(t *testing.T, ln *pipeListener, topics string) *rawWS {
	t.Helper()
	w := newRawWS(t, ln.dial())
	w.upgrade("/v1/messages/json")
	w.expect(opPing, "ixwebsocket::heartbeat::5s::0")
	w.frame(opText, topics)
	if got := w.text(); !strings.HasPrefix(got, `{"type":"ack",`) {
		t.Fatalf("got %s, want an ack", got)
	}
	return w
}

func TestPings(t *testing.T) {
	tests := map[string]struct {
		answer func(w *rawWS, n int) // to ping n
		pings  int
	}{
		"a client that never answers gets one ping": {func(*rawWS, int) {}, 1},
		"a client that answers gets one every five seconds": {func(w *rawWS, n int) {
			if n < 4 {
				w.frame(opPong, fmt.Sprintf("ixwebsocket::heartbeat::5s::%d", n))
			}
		}, 5},
		"any pong counts": {func(w *rawWS, n int) {
			if n < 2 {
				w.frame(opPong, "")
			}
		}, 3},
		"data does not count": {func(w *rawWS, n int) { w.frame(opText, "[]") }, 1},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := pipeWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{})
				w := newRawWS(t, ln.dial())
				w.upgrade("/v1/messages/json")
				start := time.Now()
				for n := range tt.pings {
					w.expect(opPing, fmt.Sprintf("ixwebsocket::heartbeat::5s::%d", n))
					if got, want := time.Since(start), time.Duration(n)*5*time.Second; got != want {
						t.Errorf("ping %d after %v, want exactly %v", n, got, want)
					}
					tt.answer(w, n)
				}
				first, payload, err := w.next()
				if first == opText { // the ack, for the row that sends topics
					first, payload, err = w.next()
				}
				if err != nil || first != opClose || payload != closePayload(1011, "Ping timeout") {
					t.Fatalf("got frame %#x %q, error %v", first, payload, err)
				}
				if got, want := time.Since(start), time.Duration(tt.pings)*5*time.Second; got != want {
					t.Errorf("closed after %v, want exactly %v", got, want)
				}
			})
		})
	}
}

func TestClientIsNotBlamedForAPongBehindItsOwnData(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		sub := e.Subscribe(1, "a") // is not read for a while
		defer sub.Close()
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{ReceiveQueue: 2})
		w := pipeClient(t, ln, "[]")
		go func() {
			for range 20 {
				w.c.Write([]byte(maskedFrame(opText, eventText("a", "x"))))
			}
			w.c.Write([]byte(maskedFrame(opPong, "")))
		}()
		for n := 1; n <= 3; n++ { // none of them answered
			w.expect(opPing, fmt.Sprintf("ixwebsocket::heartbeat::5s::%d", n))
		}
		next[bus.PeerAdded](t, sub)
		for range 20 {
			next[bus.Message](t, sub)
		}
		w.expect(opPing, "ixwebsocket::heartbeat::5s::4")
		w.expectClose(1011, "Ping timeout") // from now on the client is blamed
	})
}

func TestClientThatTakesNothingIsDroppedAfterThePingInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		sub := subscribe(t, e)
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{PingInterval: 7 * time.Second})
		w := newRawWS(t, ln.dial())
		w.upgrade("/v1/messages/json")
		w.expect(opPing, "ixwebsocket::heartbeat::7s::0")
		w.frame(opText, `["a"]`)
		w.text()
		start := time.Now()
		e.Publish("a", event("x")) // a pipe has no buffer, so the write is stuck
		next[bus.PeerAdded](t, sub)
		lost := next[bus.PeerLost](t, sub)
		if got := time.Since(start); got != 7*time.Second {
			t.Errorf("dropped after %v, want exactly 7s", got)
		}
		if lost.Err.Error() != "Send timeout" {
			t.Errorf("got %v", lost.Err)
		}
	})
}

func TestSlowClientIsDroppedAtItsQueueLimitAndDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const queue = 8
		e := newEndpoint(t, bus.Config{})
		sub := subscribe(t, e)
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{SendQueue: queue})
		slow, quick := pipeClient(t, ln, `["a"]`), pipeClient(t, ln, `["a"]`)
		synctest.Wait()
		start := time.Now()
		// One message is being written to the slow client, the queue is full, and one
		// message is too many.
		for n := range queue + 2 {
			e.Publish("a", event(fmt.Sprint(n)))
			if got := quick.text(); !strings.Contains(got, fmt.Sprintf(`"data":"%d"`, n)) {
				t.Errorf("the quick client got %s", got)
			}
			synctest.Wait()
		}
		if time.Since(start) != 0 {
			t.Errorf("the quick client waited %v", time.Since(start))
		}
		if got := slow.text(); !strings.Contains(got, `"data":"0"`) {
			t.Errorf("the slow client got %s", got)
		}
		if got := slow.text(); got != failure("send_queue_full", "Send queue full - the client reads too slowly") {
			t.Errorf("the slow client got %s", got)
		}
		slow.expectClose(1013, "Send queue full")
		next[bus.PeerAdded](t, sub)
		next[bus.PeerAdded](t, sub)
		next[bus.PeerLost](t, sub)
	})
}

func TestSlowClientThatReadsNothingIsCutSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		sub := subscribe(t, e)
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{SendQueue: 1})
		pipeClient(t, ln, `["a"]`)
		next[bus.PeerAdded](t, sub)
		start := time.Now()
		for range 3 {
			e.Publish("a", event("x"))
			synctest.Wait()
		}
		next[bus.PeerLost](t, sub)
		if got := time.Since(start); got != time.Second {
			t.Errorf("cut after %v, want exactly 1s", got)
		}
	})
}

func TestClientThatDoesNotReadItsErrorsDelaysItselfAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{SendQueue: 2, ReceiveQueue: 2})
		deaf, other := pipeClient(t, ln, `[]`), pipeClient(t, ln, `["a"]`)
		go func() {
			for range 20 {
				deaf.c.Write([]byte(maskedFrame(opText, "x")))
			}
		}()
		synctest.Wait()
		e.Publish("a", event("x"))
		if got := other.text(); !strings.Contains(got, `"data":"x"`) {
			t.Errorf("got %s", got)
		}
		for n := range 20 {
			if got := deaf.text(); got != failure("deserialization_failed", "failed to decode JSON object") {
				t.Errorf("answer %d is %s", n, got)
			}
		}
	})
}

func TestStoppingServerFlushesAndSaysTerminating(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		ln := newPipeListener()
		reason := errors.New("enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		served := make(chan error, 1)
		go func() { served <- e.ServeWebSocket(ctx, ln, bus.WebSocketConfig{}) }()

		reads, deaf, silent, begun := pipeClient(t, ln, `["a"]`), pipeClient(t, ln, `["a"]`), newRawWS(t, ln.dial()), newRawWS(t, ln.dial())
		silent.upgrade("/v1/messages/json")
		silent.expect(opPing, "ixwebsocket::heartbeat::5s::0")
		begun.write("GET ")
		for range 5 {
			e.Publish("a", event("x"))
		}
		start := time.Now()
		cancel(reason)
		for range 5 {
			if got := reads.text(); !strings.Contains(got, `"data":"x"`) {
				t.Errorf("got %s", got)
			}
		}
		reads.expectClose(1001, "Terminating")
		silent.expectClose(1001, "Terminating")
		begun.expectEnd()
		if err := take(t, served); err != reason {
			t.Errorf("got %v, want %v", err, reason)
		}
		if got := time.Since(start); got > 1300*time.Millisecond {
			t.Errorf("stopped after %v, want at most 1.3s", got)
		}
		deaf.c.Close()
	})
}

func TestClientThatDoesNotAnswerItsCloseIsCutAfter300ms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := pipeWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{})
		w := newRawWS(t, ln.dial())
		w.upgrade("/elsewhere")
		w.text()
		start := time.Now()
		w.expect(opClose, closePayload(1008, "Invalid URI - use /v1/messages/json"))
		w.expectEnd()
		if got := time.Since(start); got != 300*time.Millisecond {
			t.Errorf("cut after %v, want exactly 300ms", got)
		}
	})
}
