package bus_test

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

func TestFullQueueDropsTheSlowPeerAndNoOther(t *testing.T) {
	for name, cfg := range map[string]bus.Config{
		"by number": {ID: middleID, SendQueue: 10},
		"by bytes":  {ID: middleID, SendQueueBytes: 500},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				e := newEndpoint(t, cfg)
				events := subscribe(t, e)
				ln, _ := servePipe(t, e)
				slow := connectPeer(t, ln, smallID, "news")
				fast := connectPeer(t, ln, largeID, "news")
				next[bus.PeerAdded](t, events)
				next[bus.PeerAdded](t, events)
				for i := range 100 {
					e.Publish("news", text(fmt.Sprint(i)))
					if got := decode(t, fast.message(wire.TypeData).Payload).Text(); got != fmt.Sprint(i) {
						t.Fatalf("got %q, want message %d", got, i)
					}
				}
				lost := next[bus.PeerLost](t, events)
				if lost.Peer.ID != smallID.String() || !strings.Contains(lost.Err.Error(), "send queue is full") {
					t.Errorf("lost %v because of %v", lost.Peer, lost.Err)
				}
				slow.conn.Close()
				synctest.Wait()
				if n := len(events.Events()); n != 0 {
					t.Errorf("%d more events", n)
				}
			})
		})
	}
}

func TestFullQueueHoldsExactlyItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID, SendQueue: 10})
		ln, _ := servePipe(t, e)
		p := connectPeer(t, ln, largeID, "news")
		e.Publish("news", text("being written"))
		synctest.Wait()
		for i := range 10 {
			if !e.PublishTo(largeID.String(), "news", text("queued")) {
				t.Fatalf("message %d was refused", i)
			}
		}
		if e.PublishTo(largeID.String(), "other", text("unwanted")) || e.PublishTo("nobody", "news", text("x")) {
			t.Error("PublishTo sent what nobody wants")
		}
		for range 11 {
			p.message(wire.TypeData)
		}
		synctest.Wait()
		for range 11 { // one of them is being written
			e.Publish("news", text("queued"))
			synctest.Wait()
		}
		if e.PublishTo(largeID.String(), "news", text("no room")) {
			t.Error("an eleventh message was queued")
		}
		p.conn.Close()
	})
}

func TestPeersBeyondTheLimitAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID, MaxPeers: 1})
		ln, _ := servePipe(t, e)
		first := connectPeer(t, ln, smallID)
		second := connectRaw(t, ln, largeID)
		second.hears(wire.Probe{})
		second.hello()
		second.hears(wire.DropConn{ID: middleID, Code: wire.DropPeerUnavailable, Text: "too many peers"})
		second.gone()
		first.conn.Close()
		synctest.Wait()
		connectPeer(t, ln, largeID)
	})
}

// fromAddr is a connection that seems to come from an address.
type fromAddr struct {
	net.Conn
	ip net.IP
}

func (c fromAddr) RemoteAddr() net.Addr { return &net.TCPAddr{IP: c.ip, Port: 1} }

func TestStalledConnectionsKeepNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID, MaxHandshakes: 100})
		ln, _ := servePipe(t, e)
		stall := func(ip byte) net.Conn {
			ours, theirs := net.Pipe()
			t.Cleanup(func() { ours.Close() })
			ln.conns <- fromAddr{theirs, net.IPv4(192, 0, 2, ip)}
			return ours
		}
		open := func(conn net.Conn) bool {
			p := &rawPeer{t: t, conn: conn, id: largeID}
			p.hears(wire.Probe{})
			conn.SetReadDeadline(time.Now())
			_, err := conn.Read(make([]byte, 1))
			ne, ok := errors.AsType[net.Error](err)
			return ok && ne.Timeout()
		}
		start := time.Now()
		quiet := stall(1)
		var many []net.Conn
		for range 1000 {
			many = append(many, stall(2))
			synctest.Wait()
		}
		connectPeer(t, ln, largeID)
		after(t, start, 0, "connected")
		if !open(quiet) {
			t.Error("the only connection of its address was cut off in favour of others")
		}
		if !open(many[len(many)-1]) {
			t.Error("the newest connection was cut off")
		}
		if _, err := many[0].Read(make([]byte, 1)); err == nil {
			t.Error("the oldest connection is still there")
		}
	})
}

// When more peers come at once than may be in a handshake, those that have begun must not be cut
// off for those that come later: nobody would ever be connected.
func TestPeersThatComeAtOnceWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places = 10
		ln, _ := servePipe(t, newEndpoint(t, bus.Config{ID: middleID, MaxHandshakes: places}))
		number := byte(0)
		come := func() *rawPeer {
			number++
			ours, theirs := net.Pipe()
			go func(ip byte) { ln.conns <- fromAddr{theirs, net.IPv4(192, 0, 2, ip)} }(number)
			return newRawPeer(t, ours, bus.ID{0x33, number, 6: 0x40, 8: 0x80})
		}
		start := time.Now()
		var begun []*rawPeer
		for range places {
			begun = append(begun, come())
			synctest.Wait()
		}
		later := come()
		time.Sleep(time.Second)
		begun[1].shake(wire.Dialer)
		later.shake(wire.Dialer)
		after(t, start, time.Second, "the next one is connected when another one is")

		come()
		synctest.Wait()
		come().shake(wire.Dialer)
		after(t, start, 5*time.Second, "the next one is connected when the oldest one has had its time")
		if begun[2].hears(wire.Probe{}); begun[0].conn.(net.Conn).SetReadDeadline(time.Now().Add(time.Minute)) == nil {
			if _, err := io.Copy(io.Discard, begun[0].conn); err != nil {
				t.Errorf("the oldest one that was not ready is still there: %v", err)
			}
		}
	})
}
