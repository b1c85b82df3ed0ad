package mgmt

import "slices"

// AssignedPorts says which ports of a configuration were assigned because its user has
// left them open.
type AssignedPorts struct {
	// Broker and Metrics have, sorted, the nodes whose Broker ports and metrics ports were
	// assigned.
	Broker, Metrics []NodeName
}

// PortsAssigned returns the ports that filled has, and that given leaves open.
func PortsAssigned(given, filled Configuration) AssignedPorts {
	open := make(map[NodeName]Node, len(given.Nodes))
	for _, n := range given.Nodes {
		open[n.Name] = n
	}
	var a AssignedPorts
	for _, n := range filled.Nodes {
		before := open[n.Name]
		if n.Port != nil && before.Port == nil {
			a.Broker = append(a.Broker, n.Name)
		}
		if n.MetricsPort != nil && before.MetricsPort == nil {
			a.Metrics = append(a.Metrics, n.Name)
		}
	}
	slices.Sort(a.Broker)
	slices.Sort(a.Metrics)
	return a
}

// None reports whether no port was assigned.
func (a AssignedPorts) None() bool { return len(a.Broker)+len(a.Metrics) == 0 }

// Equal reports whether a and b are the same ports.
func (a AssignedPorts) Equal(b AssignedPorts) bool {
	return slices.Equal(a.Broker, b.Broker) && slices.Equal(a.Metrics, b.Metrics)
}

// WithoutPorts returns c with these ports left open.
func (c Configuration) WithoutPorts(a AssignedPorts) Configuration { return c.withPorts(a, false) }

// WithOnlyPorts returns c with all ports left open but these.
func (c Configuration) WithOnlyPorts(a AssignedPorts) Configuration { return c.withPorts(a, true) }

// withPorts returns c with these ports, or with the others, left open.
func (c Configuration) withPorts(a AssignedPorts, stay bool) Configuration {
	c.Nodes = slices.Clone(c.Nodes)
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if _, assigned := slices.BinarySearch(a.Broker, n.Name); assigned != stay {
			n.Port = nil
		}
		if _, assigned := slices.BinarySearch(a.Metrics, n.Name); assigned != stay {
			n.MetricsPort = nil
		}
	}
	return c
}
