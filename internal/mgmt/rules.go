package mgmt

import (
	"cmp"
	"net/netip"
	"slices"
)

// Where Rules leaves them open.
const (
	DefaultBrokerStart  = 2200
	DefaultMetricsStart = 9000
	DefaultMaxInstances = 2_000
	DefaultMaxNodes     = 20_000
)

// Rules is what a configuration is judged by, and by what its missing ports are
// assigned. The zero Rules assigns nothing and knows of no ports in use.
type Rules struct {
	// AssignBroker gives a Broker port to every manager, logger and proxy that
	// lacks one; otherwise lacking one is an error.
	AssignBroker bool
	// BrokerStart is the first port to assign. Zero means DefaultBrokerStart.
	BrokerStart uint16
	// AssignMetrics gives a metrics port to every node that lacks one.
	AssignMetrics bool
	// MetricsStart is the first port to assign on each host. Zero means
	// DefaultMetricsStart.
	MetricsStart uint16
	Controller   ControllerSite
	// Agents are the agents as the controller sees them: their hosts fill in for
	// hosts that the configuration leaves open, and their ports are in use.
	Agents []Instance
	// MaxInstances and MaxNodes bound a configuration; one that is larger is
	// refused. Zero means DefaultMaxInstances and DefaultMaxNodes.
	MaxInstances, MaxNodes int
}

// ControllerSite is what the controller occupies.
type ControllerSite struct {
	// Name is the controller's; empty is not known.
	Name string
	// Hosts are addresses of the controller's machine. Loopback addresses always
	// count as such: an agent is seen at one only if it is on that machine.
	Hosts []netip.Addr
	// Broker and WebSocket are where the controller listens; the zero Port is
	// nowhere.
	Broker, WebSocket Port
}

// On tells whether an address that the controller sees is one of its machine.
func (s ControllerSite) On(host netip.Addr) bool {
	host = host.Unmap()
	return host.IsLoopback() || slices.ContainsFunc(s.Hosts, func(h netip.Addr) bool {
		return h.Unmap() == host && KnownHost(h)
	})
}

// place is where ports cannot be used twice: a machine, or an instance of whose
// machine nothing is known.
type place struct {
	machine  netip.Addr // the zero Addr: not known
	instance InstanceName
}

// places tells where the instances and nodes of one configuration are.
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

// machine returns one address for all that lead to the same machine, as far as
// is known, and the zero Addr for hosts that are not known.
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

var controllerMachine = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// controllerPort is one of the controller's ports, by what messages call it.
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
