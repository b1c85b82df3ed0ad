package bus_test

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// The sender of BenchmarkPeering waits when the receiver is about five chunks behind. So
// the send queue of 8192 messages does not overflow.
const chunk = 1024

// BenchmarkPeering sends events through one loopback peering; both sides are in
// this process.
func BenchmarkPeering(b *testing.B) {
	for _, size := range []int{100, 1000} {
		b.Run(fmt.Sprintf("%dB", size), func(b *testing.B) {
			quiet := slog.New(slog.DiscardHandler)
			server, client := newEndpoint(b, bus.Config{Logger: quiet}), newEndpoint(b, bus.Config{Logger: quiet})
			in := server.Subscribe(4096, "bench")
			b.Cleanup(in.Close)
			ready := subscribe(b, client)
			addr, _ := serve(b, server, bus.ListenConfig{})
			dial(b, client, addr, bus.DialConfig{})
			next[bus.PeerAdded](b, ready)
			next[bus.PeerAdded](b, in)
			v := event("Bench::event", zval.String(strings.Repeat("x", size)), zval.Count(1))
			b.SetBytes(int64(size))
			b.ReportAllocs()
			done, room := make(chan struct{}), make(chan struct{}, 4)
			go func() {
				defer close(done)
				for n := range b.N {
					<-in.Events()
					if n%chunk == 0 {
						<-room
					}
				}
			}()
			b.ResetTimer()
			for n := range b.N {
				if n%chunk == 0 {
					room <- struct{}{}
				}
				client.Publish("bench/topic", v)
			}
			<-done
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkRoundTrip sends a request and its answer through one loopback peering.
func BenchmarkRoundTrip(b *testing.B) {
	quiet := slog.New(slog.DiscardHandler)
	server, client := newEndpoint(b, bus.Config{Logger: quiet}), newEndpoint(b, bus.Config{Logger: quiet})
	requests, answers := subscribe(b, server, "request"), subscribe(b, client, "answer")
	addr, _ := serve(b, server, bus.ListenConfig{})
	dial(b, client, addr, bus.DialConfig{})
	next[bus.PeerAdded](b, answers)
	next[bus.PeerAdded](b, requests)
	v := event("Bench::event", zval.Count(1))
	background(b, func(ctx context.Context) error {
		for {
			select {
			case <-requests.Events():
				server.Publish("answer", v)
			case <-ctx.Done():
				return nil
			}
		}
	})
	for b.Loop() {
		client.Publish("request", v)
		<-answers.Events()
	}
}
