package bus

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
)

// Transport says what native connections run over.
type Transport uint8

const (
	// TransportAuto is TLS where Config.TLS is set. Without it, a listener
	// takes plain TCP and TLS from peers that reach it at a loopback address
	// and TLS alone from others; a dialer speaks plain TCP to loopback addresses
	// and TLS elsewhere. Either way, a listener takes both from callers of this
	// host whom Config.Screen lets in.
	TransportAuto Transport = iota
	// TransportPlain is TCP without TLS.
	TransportPlain
	// TransportTLS is TLS: mutually authenticated where Config.TLS is set; else
	// encrypted only, against a certificate that the listener makes for itself
	// and nobody verifies. A Zeek without TLS configuration can dial such a
	// listener, but cannot be dialed (spec broker-wire 2.5).
	TransportTLS
	// TransportBoth lets a listener take both, told apart by the first byte.
	TransportBoth
)

// ErrTransport refuses a connection that is TLS where it must not be, or plain
// where it must be TLS.
var ErrTransport = errors.New("transport not allowed")

// tlsRecord is the first byte of every TLS connection, and of no plain one, whose
// first byte is the highest of a message's length.
const tlsRecord = 0x16

// acceptor puts TLS on accepted connections, where it is due.
type acceptor struct {
	endpoint  *Endpoint
	transport Transport
	config    *tls.Config
}

// takes decides what is taken on a connection to addr; known says that it comes
// from a caller of this host who is let in.
func (a acceptor) takes(addr net.Addr, known bool) Transport {
	switch {
	case a.transport != TransportAuto:
		return a.transport
	case known, a.endpoint.cfg.TLS == nil && local(addr):
		return TransportBoth
	}
	return TransportTLS
}

// mutual reports whether a caller who is not known must show a certificate on
// conn.
func (a acceptor) mutual(conn net.Conn) bool {
	return a.endpoint.cfg.TLS != nil && a.takes(conn.LocalAddr(), false) == TransportTLS
}

// dialTransport decides what is spoken to the address that was dialed.
func (e *Endpoint) dialTransport(t Transport, addr net.Addr) Transport {
	switch {
	case t != TransportAuto:
		return t
	case e.cfg.TLS == nil && local(addr):
		return TransportPlain
	}
	return TransportTLS
}

// local reports whether connections of addr cannot leave this host.
func local(addr net.Addr) bool {
	tcp, ok := addr.(*net.TCPAddr)
	return !ok || tcp.IP.IsLoopback()
}

// opener returns what puts TLS on a connection, where it is due.
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
			if t == TransportBoth {
				return conn, nil
			}
			return nil, fmt.Errorf("%w: the peer speaks plain TCP, this listener takes TLS only", ErrTransport)
		}
		secure := tls.Server(conn, config)
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, fmt.Errorf("TLS handshake: %w", err)
		}
		return secure, nil
	}
}

// dialer returns what puts TLS on dialed connections, where it is due.
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

// peeked is a connection whose first bytes have been read.
type peeked struct {
	net.Conn
	first []byte
}

// Read returns the first bytes again, then goes on.
func (p *peeked) Read(b []byte) (int, error) {
	if len(p.first) > 0 {
		n := copy(b, p.first)
		p.first = p.first[n:]
		return n, nil
	}
	return p.Conn.Read(b)
}

// CloseWrite closes the sending half where the connection has halves.
func (p *peeked) CloseWrite() error {
	if half, ok := p.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return errors.ErrUnsupported
}
