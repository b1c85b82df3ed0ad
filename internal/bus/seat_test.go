package bus_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// ownPort is the port of connections that screenByPort takes for those of the endpoint's
// own user.
const ownPort = 7

func screenByPort(remote, _ netip.AddrPort) (bus.Caller, error) {
	return bus.Caller{Local: true, Known: true, Trusted: true, Own: remote.Port() == ownPort}, nil
}

// withPort is a connection that seems to come from a port of this host.
type withPort struct {
	net.Conn
	port int
}

func (c withPort) RemoteAddr() net.Addr {
	return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: c.port}
}

// dialFrom is dial from a port.
func (l *pipeListener) dialFrom(port int) net.Conn {
	ours, theirs := net.Pipe()
	l.conns <- withPort{theirs, port}
	return ours
}

// upgraded returns a client from a port, without topics.
func upgraded(t *testing.T, ln *pipeListener, port int) *rawWS {
	w := newRawWS(t, ln.dialFrom(port))
	w.upgrade("/v1/messages/json")
	return w
}

// answerPings answers pings and reads everything until the connection ends. The
// channel gets the payload of the close frame.
func (w *rawWS) answerPings() <-chan string {
	closed := make(chan string, 1)
	go func() {
		for {
			first, payload, err := w.next()
			switch {
			case err != nil:
				closed <- err.Error()
				return
			case first == opClose:
				closed <- payload
				w.c.Close()
				return
			case first == opPing:
				io.WriteString(w.c, maskedFrame(opPong, payload))
			}
		}
	}()
	return closed
}

func TestIdleClientsMakeRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{Screen: screenByPort})
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{MaxClients: 4, ReservedClients: 1})
		dial := func(port int) *rawWS {
			w := newRawWS(t, ln.dialFrom(port))
			w.write(upgradeText("/v1/messages/json"))
			return w
		}
		refused := func(port int) {
			t.Helper()
			if resp := dial(port).response(); resp.StatusCode != http.StatusServiceUnavailable {
				t.Errorf("got %s, want 503", resp.Status)
			}
		}
		first := upgraded(t, ln, 1).answerPings()
		asking := upgraded(t, ln, 2)
		asking.expect(opPing, "ixwebsocket::heartbeat::5s::0")
		asking.frame(opPong, "")
		asking.frame(opText, "[]")
		asking.text()
		asked := asking.answerPings()
		time.Sleep(time.Second)
		io.WriteString(asking.c, maskedFrame(opText, eventText("a", "request")))
		third := upgraded(t, ln, 3).answerPings()
		synctest.Wait()

		refused(4) // no client is idle, and the last seat is reserved
		own := upgraded(t, ln, ownPort).answerPings()

		time.Sleep(5 * time.Second)
		upgraded(t, ln, 4).answerPings()
		if got := <-first; got != closePayload(1013, "too many peers, and this newcomer is idle") {
			t.Errorf("the client that was idle longest got %q", got)
		}
		upgraded(t, ln, 5).answerPings()
		<-third
		refused(6)       // one client waits for an answer, two have just come
		refused(ownPort) // the reserved seat is taken
		time.Sleep(25 * time.Second)
		for port := range 3 {
			upgraded(t, ln, 10+port).answerPings()
		}
		if got := <-asked; got != closePayload(1013, "too many peers, and this newcomer is idle") {
			t.Errorf("the client whose request is 30 seconds old got %q", got)
		}
		select {
		case got := <-own:
			t.Errorf("the own user's client, which is idle as well, got %q", got)
		default:
		}
	})
}

func TestHalfUpgradesKeepNobodyOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{})
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{MaxClients: 10})
		for range 400 {
			w := newRawWS(t, ln.dial())
			go io.WriteString(w.c, "GET /v1/messages/json HTTP/1.1\r\n")
			synctest.Wait()
		}
		pipeClient(t, ln, "[]")
	})
}

func TestStrangersDoNotHoldUpTheUpgradesOfTheOwnUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{Screen: screenByPort})
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{MaxClients: 10})
		slow := newRawWS(t, ln.dialFrom(ownPort))
		synctest.Wait()
		for range 400 {
			newRawWS(t, ln.dialFrom(1))
			synctest.Wait()
		}
		slow.upgrade("/v1/messages/json")
	})
}

func TestIdleNativePeersMakeRoomForOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newEndpoint(t, bus.Config{ID: middleID, MaxPeers: 4, ReservedPeers: 1, Screen: screenByPort})
		events := subscribe(t, e)
		ln, _ := servePipe(t, e)
		id := func(n byte) bus.ID { return bus.ID{0x33, n, 6: 0x40, 8: 0x80} }
		connect := func(n byte, port int) *rawPeer {
			p := newRawPeer(t, ln.dialFrom(port), id(n))
			p.shake(wire.Dialer)
			synctest.Wait()
			next[bus.PeerAdded](t, events)
			return p
		}
		refused := func(n byte, port int) {
			t.Helper()
			p := newRawPeer(t, ln.dialFrom(port), id(n))
			p.hears(wire.Probe{})
			p.hello()
			p.hears(wire.DropConn{ID: middleID, Code: wire.DropPeerUnavailable, Text: "too many peers"})
			p.gone()
		}
		for n := range 3 {
			connect(byte(n), 1)
		}
		e.Meet(id(0).String())
		refused(10, 1)
		connect(11, ownPort)
		refused(12, ownPort)
		time.Sleep(5 * time.Second)
		for n := range 2 { // Meet was called for one of the first three
			p := newRawPeer(t, ln.dialFrom(1), id(byte(20+n)))
			p.shake(wire.Dialer)
			synctest.Wait()
			seen := fmt.Sprint(<-events.Events(), <-events.Events())
			if !strings.Contains(seen, id(byte(1+n)).String()) || !strings.Contains(seen, "this newcomer is idle") {
				t.Errorf("got %s, want that peer %d is lost", seen, 1+n)
			}
		}
		refused(13, 1)
	})
}

func TestReservationsMustLeaveSomething(t *testing.T) {
	if _, err := bus.New(bus.Config{MaxPeers: 3, ReservedPeers: 3}); err == nil || !strings.Contains(err.Error(), "ReservedPeers is not less than MaxPeers") {
		t.Errorf("got %v", err)
	}
}
