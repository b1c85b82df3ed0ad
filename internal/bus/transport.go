package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// Transport says what a native connection runs over: plain TCP or TLS.
type Transport uint8

const (
	// TransportAuto means TLS if Config.TLS is set. If it is not set, or has PlainHere, a
	// loopback address decides: a dialer speaks plain TCP to a loopback address and TLS
	// to others; a listener takes both at a loopback address and only TLS at others. In
	// any case a listener takes both from callers of this host that Config.Screen
	// does not refuse.
	TransportAuto Transport = iota
	// TransportPlain means TCP without TLS.
	TransportPlain
	// TransportTLS means TLS. If Config.TLS is set, both sides judge each other's
	// certificate. If it is not set, the connection is encrypted only: the listener
	// makes a certificate for itself, and nobody verifies it. A Zeek without TLS
	// configuration can dial such a listener, but cannot be dialed (spec broker-wire
	// 2.5).
	TransportTLS
	// transportBoth means that a listener takes both. The first byte of a connection
	// tells which one it is.
	transportBoth
)

// errPlain refuses a plain connection where only TLS is taken.
var errPlain = errors.New("transport not allowed: the peer speaks plain TCP, this listener takes TLS only")

// errHungUp means that a peer has given up before its turn came.
var errHungUp = fmt.Errorf("%w before its turn came", ErrPeerClosed)

// tlsRecord is the first byte of every TLS connection. No plain connection begins
// with it: there the first byte is the highest of a message's length.
const tlsRecord = 0x16

// acceptor decides which accepted connections are TLS, and does their TLS handshake.
type acceptor struct {
	endpoint  *Endpoint
	transport Transport
	// demanding demands a certificate, if Config.TLS is set. optional does not.
	demanding, optional *tls.Config
}

func newAcceptor(e *Endpoint, cfg ListenConfig) (a acceptor, err error) {
	a = acceptor{endpoint: e, transport: cfg.Transport}
	if cfg.Transport == TransportPlain {
		return a, nil
	}
	if a.demanding, err = serverTLS(e.cfg.TLS, true, cfg.Certificate); err != nil {
		return a, err
	}
	a.optional = a.demanding
	if e.cfg.TLS != nil {
		a.optional = ServerTLS(e.cfg.TLS, false)
	}
	return a, nil
}

// hears reports whether a caller may still show a certificate. denied is the refusal of
// Config.Screen, or nil.
func (a acceptor) hears(denied error) bool {
	return denied == nil || a.endpoint.cfg.TLS != nil && a.transport != TransportPlain
}

// takes returns what a connection to addr may run over, and the settings of its TLS. A
// caller that was refused must show a certificate.
func (a acceptor) takes(addr net.Addr, caller Caller, denied error) (Transport, *tls.Config) {
	byAddress := a.transport == TransportAuto && a.endpoint.plainAt(addr)
	here := denied == nil && (caller.Local || byAddress)
	config := a.demanding
	if here {
		config = a.optional
	}
	switch {
	case a.transport != TransportAuto:
		return a.transport, config
	case here:
		return transportBoth, config
	}
	return TransportTLS, config
}

// plainAt reports whether connections at addr need no TLS.
func (e *Endpoint) plainAt(addr net.Addr) bool {
	return local(addr) && (e.cfg.TLS == nil || e.cfg.TLS.PlainHere)
}

// dialTransport returns what a connection to addr runs over.
func (e *Endpoint) dialTransport(t Transport, addr net.Addr) Transport {
	switch {
	case t != TransportAuto:
		return t
	case e.plainAt(addr):
		return TransportPlain
	}
	return TransportTLS
}

// local reports whether connections to addr stay on this host.
func local(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// secured is a connection after its TLS handshake, if it is TLS.
type secured struct {
	net.Conn
	verdict
}

// opener returns the function that does the TLS handshake of an accepted connection,
// if the connection is TLS.
func (a acceptor) opener(caller Caller, denied error) func(context.Context, net.Conn) (secured, error) {
	return func(ctx context.Context, conn net.Conn) (secured, error) {
		t, config := a.takes(conn.LocalAddr(), caller, denied)
		if t == TransportPlain {
			return secured{Conn: conn}, nil
		}
		var first [1]byte
		if _, err := conn.Read(first[:]); err != nil {
			if closedByPeer(err) {
				return secured{}, errProbe
			}
			return secured{}, readError(err)
		}
		if first[0] == tlsRecord && hungUp(conn) {
			return secured{}, errHungUp
		}
		conn = &peeked{Conn: conn, first: first[:]}
		switch {
		case first[0] == tlsRecord:
		case t == transportBoth:
			return secured{Conn: conn}, nil
		case denied != nil:
			return secured{}, denied
		default:
			return secured{}, errPlain
		}
		ctx, found := withVerdict(ctx)
		secure := tls.Server(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			if ctx.Err() == nil && !closedByPeer(err) {
				closeHeard(conn) // so that the other side reads the TLS alert
			}
			if denied != nil && found.chain == nil && refusedCertificate(err) == nil {
				return secured{}, denied // it says more than that there was no certificate
			}
			return secured{}, handshakeError(err)
		}
		return secured{secure, *found}, nil
	}
}

// dialer returns the function that does the TLS handshake of a dialed connection, if
// the connection is TLS.
func (e *Endpoint) dialer(t Transport) func(context.Context, net.Conn) (secured, error) {
	return func(ctx context.Context, conn net.Conn) (secured, error) {
		if e.dialTransport(t, conn.RemoteAddr()) == TransportPlain {
			return secured{Conn: conn}, nil
		}
		var found verdict
		secure := tls.Client(conn, clientTLS(e.cfg.TLS, &found))
		if err := secure.HandshakeContext(ctx); err != nil {
			return secured{}, handshakeError(err)
		}
		return secured{secure, found}, nil
	}
}

// peeked is a connection whose first bytes were read already.
type peeked struct {
	net.Conn
	first []byte
}

// Read returns the first bytes, and then further ones.
func (p *peeked) Read(b []byte) (int, error) {
	if len(p.first) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// CloseWrite closes the sending half of the connection, if the connection can do
// that.
func (p *peeked) CloseWrite() error {
	if half, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
