package bus

import (
	"crypto/tls"
	"crypto/x509"
	"net"
	"net/netip"
)

// Caller is what this host itself knows of the other end of a connection,
// whatever the other end says.
type Caller struct {
	// Local says that the other end is a socket of this host.
	Local bool
	// Known says that UID and Inode count.
	Known bool
	// UID is the user who made the socket at the other end.
	UID uint32
	// Inode is that socket among those of this host.
	Inode uint64
	// Trusted says that this user may do what the endpoint is there for.
	Trusted bool
	// Own says that this is the endpoint's own user, or root: seats are reserved
	// for those.
	Own bool
}

// Screen says who has the socket at remote that is connected with local, of this
// host. An error says why the caller may not become a peer.
type Screen func(remote, local netip.AddrPort) (Caller, error)

// screen asks Config.Screen about a connection, if it has addresses.
func (e *Endpoint) screen(conn net.Conn) (Caller, error) {
	remote, local := addrPort(conn.RemoteAddr()), addrPort(conn.LocalAddr())
	if e.cfg.Screen == nil || !remote.IsValid() {
		return Caller{}, nil
	}
	return e.cfg.Screen(remote, local)
}

// certificate returns what a native peer has shown and this side has verified;
// nil if there is no such certificate. With an identity of its own, an endpoint
// verifies each certificate that it is shown; without, none.
func (e *Endpoint) certificate(conn net.Conn) *x509.Certificate {
	secure, ok := conn.(*tls.Conn)
	if !ok || e.cfg.TLS == nil {
		return nil
	}
	if shown := secure.ConnectionState().PeerCertificates; len(shown) > 0 {
		return shown[0]
	}
	return nil
}

// clientCertificate is certificate for the clients of a WebSocket listener.
func clientCertificate(conn net.Conn) *x509.Certificate {
	secure, ok := conn.(*tls.Conn)
	if !ok {
		return nil
	}
	if chains := secure.ConnectionState().VerifiedChains; len(chains) > 0 {
		return chains[0][0]
	}
	return nil
}
