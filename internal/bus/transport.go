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
	// TransportAuto means TLS if Config.TLS is set. If it is not set, a loopback
	// address decides: a dialer speaks plain TCP to a loopback address and TLS to
	// others; a listener takes both at a loopback address and only TLS at others. In
	// any case a listener takes both from callers of this host that Config.Screen
	// does not refuse.
	TransportAuto Transport = iota
	// TransportPlain means TCP without TLS.
	TransportPlain
	// TransportTLS means TLS. If Config.TLS is set, both sides verify each other's
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

// tlsRecord is the first byte of every TLS connection. No plain connection begins
// with it: there the first byte is the highest of a message's length.
const tlsRecord = 0x16

// acceptor decides which accepted connections are TLS, and does their TLS handshake.
type acceptor struct {
	endpoint  *Endpoint
	transport Transport
	config    *tls.Config
}

// takes returns what a connection to addr may run over. known says that it comes
// from a caller of this host that was not refused.
func (a acceptor) takes(addr net.Addr, known bool) Transport {
	switch {
	case a.transport != TransportAuto:
		return a.transport
	case known, a.endpoint.cfg.TLS == nil && local(addr):
		return transportBoth
	}
	return TransportTLS
}

// mutual reports whether a caller that was refused may still show a certificate on
// conn, which this side verifies.
func (a acceptor) mutual(conn net.Conn) bool {
	return a.endpoint.cfg.TLS != nil && a.takes(conn.LocalAddr(), false) == TransportTLS
}

// dialTransport returns what a connection to addr runs over.
func (e *Endpoint) dialTransport(t Transport, addr net.Addr) Transport {
	switch {
	case t != TransportAuto:
		return t
	case e.cfg.TLS == nil && local(addr):
		return TransportPlain
	}
	return TransportTLS
}

// local reports whether connections to addr stay on this host.
func local(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// opener returns the function that does the TLS handshake of an accepted connection,
// if the connection is TLS. known is as in takes.
func (a acceptor) opener(known bool) func(context.Context, net.Conn) (net.Conn, error) {
	config := a.config
	if known && config != nil && config.ClientAuth != tls.NoClientCert {
		config = config.Clone()
		config.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return func(ctx context.Context, conn net.Conn) (net.Conn, error) {
		t := a.takes(conn.LocalAddr(), known)
		if t == TransportPlain {
			return conn, nil
		}
		var first [1]byte
		if _, err := conn.Read(first[:]); err != nil {
			if closedByPeer(err) {
				return nil, errProbe
			}
			return nil, readError(err)
		}
		conn = &peeked{Conn: conn, first: first[:]}
		if first[0] != tlsRecord {
			if t == transportBoth {
				return conn, nil
			}
			return nil, errPlain
		}
		secure := tls.Server(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		return secure, nil
	}
}

// dialer returns the function that does the TLS handshake of a dialed connection, if
// the connection is TLS.
func (e *Endpoint) dialer(t Transport) func(context.Context, net.Conn) (net.Conn, error) {
	return func(ctx context.Context, conn net.Conn) (net.Conn, error) {
		if e.dialTransport(t, conn.RemoteAddr()) == TransportPlain {
			return conn, nil
		}
		secure := tls.Client(conn, clientTLS(e.cfg.TLS))
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		return secure, nil
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
