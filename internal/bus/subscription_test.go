package bus_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// withPeer runs f with an endpoint and one raw peer that wants "news".
func withPeer(t *testing.T, f func(t *testing.T, e *bus.Endpoint, ln *pipeListener, p *rawPeer)) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID})
		ready := subscribe(t, e)
		ln, _ := servePipe(t, e)
		p := connectPeer(t, ln, largeID, "news")
		next[bus.PeerAdded](t, ready)
		f(t, e, ln, p)
	})
}

// told reads a routing update.
func (p *rawPeer) told() []string {
	p.t.Helper()
	m := p.message(wire.TypeRoutingUpdate)
	if m.Sender != middleID || m.Receiver != p.id {
		p.t.Errorf("from %v to %v", m.Sender, m.Receiver)
	}
	prefixes, err := wire.DecodeRoutingUpdate(m.Payload)
	if err != nil {
		p.t.Fatal(err)
	}
	return prefixes
}

func TestPeersAreToldWhatIsSubscribed(t *testing.T) {
	withPeer(t, func(t *testing.T, e *bus.Endpoint, _ *pipeListener, p *rawPeer) {
		expect := func(want ...string) {
			t.Helper()
			if diff := cmp.Diff(want, p.told()); diff != "" {
				t.Error(diff)
			}
		}
		b := e.Subscribe(0, "b/x", "<$>/local/secret")
		expect("b/x")
		a := e.Subscribe(0, "a/")
		expect("a/", "b/x")
		covered := e.Subscribe(0, "a/b") // does not change the filter
		covering := e.Subscribe(0, "b/")
		expect("a/", "b/")
		covered.Close()
		covering.Close()
		expect("a/", "b/x")
		a.Close()
		a.Close()
		expect("b/x")
		b.Close()
		expect()
	})
}

func TestWhatIsSubscribedDuringAHandshakeIsAnnouncedAfterIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID})
		ln, _ := servePipe(t, e)
		p := connectRaw(t, ln, largeID)
		p.hears(wire.Probe{})
		p.hello()
		p.hears(wire.VersionSelect{ID: middleID, Version: 1})
		p.hears(wire.OriginatorSyn{})
		subscribe(t, e, "late")
		p.say(wire.ResponderSynAck{})
		// Each read from a pipe returns the bytes of one write. The end of the handshake
		// must be a write of its own.
		ack := make([]byte, 1000)
		if n, err := p.conn.Read(ack); !bytes.Equal(ack[:n], wire.AppendHandshake(nil, wire.OriginatorAck{})) {
			t.Fatalf("got %x, %v", ack[:n], err)
		}
		if diff := cmp.Diff([]string{"late"}, p.told()); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTheirRoutingUpdateReplacesTheirFilter(t *testing.T) {
	withPeer(t, func(t *testing.T, e *bus.Endpoint, _ *pipeListener, p *rawPeer) {
		events := subscribe(t, e)
		next[bus.PeerAdded](t, events)
		p.send(wire.AppendRoutingUpdate(nil, largeID, middleID, wire.NewFilter("sports", "weather")))
		if ev := next[bus.PeerUpdated](t, events); ev.Peer.ID != largeID.String() {
			t.Errorf("%v was updated", ev.Peer)
		}
		e.Publish("news", text("unwanted"))
		e.Publish("weather/today", text("wanted"))
		if m := p.message(wire.TypeData); string(m.Topic) != "weather/today" {
			t.Errorf("got topic %q", m.Topic)
		}
	})
}

func TestLateSubscriptionIsToldWhoIsThere(t *testing.T) {
	withPeer(t, func(t *testing.T, e *bus.Endpoint, ln *pipeListener, p *rawPeer) {
		connectPeer(t, ln, smallID)
		synctest.Wait()
		late := e.Subscribe(1)
		defer late.Close()
		for _, want := range []bus.ID{largeID, smallID} {
			if ev := next[bus.PeerAdded](t, late); ev.Peer.ID != want.String() {
				t.Errorf("%v was added, want %v", ev.Peer.ID, want)
			}
		}
		p.conn.Close()
		next[bus.PeerLost](t, late)
		later := e.Subscribe(1)
		defer later.Close()
		if ev := next[bus.PeerAdded](t, later); ev.Peer.ID != smallID.String() {
			t.Errorf("%v was added", ev.Peer.ID)
		}
	})
}

