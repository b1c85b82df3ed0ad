package daemon_test

import (
	"context"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// An agent beyond the bound is refused with the reason, and gets a place when another one has left.
func TestAgentsAreBounded(t *testing.T) {
	const agents, clients, reserved = 5, 100, 1
	c := &testCluster{t: t, dir: t.TempDir()}
	refused := make(chan bus.Refusal, 100)
	broker := listen(t)
	cfg := daemon.ControllerConfig{
		Broker: broker, MaxAgents: agents, Logger: c.logger("controller"),
		Bus: bus.Config{ReservedPeers: reserved, IdleAfter: time.Hour, OnRefused: func(r bus.Refusal) { refused <- r }},
	}
	endpoint, err := daemon.NewEndpoint(cfg)
	if err != nil {
		t.Fatal(err)
	}
	events := endpoint.Subscribe(0)
	defer events.Close()
	c.inBackground("ports", nil, func(ctx context.Context) error {
		return daemon.ServeEndpoint(ctx, cfg, endpoint, daemon.NewWho(cfg))
	})
	dial := func() (leave func()) {
		peer, err := bus.New(bus.Config{})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			peer.Dial(ctx, broker.Addr().String(), bus.DialConfig{Retry: 10 * time.Millisecond})
		}()
		leave = func() {
			cancel()
			<-ended
		}
		t.Cleanup(leave)
		return leave
	}
	next := func(what string) bus.Event { return patience.Next(t, events.Events(), what) }
	first := dial()
	next("the first agent")
	for range agents + clients + reserved - 1 {
		dial()
		if _, ok := next("another agent").(bus.PeerAdded); !ok {
			t.Fatal("an agent was lost")
		}
	}
	dial()
	if r := patience.Next(t, refused, "a refusal"); r.Reason != bus.ErrTooManyPeers.Error() {
		t.Errorf("refused because of %q", r.Reason)
	}
	first()
	if _, ok := next("the end of the first agent").(bus.PeerLost); !ok {
		t.Error("somebody else was lost")
	}
	if _, ok := next("the agent that was refused").(bus.PeerAdded); !ok {
		t.Error("somebody was lost")
	}
}

// By default a controller has places for ten thousand agents.
func TestAControllerHasPlacesForTenThousandAgents(t *testing.T) {
	if got := daemon.Places(daemon.ControllerConfig{}); got < daemon.DefaultMaxAgents || daemon.DefaultMaxAgents < 10_000 {
		t.Errorf("places for %d peers", got)
	}
}
