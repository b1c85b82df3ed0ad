package bus_test

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// judging returns the TLS of a side that has the certificate of own, and knows the
// certificate of other as other/side.
func judging(t testing.TB, own, other *bus.TLS) *bus.TLS {
	known := pair(t, other)
	return &bus.TLS{
		Certificate: own.Certificate,
		Judge: func(chain []*x509.Certificate) (string, error) {
			if bytes.Equal(chain[0].Raw, known.Certificate[0]) {
				return "other/side", nil
			}
			return "", errors.New("nobody knows whose certificate this is")
		},
	}
}

var tlsVersions = map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13}

func TestAcceptedPeersAreJudged(t *testing.T) {
	ca := newAuthority(t)
	ours, theirs, strangers := ca.identity(), ca.identity(), ca.identity()
	for name, version := range tlsVersions {
		for who, tt := range map[string]struct {
			shows   *bus.TLS
			refused string
		}{
			"known":               {theirs, ""},
			"unknown":             {strangers, "nobody knows whose certificate this is"},
			"without certificate": {nil, "client didn't provide a certificate"},
		} {
			t.Run(name+", "+who, func(t *testing.T) {
				refusals := make(chan bus.Refusal, 10)
				e := newEndpoint(t, bus.Config{ID: middleID, TLS: judging(t, ours, theirs), OnRefused: func(r bus.Refusal) { refusals <- r }})
				events := subscribe(t, e, "news")
				addr, _ := serve(t, e, bus.ListenConfig{})
				cfg := &tls.Config{InsecureSkipVerify: true, MaxVersion: version}
				if tt.shows != nil {
					cfg.Certificates = []tls.Certificate{pair(t, tt.shows)}
				}
				raw, err := net.Dial("tcp", addr)
				if err != nil {
					t.Fatal(err)
				}
				defer raw.Close()
				conn := tls.Client(raw, cfg)
				err = conn.HandshakeContext(t.Context())
				if tt.refused == "" {
					if err != nil {
						t.Fatal(err)
					}
					newRawPeer(t, conn, largeID).shake(wire.Dialer, "news")
					p := next[bus.PeerAdded](t, events).Peer
					if p.Identity != "other/side" || len(p.Chain.Certificates) != 1 || p.Certificate != p.Chain.Certificates[0] {
						t.Errorf("got the peer %+v", p)
					}
					return
				}
				if err == nil { // TLS 1.3: the client learns only afterwards
					_, err = conn.Read(make([]byte, 1))
				}
				if alert, ok := errors.AsType[*net.OpError](err); !ok || alert.Op != "remote error" {
					t.Errorf("the client reads %v, want an alert", err)
				}
				r := take(t, refusals)
				if !strings.Contains(r.Reason, tt.refused) || r.Listener != bus.BrokerListener ||
					(r.Certificate != nil) != (tt.shows != nil) || r.Addr.String() != raw.LocalAddr().String() || r.Local.String() != addr {
					t.Errorf("reported %+v", r)
				}
			})
		}
	}
}

func TestDialedPeersAreJudged(t *testing.T) {
	ca := newAuthority(t)
	ours, theirs, strangers := ca.identity(), ca.identity(), ca.identity()
	for name, version := range tlsVersions {
		for who, shows := range map[string]*bus.TLS{"known": theirs, "unknown": strangers} {
			t.Run(name+", "+who, func(t *testing.T) {
				log := newErrorLog()
				e := newEndpoint(t, bus.Config{ID: middleID, TLS: judging(t, ours, theirs), Logger: slog.New(log)})
				events := subscribe(t, e, "news")
				ln, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
					Certificates: []tls.Certificate{pair(t, shows)}, MaxVersion: version, ClientAuth: tls.RequireAnyClientCert,
				})
				if err != nil {
					t.Fatal(err)
				}
				defer ln.Close()
				dial(t, e, ln.Addr().String(), bus.DialConfig{})
				conn, err := ln.Accept()
				if err != nil {
					t.Fatal(err)
				}
				if shows == strangers {
					if conn.(*tls.Conn).Handshake() == nil {
						_, err := conn.Read(make([]byte, 1))
						t.Logf("the stranger reads %v", err)
					}
					conn.Close()
					if got := take(t, log.errs); !strings.Contains(got, "nobody knows whose certificate this is") {
						t.Errorf("the log says %s", got)
					}
					return
				}
				newRawPeer(t, conn, largeID).shake(wire.Acceptor, "news")
				if p := next[bus.PeerAdded](t, events).Peer; p.Identity != "other/side" || p.Certificate == nil || !p.Dialed {
					t.Errorf("got the peer %+v", p)
				}
				shown := conn.(*tls.Conn).ConnectionState().PeerCertificates
				if want := pair(t, ours); len(shown) == 0 || !bytes.Equal(shown[0].Raw, want.Certificate[0]) {
					t.Error("this side has not shown its certificate")
				}
			})
		}
	}
}

