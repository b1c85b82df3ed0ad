package bus_test

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// again begins a second handshake of a peer, up to the point where the endpoint
// must decide between the two.
func again(t testing.TB, ln *pipeListener, id bus.ID) *rawPeer {
	t.Helper()
	p := connectRaw(t, ln, id)
	p.hears(wire.Probe{})
	p.hello()
	if id.Compare(middleID) < 0 {
		p.hears(wire.Hello{ID: middleID, MinVersion: 1, MaxVersion: 1})
		p.say(wire.VersionSelect{ID: id, Version: 1})
	}
	return p
}

// resume completes the handshake that again has begun.
func (p *rawPeer) resume() {
	p.t.Helper()
	if p.id.Compare(middleID) < 0 {
		p.say(wire.OriginatorSyn{})
		p.hears(wire.ResponderSynAck{})
		p.say(wire.OriginatorAck{})
		return
	}
	p.hears(wire.VersionSelect{ID: middleID, Version: 1})
	p.hears(wire.OriginatorSyn{})
	p.say(wire.ResponderSynAck{})
	p.hears(wire.OriginatorAck{})
}

// refused checks that the endpoint refuses a second connection of a peer.
func refused(id bus.ID) wire.DropConn {
	if id.Compare(middleID) < 0 {
		return wire.DropConn{ID: middleID, Code: wire.DropLogicError, Text: "detected redundant connection at the responder"}
	}
	return wire.DropConn{ID: middleID, Code: wire.DropRedundant, Text: "redundant connection"}
}

// inBothRoles runs f twice: the endpoint is the responder, and then the originator.
func inBothRoles(t *testing.T, f func(t *testing.T, ln *pipeListener, peer bus.ID, events *bus.Subscription)) {
	for role, peer := range map[string]bus.ID{"as responder": smallID, "as originator": largeID} {
		t.Run(role, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEndpoint(t, bus.Config{ID: middleID})
				ln, _ := servePipe(t, e)
				f(t, ln, peer, subscribe(t, e))
			})
		})
	}
}

func TestSecondConnectionOfALivePeerIsRefused(t *testing.T) {
	inBothRoles(t, func(t *testing.T, ln *pipeListener, peer bus.ID, events *bus.Subscription) {
		start := time.Now()
		first := connectPeer(t, ln, peer)
		second := again(t, ln, peer)
		first.pong() // the endpoint checks whether the peer is alive
		second.hears(refused(peer))
		second.gone()
		after(t, start, 0, "refused")
		next[bus.PeerAdded](t, events)
		synctest.Wait()
		if n := len(events.Events()); n != 0 {
			t.Errorf("%d more events", n)
		}
	})
}

func TestSecondConnectionReplacesADeadOne(t *testing.T) {
	inBothRoles(t, func(t *testing.T, ln *pipeListener, peer bus.ID, events *bus.Subscription) {
		start := time.Now()
		first := connectPeer(t, ln, peer)
		second := again(t, ln, peer)
		first.message(wire.TypePing) // the peer does not answer
		second.resume()
		after(t, start, 3*time.Second, "replaced")
		first.gone()
		next[bus.PeerAdded](t, events)
		next[bus.PeerLost](t, events)
		next[bus.PeerAdded](t, events)
	})
}

func TestSecondConnectionReplacesOneThatEndsMeanwhile(t *testing.T) {
	inBothRoles(t, func(t *testing.T, ln *pipeListener, peer bus.ID, _ *bus.Subscription) {
		start := time.Now()
		first := connectPeer(t, ln, peer)
		second := again(t, ln, peer)
		first.conn.Close()
		second.resume()
		after(t, start, 0, "replaced")
	})
}

func TestSecondHandshakeWaitsForTheFirst(t *testing.T) {
	inBothRoles(t, func(t *testing.T, ln *pipeListener, peer bus.ID, _ *bus.Subscription) {
		first := again(t, ln, peer)
		synctest.Wait()
		second := again(t, ln, peer)
		time.Sleep(5 * time.Second)
		first.resume()
		first.pong()
		second.hears(refused(peer))
		second.gone()
	})
}

func TestSecondHandshakeGoesOnWhenTheFirstFails(t *testing.T) {
	inBothRoles(t, func(t *testing.T, ln *pipeListener, peer bus.ID, _ *bus.Subscription) {
		start := time.Now()
		again(t, ln, peer)
		time.Sleep(5 * time.Second)
		second := again(t, ln, peer)
		second.resume()
		after(t, start, 10*time.Second, "resumed")
	})
}

func TestEndpointsThatDialEachOtherHaveOnePeering(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newEndpoint(t, bus.Config{ID: smallID}), newEndpoint(t, bus.Config{ID: largeID})
		atA, atB := subscribe(t, a), subscribe(t, b)
		lnA, stopA := servePipe(t, a)
		lnB, _ := servePipe(t, b)
		for _, d := range []struct {
			from *bus.Endpoint
			to   *pipeListener
		}{{a, lnB}, {a, lnB}, {b, lnA}, {b, lnA}} {
			dial(t, d.from, "pipe", bus.DialConfig{Connect: func(ctx context.Context, _ string) (net.Conn, error) { return d.to.dialWith(ctx) }})
		}
		time.Sleep(time.Hour)
		for name, events := range map[string]*bus.Subscription{"a": atA, "b": atB} {
			next[bus.PeerAdded](t, events)
			if n := len(events.Events()); n != 0 {
				t.Errorf("%d more events at %s", n, name)
			}
		}
		// If one endpoint closes its accepted connections, the two connect again.
		stopA()
		time.Sleep(time.Minute)
		for name, events := range map[string]*bus.Subscription{"a": atA, "b": atB} {
			added := 1
			for len(events.Events()) > 0 {
				switch (<-events.Events()).(type) {
				case bus.PeerAdded:
					added++
				case bus.PeerLost:
					added--
				}
			}
			if added != 1 {
				t.Errorf("%d peerings at %s", added, name)
			}
		}
	})
}
