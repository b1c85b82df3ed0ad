package daemon_test

import (
	"context"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// A peer that is not the agent of an instance gets no bundles in the name of the instance.
func TestBundlesAreForTheAgentOfTheInstanceAlone(t *testing.T) {
	const topic = "zeek/fleet/bytes/sensor-1"
	c := startCluster(t)
	c.startAgent("sensor-1")
	stranger, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	sub := stranger.Subscribe(16, topic)
	t.Cleanup(sub.Close)
	c.inBackground("stranger", nil, func(ctx context.Context) error { return stranger.Dial(ctx, c.peers, bus.DialConfig{}) })
	for {
		switch ev := patience.Next(t, sub.Events(), "the answer to the stranger").(type) {
		case bus.PeerAdded:
			stranger.Publish(topic, codec.Encode(mgmt.StreamOpen{Stream: "s-1", Kind: mgmt.StreamBundles, Credit: 8}))
		case bus.Message:
			msg, err := codec.Decode(ev.Value)
			if err != nil {
				t.Fatal(err)
			}
			want := mgmt.StreamEnd{Stream: "s-1", Code: mgmt.StreamForbidden, Error: `this is not the agent of instance "sensor-1"`}
			if msg != want {
				t.Errorf("got %+v", msg)
			}
			return
		}
	}
}