// TestNewCertificateCountsFromTheNextConnectionOn changes the certificates of both sides
// while they are connected.
func TestNewCertificateCountsFromTheNextConnectionOn(t *testing.T) {
	ca := newAuthority(t)
	roots := ca.identity().Authorities
	side := func() (changing *bus.TLS, change func() []byte) {
		now := make(chan tls.Certificate, 1)
		now <- pair(t, ca.identity())
		changing = &bus.TLS{
			Certificate: func() (*tls.Certificate, error) {
				cert := <-now
				now <- cert
				return &cert, nil
			},
			Judge:       func(chain []*x509.Certificate) (string, error) { return chain[0].SerialNumber.String(), nil },
			Authorities: roots,
		}
		return changing, func() []byte {
			<-now
			cert := pair(t, ca.identity())
			now <- cert
			return cert.Certificate[0]
		}
	}
	listens, changeListener := side()
	dials, changeDialer := side()
	server := newEndpoint(t, bus.Config{ID: middleID, TLS: listens})
	events := subscribe(t, server, "news")
	addr, _ := serve(t, server, bus.ListenConfig{})
	first := newEndpoint(t, bus.Config{TLS: dials})
	atFirst := subscribe(t, first, "news")
	dial(t, first, addr, bus.DialConfig{})
	next[bus.PeerAdded](t, events)
	next[bus.PeerAdded](t, atFirst)
	newListener, newDialer := changeListener(), changeDialer()
	server.Publish("news", text("still here"))
	if m := next[bus.Message](t, atFirst); m.Value.Text() != "still here" {
		t.Errorf("got %+v", m)
	}
	second := newEndpoint(t, bus.Config{TLS: dials})
	atSecond := subscribe(t, second, "news")
	dial(t, second, addr, bus.DialConfig{})
	if p := next[bus.PeerAdded](t, events).Peer; !bytes.Equal(p.Certificate.Raw, newDialer) {
		t.Error("the listener sees the old certificate of the dialer")
	}
	if p := next[bus.PeerAdded](t, atSecond).Peer; !bytes.Equal(p.Certificate.Raw, newListener) {
		t.Error("the dialer sees the old certificate of the listener")
	}
	expectNothing(t, atFirst)
}

func TestLoopbackMayBePlainBesideTLS(t *testing.T) {
	ca := newAuthority(t)
	ours, theirs := ca.identity(), ca.identity()
	here := judging(t, ours, theirs)
	here.PlainHere = true
	caller := judging(t, theirs, ours)
	callerHere := judging(t, theirs, ours)
	callerHere.PlainHere = true
	for name, tt := range map[string]struct {
		listens  *bus.TLS
		dials    *bus.TLS
		dial     bus.Transport
		outside  bool
		identity string
		refused  string
	}{
		"plain":                                      {listens: here, dials: callerHere},
		"TLS with a certificate":                     {listens: here, dials: caller, identity: "other/side"},
		"TLS without a certificate":                  {listens: here, dial: bus.TransportTLS},
		"plain, from outside":                        {listens: here, dials: callerHere, outside: true, refused: "plain TCP, this listener takes TLS only"},
		"TLS without certificate from outside":       {listens: here, dial: bus.TransportTLS, outside: true, refused: "didn't provide a certificate"},
		"plain, where it is not allowed":             {listens: judging(t, ours, theirs), refused: "plain TCP, this listener takes TLS only"},
		"TLS with a certificate that does not count": {listens: here, dials: judging(t, ca.identity(), ours), refused: "nobody knows"},
	} {
		t.Run(name, func(t *testing.T) {
			refusals := make(chan bus.Refusal, 100)
			e := newEndpoint(t, bus.Config{TLS: tt.listens, OnRefused: func(r bus.Refusal) { refusals <- r }})
			events := subscribe(t, e, "news")
			ln := listen(t)
			addr := ln.Addr().String()
			if tt.outside {
				ln = remotely{ln}
			}
			background(t, func(ctx context.Context) error { return e.Serve(ctx, ln, bus.ListenConfig{}) })
			dial(t, newEndpoint(t, bus.Config{TLS: tt.dials}), addr, bus.DialConfig{Transport: tt.dial})
			if tt.refused != "" {
				if r := take(t, refusals); !strings.Contains(r.Reason, tt.refused) {
					t.Errorf("reported %+v", r)
				}
				return
			}
			if p := next[bus.PeerAdded](t, events).Peer; p.Identity != tt.identity || (p.Certificate != nil) != (tt.identity != "") {
				t.Errorf("got the peer %+v", p)
			}
		})
	}
}

