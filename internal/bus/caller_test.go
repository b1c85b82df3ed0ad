package bus_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// screened is a Screen that gives the same answer for every caller.
func screened(c bus.Caller, err error) bus.Screen {
	return func(remote, local netip.AddrPort) (bus.Caller, error) { return c, err }
}

var (
	stranger = screened(bus.Caller{Local: true, Known: true, UID: 1001}, errors.New("user 1001 may not connect; see local_users"))
	trusted  = screened(bus.Caller{Local: true, Known: true, UID: 0, Inode: 7, Trusted: true}, nil)
)

func TestRefusedCallersDoNotBecomePeers(t *testing.T) {
	t.Run("a WebSocket client is told why", func(t *testing.T) {
		addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{Screen: stranger}), bus.WebSocketConfig{})
		w := rawDial(t, addr)
		w.write(upgradeText(websocket.Path))
		resp := w.response()
		body, err := io.ReadAll(resp.Body)
		if resp.StatusCode != http.StatusForbidden || err != nil || !strings.Contains(string(body), "user 1001 may not connect; see local_users") {
			t.Errorf("got %s, %q, %v", resp.Status, body, err)
		}
		w.expectEnd()
	})
	t.Run("a native peer is hung up on", func(t *testing.T) {
		server := newEndpoint(t, bus.Config{Screen: stranger})
		atServer := subscribe(t, server, "x")
		addr, _ := serve(t, server, bus.ListenConfig{})
		conn := rawDial(t, addr)
		if n, err := conn.c.Read(make([]byte, 1)); err == nil {
			t.Errorf("read %d bytes; want the end", n)
		}
		expectNothing(t, atServer)
	})
	t.Run("a listener that was dialed is hung up on", func(t *testing.T) {
		server := newEndpoint(t, bus.Config{})
		client := newEndpoint(t, bus.Config{Screen: stranger})
		atClient, atServer := subscribe(t, client, "x"), subscribe(t, server, "x")
		addr, _ := serve(t, server, bus.ListenConfig{})
		dial(t, client, addr, bus.DialConfig{})
		next[bus.PeerAdded](t, atServer)
		next[bus.PeerLost](t, atServer)
		expectNothing(t, atClient)
	})
}

// expectNothing fails if s has an event.
func expectNothing(t *testing.T, s *bus.Subscription) {
	t.Helper()
	select {
	case ev := <-s.Events():
		t.Errorf("got %T %+v, want nothing", ev, ev)
	default:
	}
}

func TestPeersSayWhoTheirCallersAre(t *testing.T) {
	want, _ := trusted(netip.AddrPort{}, netip.AddrPort{})
	e := newEndpoint(t, bus.Config{Screen: trusted})
	events := subscribe(t, e, "x")
	native, _ := serve(t, e, bus.ListenConfig{})
	dial(t, newEndpoint(t, bus.Config{}), native, bus.DialConfig{})
	if got := next[bus.PeerAdded](t, events).Peer; got.Caller != want || got.Kind != bus.Native {
		t.Errorf("got %+v, want the caller %+v", got, want)
	}
	clients, _ := serveWebSocket(t, e, bus.WebSocketConfig{})
	w := rawDial(t, clients)
	w.write(upgradeText(websocket.Path))
	w.response()
	w.frame(opText, "[]")
	got := next[bus.PeerAdded](t, events).Peer
	if got.Caller != want || got.Origin != "http://127.0.0.1:2149" {
		t.Errorf("got %+v, want the caller %+v and the origin", got, want)
	}
}

// firstReason returns a function that sends the first reason to reasons and drops the others.
func firstReason(reasons chan<- string) func(bus.Refusal) {
	return func(r bus.Refusal) {
		select {
		case reasons <- r.Reason:
		default:
		}
	}
}

// The listener of this test demands certificates. A caller that it does not trust has a
// certificate; a caller that it trusts has none.
func TestCertificatesStandInForUsers(t *testing.T) {
	ca := newAuthority(t)
	identity := func() *bus.TLS { return ca.identity(x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth) }
	for name, tt := range map[string]struct {
		screen bus.Screen
		client *bus.TLS
		dial   bus.Transport
		shown  bool
	}{
		"refused, with a certificate":    {stranger, identity(), bus.TransportTLS, true},
		"trusted, with a certificate":    {trusted, identity(), bus.TransportTLS, true},
		"trusted, without a certificate": {trusted, nil, bus.TransportTLS, false},
		"trusted, in plain":              {trusted, nil, bus.TransportPlain, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEndpoint(t, bus.Config{Screen: tt.screen, TLS: identity()})
			events := subscribe(t, e, "x")
			addr, _ := serve(t, e, bus.ListenConfig{})
			dial(t, newEndpoint(t, bus.Config{TLS: tt.client}), addr, bus.DialConfig{Transport: tt.dial})
			got := next[bus.PeerAdded](t, events).Peer
			if (got.Certificate != nil) != tt.shown {
				t.Errorf("got certificate %v, want one: %t", got.Certificate, tt.shown)
			}
		})
	}
	t.Run("refused, without a certificate", func(t *testing.T) {
		reasons := make(chan string, 1)
		e := newEndpoint(t, bus.Config{Screen: stranger, TLS: identity(), OnRefused: firstReason(reasons)})
		events := subscribe(t, e, "x")
		addr, stop := serve(t, e, bus.ListenConfig{})
		conn, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err == nil { // TLS 1.3: the client learns only afterwards
			_, err = conn.Read(make([]byte, 1))
			conn.Close()
		}
		if err == nil {
			t.Error("nothing is wrong without a certificate")
		}
		if reason := <-reasons; reason != "user 1001 may not connect; see local_users" {
			t.Errorf("the reason is %q", reason)
		}
		stop()
		expectNothing(t, events)
	})
	t.Run("refused, with a certificate that does not count", func(t *testing.T) {
		reasons := make(chan string, 1)
		e := newEndpoint(t, bus.Config{Screen: stranger, TLS: identity(), OnRefused: firstReason(reasons)})
		addr, _ := serve(t, e, bus.ListenConfig{})
		foreign := newAuthority(t).identity(x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth)
		foreign.Judge = ca.identity(x509.ExtKeyUsageClientAuth).Judge // it takes the listener's
		dialer := newEndpoint(t, bus.Config{TLS: foreign})
		dial(t, dialer, addr, bus.DialConfig{Transport: bus.TransportTLS})
		if reason := <-reasons; !strings.HasPrefix(reason, `TLS handshake: the certificate of "`) {
			t.Errorf("the reason is %q", reason)
		}
	})
}
