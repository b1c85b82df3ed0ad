package bus_test

import (
	"context"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// newEndpoint returns an endpoint that logs to the test.
func newEndpoint(t testing.TB, cfg bus.Config) *bus.Endpoint {
	t.Helper()
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	}
	e, err := bus.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// background runs f with a context that ends with the test, which waits for it.
// The function returned ends it earlier and returns f's error.
func background(t testing.TB, f func(ctx context.Context) error) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	var err error
	running.Go(func() { err = f(ctx) })
	stop = func() error {
		cancel()
		running.Wait()
		return err
	}
	t.Cleanup(func() { stop() })
	return stop
}

// listen opens a loopback port.
func listen(t testing.TB) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// serve runs e's native listener on a loopback port and returns its address.
func serve(t testing.TB, e *bus.Endpoint, cfg bus.ListenConfig) (addr string, stop func() error) {
	t.Helper()
	ln := listen(t)
	return ln.Addr().String(), background(t, func(ctx context.Context) error { return e.Serve(ctx, ln, cfg) })
}

// dial keeps a peering of e with addr.
func dial(t testing.TB, e *bus.Endpoint, addr string, cfg bus.DialConfig) (stop func() error) {
	t.Helper()
	return background(t, func(ctx context.Context) error { return e.Dial(ctx, addr, cfg) })
}

// subscribe subscribes until the end of the test.
func subscribe(t testing.TB, e *bus.Endpoint, prefixes ...string) *bus.Subscription {
	t.Helper()
	s := e.Subscribe(0, prefixes...)
	t.Cleanup(s.Close)
	return s
}

// patience bounds every wait of a test. It is far more than a busy machine needs.
const patience = 2 * time.Minute

// take returns the next value of ch.
func take[T any](t testing.TB, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		var none T
		t.Fatalf("no %T within %v", none, patience)
		return none
	}
}

// next returns the next event of s, which must be an E.
func next[E bus.Event](t testing.TB, s *bus.Subscription) E {
	t.Helper()
	ev := take(t, s.Events())
	e, ok := ev.(E)
	if !ok {
		t.Fatalf("got event %T %+v, want %T", ev, ev, e)
	}
	return e
}

func text(s string) zval.Value { return zval.String(s) }
