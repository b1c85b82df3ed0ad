package bus_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// pipeDial connects a client of ours to ln.
func pipeDial(t *testing.T, ln *pipeListener, cfg websocket.Config, topics ...string) *websocket.Client {
	t.Helper()
	cfg.Connect = func(context.Context, string) (net.Conn, error) { return ln.dial(), nil }
	c, err := websocket.Dial(t.Context(), "ws://127.0.0.1"+websocket.Path, topics, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestOurClientAnswersPingsWhileNobodyReceives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logText
		e := newEndpoint(t, bus.Config{Logger: slog.New(slog.NewTextHandler(&log, nil))})
		c := pipeDial(t, pipeWebSocket(t, e, bus.WebSocketConfig{}), websocket.Config{}, "a")
		time.Sleep(time.Hour)
		e.Publish("a", event("x"))
		expectMessage(t, c, "a", plainEvent("x"))
		if got := log.take(); got != "" {
			t.Errorf("logged: %s", got)
		}
	})
}

func TestClientSkipsWhatComesBeforeItsRequest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		events := subscribe(t, e, "ask")
		c := pipeDial(t, pipeWebSocket(t, e, bus.WebSocketConfig{}), websocket.Config{ReceiveQueue: 2}, "a")
		next[bus.PeerAdded](t, events)
		c.Skip()
		for range 100 {
			e.Publish("a", event("overheard"))
			time.Sleep(time.Second)
		}
		if err := c.Send(t.Context(), "ask", event("request")); err != nil {
			t.Fatal(err)
		}
		next[bus.Message](t, events)
		e.Publish("a", event("answer"))
		expectMessage(t, c, "a", plainEvent("answer"))
	})
}

func TestWhatIsNotReceivedIsBoundedAndNotLost(t *testing.T) {
	for name, cfg := range map[string]websocket.Config{
		"in messages": {ReceiveQueue: 2},
		"in bytes":    {MaxMessage: 600},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEndpoint(t, bus.Config{})
				c := pipeDial(t, pipeWebSocket(t, e, bus.WebSocketConfig{PingInterval: time.Hour}), cfg, "a")
				synctest.Wait()
				for _, name := range []string{"1", "2", "3", "4", "5", "6"} {
					e.Publish("a", event(name))
				}
				time.Sleep(time.Minute)
				for _, name := range []string{"1", "2", "3", "4", "5", "6"} {
					expectMessage(t, c, "a", plainEvent(name))
				}
			})
		})
	}
}

func TestReceiveEndsWithItsContextAndCanGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		c := pipeDial(t, pipeWebSocket(t, e, bus.WebSocketConfig{}), websocket.Config{}, "a")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, _, err := c.Receive(ctx); err == nil {
			t.Error("received something")
		}
		e.Publish("a", event("x"))
		expectMessage(t, c, "a", plainEvent("x"))
	})
}

// Zeek pings a client also while the client waits for an answer. zeek-client then waits
// without end, for Zeek as for us (docs/decisions/0019).
func TestAClientThatWaitsIsPingedAsByZeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := pipeClient(t, pipeWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{}), `["a"]`)
		w.frame(opPong, "")
		start := time.Now()
		w.frame(opText, eventText("a", "request"))
		for n := 1; n <= 120; n++ {
			w.expect(opPing, fmt.Sprintf("ixwebsocket::heartbeat::5s::%d", n))
			after(t, start, time.Duration(n)*5*time.Second, "ping")
			w.frame(opPong, "")
		}
	})
}

func TestPingsDoNotProlongTheWaitOfOurClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := pipeDial(t, pipeWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{}), websocket.Config{}, "a")
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		start := time.Now()
		if err := c.Send(ctx, "a", event("request")); err != nil {
			t.Fatal(err)
		}
		if _, _, err := c.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Receive: %v", err)
		}
		after(t, start, 20*time.Second, "the end of the wait")
	})
}

func TestReceiveEndsWithTheConnectionWhoeverEndsIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		c := pipeDial(t, pipeWebSocket(t, e, bus.WebSocketConfig{PingInterval: time.Hour}), websocket.Config{ReceiveQueue: 1}, "a")
		synctest.Wait()
		e.Publish("a", event("taken"))
		e.Publish("a", event("without room"))
		synctest.Wait()
		c.Close()
		expectMessage(t, c, "a", plainEvent("taken"))
		if _, _, err := c.Receive(t.Context()); !errors.Is(err, net.ErrClosed) || !c.Lost() {
			t.Errorf("Receive after Close: %v, lost: %v", err, c.Lost())
		}
	})
}