func TestFullSubscriptionHoldsItsPeersUpAndLosesNothing(t *testing.T) {
	withPeer(t, func(t *testing.T, e *bus.Endpoint, ln *pipeListener, p *rawPeer) {
		slow := e.Subscribe(1, "ask/slow")
		defer slow.Close()
		quick := subscribe(t, e, "ask/quick")
		p.told()
		p.told()
		next[bus.PeerAdded](t, slow)
		next[bus.PeerAdded](t, quick)
		other := connectPeer(t, ln, smallID)
		next[bus.PeerAdded](t, slow)
		next[bus.PeerAdded](t, quick)

		const many = 1000
		go func() {
			for i := range many {
				p.send(p.data("ask/slow", text(fmt.Sprint(i))))
			}
		}()
		synctest.Wait()
		other.send(other.data("ask/quick", text("not held up")))
		next[bus.Message](t, quick)
		for i := range many {
			if m := next[bus.Message](t, slow); m.Value.Text() != fmt.Sprint(i) {
				t.Fatalf("got message %v, want %d", m.Value, i)
			}
		}
	})
}

func TestClosedSubscriptionHoldsNobodyUp(t *testing.T) {
	withPeer(t, func(t *testing.T, e *bus.Endpoint, _ *pipeListener, p *rawPeer) {
		forgotten := e.Subscribe(1, "ask")
		open := subscribe(t, e, "ask")
		p.told()
		next[bus.PeerAdded](t, open)
		go func() {
			for range 10 {
				p.send(p.data("ask", text("?")))
			}
		}()
		synctest.Wait()
		forgotten.Close()
		for range 10 {
			next[bus.Message](t, open)
		}
	})
}

func TestNativePeersDoNotGetEachOthersMessages(t *testing.T) {
	withPeer(t, func(t *testing.T, e *bus.Endpoint, ln *pipeListener, p *rawPeer) {
		events := subscribe(t, e, "news")
		p.told()
		next[bus.PeerAdded](t, events)
		other := connectPeer(t, ln, smallID, "news")
		next[bus.PeerAdded](t, events)
		other.send(other.data("news", text("for the endpoint")))
		next[bus.Message](t, events)
		e.Publish("news", text("for both"))
		for _, peer := range []*rawPeer{p, other} {
			if got := decode(t, peer.message(wire.TypeData).Payload).Text(); got != "for both" {
				t.Errorf("a peer got %q", got)
			}
		}
	})
}

func TestDroppedPeerIsLostForTheReasonGiven(t *testing.T) {
	withPeer(t, func(t *testing.T, e *bus.Endpoint, _ *pipeListener, p *rawPeer) {
		events := subscribe(t, e)
		next[bus.PeerAdded](t, events)
		e.Drop("nobody", errors.New("no such peer"))
		e.Drop(largeID.String(), errors.New("it misbehaves"))
		if lost := next[bus.PeerLost](t, events); lost.Err.Error() != "it misbehaves" {
			t.Errorf("lost because of %v", lost.Err)
		}
		p.gone()
	})
}

func TestUnsendableMessagesAreLoggedAndNotSent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log logText
		e := newEndpoint(t, bus.Config{ID: middleID, MaxFrame: 1000, Logger: log.logger()})
		events := subscribe(t, e)
		ln, _ := servePipe(t, e)
		p := connectPeer(t, ln, largeID, "")
		next[bus.PeerAdded](t, events)
		log.take()
		for _, m := range []struct{ topic, text, why string }{
			{"<$>/local/data/statuses", "x", "the topic is reserved"},
			{strings.Repeat("x", 1<<16), "x", "the topic is too long"},
			{"news", strings.Repeat("x", 1000), "the message is longer than this endpoint itself would take"},
		} {
			e.Publish(m.topic, text(m.text))
			if got := log.take(); strings.Count(got, "\n") != 1 || !strings.Contains(got, m.why) {
				t.Errorf("logged %q, want one line with %q", got, m.why)
			}
		}
		if e.PublishTo(largeID.String(), "<$>", text("reserved")) {
			t.Error("PublishTo says that it sent on a reserved topic")
		}
		e.Publish("news", text("fits"))
		if got := decode(t, p.message(wire.TypeData).Payload).Text(); got != "fits" {
			t.Errorf("got %q", got)
		}
	})
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]bus.Config{
		"MaxPeers":   {MaxPeers: -1},
		"MaxFrame":   {MaxFrame: -1},
		"MaxSilence": {MaxSilence: -1},
	} {
		if _, err := bus.New(cfg); err == nil || err.Error() != "bus config: "+name+" is negative" {
			t.Errorf("%s: %v", name, err)
		}
	}
	e := newEndpoint(t, bus.Config{})
	for name, cfg := range map[string]bus.DialConfig{
		"Retry":          {Retry: -1},
		"ConnectTimeout": {ConnectTimeout: -1},
	} {
		if err := e.Dial(t.Context(), "agent:2151", cfg); err == nil || err.Error() != "dial agent:2151: "+name+" is negative" {
			t.Errorf("%s: %v", name, err)
		}
	}
	if a, b := e.ID(), bus.NewID(); a == b || a[6]>>4 != 4 || b[8]>>6 != 2 {
		t.Errorf("ids %v and %v are not two random UUIDv4", a, b)
	}
}
