package zeek

import (
	"fmt"
	"net/netip"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Listen is an address and port where a node will listen, and for what.
type Listen struct {
	// What is "broker", ListenProxy, ListenLogs, "metrics" or "websocket".
	What string
	// Addr with an unspecified address means all addresses.
	Addr netip.AddrPort
}

// The values of Listen.What for ZeroMQ.
const (
	ListenProxy = "zeromq proxy"
	ListenLogs  = "zeromq logger"
)

// Listens returns the addresses and ports where the node will listen for TCP
// connections. If a port is taken, the node ends at its start; a taken port of
// Broker leaves the node without peers instead.
func (d Deployment) Listens() ([]Listen, error) {
	c, err := d.cluster()
	if err != nil {
		return nil, fmt.Errorf("tell where node %s listens: %w", d.Plan.Node.Name, err)
	}
	own := c.own()
	var all []Listen
	add := func(what string, a netip.Addr, port uint16) {
		if !a.IsValid() {
			a = netip.IPv4Unspecified()
		}
		if port != 0 {
			all = append(all, Listen{what, netip.AddrPortFrom(a.WithZone(""), port)})
		}
	}
	switch {
	case d.backend() == Broker && own.Role != mgmt.Worker:
		add("broker", d.listenAddr(c), listeningPort(own.Port))
	case d.backend() == ZeroMQ && c.self == c.manager:
		p := d.zeroMQ(c)
		add(ListenProxy, p.addr, p.xPub)
		add(ListenProxy, p.addr, p.xSub)
	}
	if d.backend() == ZeroMQ && c.writesLogs() {
		add(ListenLogs, own.Host, listeningPort(own.Port))
	}
	if own.MetricsPort != nil && hasMetricsPorts(d.version()) {
		add("metrics", d.metricsAddr(c), listeningPort(*own.MetricsPort))
	}
	if d.agentProtocol() == AgentWebSocket {
		add("websocket", loopback, d.WebSocketPort)
	}
	return all, nil
}

// listeningPort returns the number of a TCP port, and 0 for any other port:
// nothing listens there.
func listeningPort(p mgmt.Port) uint16 {
	if p.Proto != mgmt.TCP {
		return 0
	}
	return p.Number
}