func TestClientsOfAWebSocketListenerAreJudged(t *testing.T) {
	ca := newAuthority(t)
	ours, theirs := ca.identity(), ca.identity()
	for name, tt := range map[string]struct {
		demand    bool
		shows     *bus.TLS
		plain     bool // the client speaks plain text
		plainHere bool
		outside   bool
		refused   string // reported
		client    string // the client is told; empty: it is let in
	}{
		"a certificate that counts":                {shows: theirs},
		"none, where none is demanded":             {},
		"none, where one is demanded":              {demand: true, refused: "client didn't provide a certificate", client: "certificate required"},
		"one that does not count":                  {shows: ca.identity(), refused: "nobody knows whose certificate this is", client: "bad certificate"},
		"one that does not count, and is demanded": {demand: true, shows: ca.identity(), refused: "nobody knows", client: "bad certificate"},
		"plain text of this host":                  {plain: true, plainHere: true},
		"plain text of another host":               {plain: true, plainHere: true, outside: true, refused: "This port speaks TLS", client: "This port speaks TLS"},
		"plain text where it is not allowed":       {plain: true, refused: "This port speaks TLS", client: "This port speaks TLS"},
		"TLS of this host beside plain text":       {shows: theirs, plainHere: true},
	} {
		t.Run(name, func(t *testing.T) {
			refusals := make(chan bus.Refusal, 10)
			e := newEndpoint(t, bus.Config{OnRefused: func(r bus.Refusal) { refusals <- r }})
			events := subscribe(t, e, "a")
			ln := listen(t)
			addr := ln.Addr().String()
			if tt.outside {
				ln = remotely{ln}
			}
			background(t, func(ctx context.Context) error {
				return e.ServeWebSocket(ctx, ln, bus.WebSocketConfig{TLS: bus.ServerTLS(judging(t, ours, theirs), tt.demand), PlainHere: tt.plainHere})
			})
			cfg, scheme := &tls.Config{InsecureSkipVerify: true}, "wss"
			if tt.shows != nil {
				cfg.Certificates = []tls.Certificate{pair(t, tt.shows)}
			}
			if tt.plain {
				cfg, scheme = nil, "ws"
			}
			c, err := websocket.Dial(t.Context(), fmt.Sprintf("%s://%s%s", scheme, addr, websocket.Path), []string{"a"}, websocket.Config{TLS: cfg})
			if tt.client != "" {
				if err == nil || !strings.Contains(err.Error(), tt.client) {
					t.Errorf("the client gets %v", err)
				}
				r := take(t, refusals)
				if !strings.Contains(r.Reason, tt.refused) || r.Listener != bus.WebSocketListener || (r.Certificate != nil) != (tt.shows != nil) {
					t.Errorf("reported %+v", r)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if p := next[bus.PeerAdded](t, events).Peer; (p.Identity == "other/side") != (tt.shows != nil) || (p.Certificate != nil) != (tt.shows != nil) {
				t.Errorf("got the peer %+v", p)
			}
		})
	}
}
