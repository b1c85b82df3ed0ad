package bus

import (
	"net"
	"net/netip"
)

// Caller is what this host knows of the other side of a connection without asking
// it.
type Caller struct {
	// Local says that the other side is a socket of this host.
	Local bool
	// Known says that UID and Inode are set.
	Known bool
	// UID is the user who has made the socket of the other side.
	UID uint32
	// Inode is the inode of that socket.
	Inode uint64
	// Trusted says that the endpoint may do what this user asks.
	Trusted bool
	// Own says that the user is root or the endpoint's own user. Such a caller may
	// have a reserved seat.
	Own bool
}

// Screen returns who has the socket at remote. local is the socket of this host that
// is connected with it. An error says why the caller may not become a peer.
type Screen func(remote, local netip.AddrPort) (Caller, error)

// screen asks Config.Screen about a connection, if the connection has IP addresses.
func (e *Endpoint) screen(conn net.Conn) (Caller, error) {
	remote, local := addrPort(conn.RemoteAddr()), addrPort(conn.LocalAddr())
	if e.cfg.Screen == nil || !remote.IsValid() {
		return Caller{}, nil
	}
	return e.cfg.Screen(remote, local)
}
