package mgmt

import (
	"cmp"
	"net/netip"
	"slices"
)

// The values for fields of Rules that are zero.
const (
	DefaultBrokerStart  = 2200
	DefaultMetricsStart = 9000
	DefaultMaxInstances = 2_000
	DefaultMaxNodes     = 20_000
)

// Rules says how Check checks a configuration, and how AssignPorts assigns ports.
// The zero Rules assigns nothing and knows of no ports in use.
type Rules struct {
	// AssignBroker gives a Broker port to every manager, logger and proxy that lacks
	// one. If it is false, a missing Broker port is an error.
	AssignBroker bool
	// BrokerStart is the first port to assign. Zero means DefaultBrokerStart.
	BrokerStart uint16
	// AssignMetrics gives a metrics port to every node that lacks one.
	AssignMetrics bool
	// MetricsStart is the first port to assign on each host. Zero means
	// DefaultMetricsStart.
	MetricsStart uint16
	Controller   ControllerSite
	// Deployed is the configuration that is deployed, with those of its ports that were
	// assigned. A node of the same name on the same instance keeps them, so that it need
	// not restart when other nodes come and go.
	Deployed Configuration
	// Agents are the connected agents, with their hosts as the controller sees them.
	// A host here stands for a host that the configuration does not name. The ports
	// are in use.
	Agents []Instance
	// MaxInstances and MaxNodes bound a configuration. Check refuses a larger
	// configuration. Zero means DefaultMaxInstances and DefaultMaxNodes.
	MaxInstances, MaxNodes int
}

// ControllerSite is the controller's name, and the addresses and ports that it uses.
type ControllerSite struct {
	// Name is the controller's name. Empty: it is not known.
	Name string
	// Hosts are addresses of the controller's machine. Loopback addresses need not
	// be named: only an agent on the controller's machine has one.
	Hosts []netip.Addr
	// Broker and WebSocket are the ports on which the controller listens. The zero
	// Port: it does not listen.
	Broker, WebSocket Port
}

// On reports whether an address, as the controller sees it, is an address of the
// controller's machine.
func (s ControllerSite) On(host netip.Addr) bool {
	host = host.Unmap()
	return host.IsLoopback() || slices.ContainsFunc(s.Hosts, func(h netip.Addr) bool {
		return h.Unmap() == host && KnownHost(h)
	})
}

// place is where two programs cannot listen on the same port: a machine, or an
// instance whose machine is not known.
type place struct {
	machine  netip.Addr // the zero Addr: not known
	instance InstanceName
}

// places knows the places of the instances of one configuration.
type places struct {
	controller ControllerSite
	hosts      map[InstanceName]netip.Addr
}

func placesOf(c Configuration, r Rules) places {
	hosts := make(map[InstanceName]netip.Addr, len(c.Instances))
	for _, in := range c.WithHosts(r.Agents).Instances {
		hosts[in.Name] = in.Host
	}
	return places{r.Controller, hosts}
}

// of returns the place of an instance.
func (p places) of(instance InstanceName) place {
	if m := p.machine(p.hosts[instance]); m.IsValid() {
		return place{machine: m}
	}
	return place{instance: instance}
}

// machine returns the address that stands for a host's machine. Two addresses that
// are known to belong to one machine give the same address. A host that is not
// known gives the zero Addr.
func (p places) machine(host netip.Addr) netip.Addr {
	switch {
	case !KnownHost(host):
		return netip.Addr{}
	case p.controller.On(host):
		return controllerMachine
	default:
		return host.Unmap()
	}
}

// controllerMachine stands for the controller's machine.
var controllerMachine = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// controllerPort is a port of the controller, with its name in messages.
type controllerPort struct {
	name string
	port Port
}

func (s ControllerSite) ports() []controllerPort {
	all := []controllerPort{{"controller", s.Broker}, {"controller WebSocket", s.WebSocket}}
	return slices.DeleteFunc(all, func(p controllerPort) bool { return p.port.Number == 0 })
}

func (r Rules) maxInstances() int    { return cmp.Or(r.MaxInstances, DefaultMaxInstances) }
func (r Rules) maxNodes() int        { return cmp.Or(r.MaxNodes, DefaultMaxNodes) }
func (r Rules) brokerStart() uint16  { return cmp.Or(r.BrokerStart, DefaultBrokerStart) }
func (r Rules) metricsStart() uint16 { return cmp.Or(r.MetricsStart, DefaultMetricsStart) }
