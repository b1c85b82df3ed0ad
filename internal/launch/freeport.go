package launch

import (
	"errors"
	"net"
	"net/netip"
)

// Loopback is the address on which nodes serve their agent.
var Loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// portAttempts bounds how often the system is asked for another port.
const portAttempts = 100

// freePort returns a TCP port of the loopback address that is not in taken and on
// which nothing listens. If another program takes the port before the node does,
// the node fails to listen, and the next launch asks for another port.
func freePort(taken map[uint16]bool) (uint16, error) {
	for range portAttempts {
		ln, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(Loopback, 0)))
		if err != nil {
			return 0, err
		}
		port := netip.MustParseAddrPort(ln.Addr().String()).Port()
		ln.Close()
		if !taken[port] {
			return port, nil
		}
	}
	return 0, errors.New("every port that the system offers is meant for something else")
}

// isFree reports whether nothing listens on a port of the loopback address.
func isFree(port uint16) bool {
	ln, err := net.ListenTCP("tcp4", net.TCPAddrFromAddrPort(netip.AddrPortFrom(Loopback, port)))
	if err != nil {
		return false
	}
	ln.Close()
	return true
}
