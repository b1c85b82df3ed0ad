package bus_test

import (
	"bytes"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// By the time at which events are read, the peer may have announced something else.
func TestEventsHaveWhatWasAnnouncedThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID})
		events := subscribe(t, e, "in")
		ln, _ := servePipe(t, e)
		p := connectPeer(t, ln, largeID, "news", "term/5", "term/7")
		update := func(prefixes ...string) {
			p.send(wire.AppendRoutingUpdate(nil, largeID, middleID, wire.NewFilter(prefixes...)))
		}
		p.send(p.data("in", text("first")))
		update("news", "term/8")
		p.send(p.data("in", text("second")))
		update("news")
		synctest.Wait()
		added := next[bus.PeerAdded](t, events)
		if diff := cmp.Diff([]string{"5", "7"}, added.Topics.Below("term/")); diff != "" {
			t.Errorf("in the handshake (-want +got):\n%s", diff)
		}
		if !added.Topics.Want("newspaper") || added.Topics.Want("new") {
			t.Error("the peer wants news and nothing else")
		}
		next[bus.Message](t, events)
		if diff := cmp.Diff([]string{"8"}, next[bus.PeerUpdated](t, events).Topics.Below("term/")); diff != "" {
			t.Errorf("after the first update (-want +got):\n%s", diff)
		}
		next[bus.Message](t, events)
		if rest := next[bus.PeerUpdated](t, events).Topics.Below("term/"); rest != nil {
			t.Errorf("after the second update: %q", rest)
		}
		late := subscribe(t, e)
		if rest := next[bus.PeerAdded](t, late).Topics.Below("term/"); rest != nil {
			t.Errorf("for a later subscription: %q", rest)
		}
		if (bus.Topics{}).Want("news") || (bus.Topics{}).Below("") != nil {
			t.Error("the zero Topics have topics")
		}
	})
}

// Whoever hears of a new peer may send to it at once. What was subscribed during the handshake
// is announced before.
func TestAnnouncementIsAheadOfTheFirstMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID})
		ln, _ := servePipe(t, e)
		p := connectRaw(t, ln, largeID)
		p.hears(wire.Probe{})
		p.hello()
		p.hears(wire.VersionSelect{ID: middleID, Version: 1})
		p.hears(wire.OriginatorSyn{})
		late := subscribe(t, e, "late")
		p.say(wire.ResponderSynAck{Prefixes: []string{"news"}})
		ack := make([]byte, 1000)
		if n, err := p.conn.Read(ack); !bytes.Equal(ack[:n], wire.AppendHandshake(nil, wire.OriginatorAck{})) {
			t.Fatalf("got %x, %v", ack[:n], err)
		}
		next[bus.PeerAdded](t, late)
		if !e.PublishTo(largeID.String(), "news", text("first")) {
			t.Fatal("nothing was sent")
		}
		if diff := cmp.Diff([]string{"late"}, p.told()); diff != "" {
			t.Error(diff)
		}
		p.message(wire.TypeData)
	})
}

func TestWhatASubscriptionAnnouncesBringsNoMessages(t *testing.T) {
	withPeer(t, func(t *testing.T, e *bus.Endpoint, _ *pipeListener, p *rawPeer) {
		s := e.Subscribe(0, "in")
		defer s.Close()
		next[bus.PeerAdded](t, s)
		expect := func(want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, p.told()); diff != "" {
				t.Error(diff)
			}
		}
		expect("in")
		s.Announce("term/5/")
		expect("in", "term/5/")
		s.Announce("term/57/")
		expect("in", "term/57/")
		p.send(p.data("term/57/", text("nobody's")))
		p.send(p.data("in", text("ours")))
		if m := next[bus.Message](t, s); m.Topic != "in" {
			t.Errorf("got a message on %s", m.Topic)
		}
		s.Announce()
		expect("in")
		s.Announce("term/58/")
		expect("in", "term/58/")
		s.Close()
		expect()
	})
}
