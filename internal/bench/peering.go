package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// sinkCommand is the argument that makes this program the receiving process.
const sinkCommand = "-sink"

const (
	peeringTopic = "bench/events"
	doneTopic    = "bench/done"
	chunkTopic   = "chunk/received"
	measureFor   = 3 * time.Second
)

// The sink confirms each chunk of events. The sender is never more than
// maxUnconfirmed chunks ahead, so its send queue does not overflow.
const (
	chunk          = 1024
	maxUnconfirmed = 30
	sendQueue      = (maxUnconfirmed + 2) * chunk
)

// peering measures the events per second through one native peering between two
// processes.
func peering(ctx context.Context, _ string) ([]figure, error) {
	var figures []figure
	for _, size := range []int{100, 1000} {
		rate, err := peeringRate(ctx, size)
		if err != nil {
			return nil, fmt.Errorf("peering, %d B: %w", size, err)
		}
		f := figure{what: fmt.Sprintf("one native peering, two processes, %d B events", size), value: rate, unit: "events/s"}
		if size == 1000 {
			f.budget = 300_000
		}
		figures = append(figures, f)
	}
	return figures, nil
}

// peeringRate publishes events with a payload of size bytes to a sink for the time
// measureFor. It returns the rate at which the sink received them.
func peeringRate(ctx context.Context, size int) (float64, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	endpoint, err := bus.New(bus.Config{SendQueue: sendQueue})
	if err != nil {
		return 0, err
	}
	sub := endpoint.Subscribe(0, chunkTopic)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	served := make(chan error, 1)
	go func() { served <- endpoint.Serve(ctx, ln, bus.ListenConfig{}) }()

	cmd := exec.CommandContext(ctx, os.Args[0], sinkCommand, ln.Addr().String())
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	defer sub.Close()
	if err := await[bus.PeerAdded](ctx, sub); err != nil {
		return 0, err
	}
	v := wire.Event{Name: "Bench::event", Args: []zval.Value{zval.String(strings.Repeat("x", size))}}.Value()
	unconfirmed := 0
	for began := time.Now(); time.Since(began) < measureFor; unconfirmed++ {
		if unconfirmed == maxUnconfirmed {
			if err := await[bus.Message](ctx, sub); err != nil {
				return 0, err
			}
			unconfirmed--
		}
		for range chunk {
			endpoint.Publish(peeringTopic, v)
		}
	}
	endpoint.Publish(doneTopic, v)
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return 0, fmt.Errorf("read the sink's figure: %w", err)
	}
	if err := cmd.Wait(); err != nil {
		return 0, fmt.Errorf("sink: %w", err)
	}
	cancel()
	<-served
	return strconv.ParseFloat(strings.TrimSpace(line), 64)
}

// await reads events until the first one of type E. It returns an error if ctx
// ends first, or if the peer is lost first.
func await[E bus.Event](ctx context.Context, sub *bus.Subscription) error {
	for {
		select {
		case ev := <-sub.Events():
			if _, ok := ev.(E); ok {
				return nil
			}
			if lost, ok := ev.(bus.PeerLost); ok {
				return fmt.Errorf("sink lost: %w", lost.Err)
			}
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// sink receives events until the message on doneTopic, and prints the rate.
func sink(ctx context.Context, addr string) error {
	ctx, cancel := context.WithCancel(ctx)
	endpoint, err := bus.New(bus.Config{})
	if err != nil {
		cancel()
		return err
	}
	sub := endpoint.Subscribe(4096, "bench/")
	dialed := make(chan error, 1)
	go func() { dialed <- endpoint.Dial(ctx, addr, bus.DialConfig{}) }()
	defer func() {
		cancel()
		<-dialed
	}()
	var (
		count int
		began time.Time
	)
	for ev := range sub.Events() {
		m, ok := ev.(bus.Message)
		if !ok {
			continue
		}
		if m.Topic == doneTopic {
			fmt.Printf("%.0f\n", float64(count)/time.Since(began).Seconds())
			break
		}
		if count++; count == 1 {
			began = time.Now()
		}
		if count%chunk == 0 {
			endpoint.Publish(chunkTopic, m.Value)
		}
	}
	return nil
}
