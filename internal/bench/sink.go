package bench

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// receivers are the subscribers of a flow. They confirm a chunk when all of them have it.
type receivers struct {
	addr        string
	secret      bool
	subscribers int
	chunk       int
	dir         string

	received atomic.Int64

	mu     sync.Mutex
	chunks []int // of each subscriber
	behind int   // chunks that all subscribers have
}

// sink is the helper that receives the events of a flow, and tells their rate.
func sink(ctx context.Context, args []string, stdout io.Writer) error {
	if len(args) != 6 {
		return fmt.Errorf("sink: %d arguments", len(args))
	}
	r := &receivers{addr: args[1], secret: args[2] == "true", dir: args[5]}
	r.subscribers, _ = strconv.Atoi(args[3])
	r.chunk, _ = strconv.Atoi(args[4])
	r.chunks = make([]int, r.subscribers)
	ctx, cancel := context.WithCancel(ctx)
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel()
	failed := make(chan error, r.subscribers)
	ready := make(chan struct{}, r.subscribers)
	receive := r.native
	if args[0] == "websocket" {
		receive = r.webSocket
	}
	for i := range r.subscribers {
		parts.Go(func() { failed <- receive(ctx, i, ready) })
	}
	for range r.subscribers {
		select {
		case <-ready:
		case err := <-failed:
			return err
		}
	}
	fmt.Fprintln(stdout, "ready")
	tick := time.NewTicker(peeringWindow)
	defer tick.Stop()
	last, began := int64(0), time.Now()
	for {
		select {
		case err := <-failed:
			return err
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		all, now := r.received.Load(), time.Now()
		if all > 0 {
			fmt.Fprintf(stdout, "rate %.0f\n", float64(all-last)/now.Sub(began).Seconds())
		}
		last, began = all, now
	}
}

// took notes that a subscriber has received n events, and says whether that completes a
// chunk for all subscribers.
func (r *receivers) took(subscriber, n int) (complete bool) {
	r.received.Add(1)
	if n%r.chunk != 0 {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chunks[subscriber]++
	least := r.chunks[0]
	for _, c := range r.chunks {
		least = min(least, c)
	}
	complete = least > r.behind
	r.behind = least
	return complete
}

// warnings logs what goes wrong in a peering.
func warnings() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
}

func confirmation() zval.Value { return wire.Event{Name: "Bench::received"}.Value() }

// native receives through a native peering.
func (r *receivers) native(ctx context.Context, subscriber int, ready chan<- struct{}) (err error) {
	cfg := bus.Config{Logger: warnings(), GoodbyeTimeout: 10 * time.Millisecond} // nobody reads at the end
	dial := bus.DialConfig{Transport: bus.TransportPlain}
	if r.secret {
		dial.Transport = bus.TransportTLS
		if cfg.TLS, err = bus.LoadTLS(peeringFiles(r.dir)); err != nil {
			return err
		}
	}
	endpoint, err := bus.New(cfg)
	if err != nil {
		return err
	}
	sub := endpoint.Subscribe(4096, "bench/")
	defer sub.Close()
	ctx, cancel := context.WithCancel(ctx)
	dialed := make(chan error, 1)
	go func() { dialed <- endpoint.Dial(ctx, r.addr, dial) }()
	defer func() {
		cancel()
		<-dialed
	}()
	for n := 0; ; {
		var ev bus.Event
		select {
		case <-ctx.Done():
			return nil
		case ev = <-sub.Events():
		}
		switch ev := ev.(type) {
		case bus.PeerAdded:
			ready <- struct{}{}
		case bus.PeerLost:
			if ctx.Err() == nil {
				return fmt.Errorf("the publisher was lost: %w", ev.Err)
			}
		case bus.Message:
			if n++; r.took(subscriber, n) {
				endpoint.Publish(chunkTopic, confirmation())
			}
		}
	}
}

// webSocket receives as a client of the WebSocket API.
func (r *receivers) webSocket(ctx context.Context, subscriber int, ready chan<- struct{}) error {
	url, cfg := "ws://"+r.addr+websocket.Path, websocket.Config{}
	if r.secret {
		_, _, authorities := peeringFiles(r.dir)
		text, err := os.ReadFile(authorities)
		if err != nil {
			return err
		}
		certs, err := identity.ReadCerts(text)
		if err != nil {
			return err
		}
		roots := x509.NewCertPool()
		for _, c := range certs {
			roots.AddCert(c)
		}
		url, cfg.TLS = "wss://"+r.addr+websocket.Path, &tls.Config{RootCAs: roots}
	}
	c, err := websocket.Dial(ctx, url, []string{"bench/"}, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	ready <- struct{}{}
	for n := 0; ; {
		_, _, err := c.Receive(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return err
		}
		if n++; r.took(subscriber, n) {
			if err := c.Send(ctx, chunkTopic, confirmation()); err != nil {
				return err
			}
		}
	}
}
