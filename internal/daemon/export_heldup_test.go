package daemon

import (
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/sockowner"
)

// HeldUp returns the error of an agent that could not connect with a node on a port
// because of err. With TLS, the agent says who else is connected with the port.
func HeldUp(port uint16, withTLS bool, holders func(uint64) []sockowner.Process, err error) error {
	s := &nodeSocket{port: port, holders: holders}
	if withTLS {
		s.tls = launch.SocketTLS{Server: "s", Certificate: "c", Key: "k"}
	}
	return s.heldUp(err)
}
