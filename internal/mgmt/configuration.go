package mgmt

import (
	"maps"
	"net/netip"
	"slices"
	"sort"
)

// Node returns the node called name, and whether there is one.
func (c Configuration) Node(name NodeName) (Node, bool) {
	i := slices.IndexFunc(c.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return Node{}, false
	}
	return c.Nodes[i], true
}

// NodesOf returns the nodes of one instance, sorted by name.
func (c Configuration) NodesOf(instance InstanceName) []Node {
	var nodes []Node
	for _, n := range c.Nodes {
		if n.Instance == instance {
			nodes = append(nodes, n)
		}
	}
	sort.SliceStable(nodes, func(i, j int) bool { return nodes[i].Name < nodes[j].Name })
	return nodes
}

// Same reports whether c and other are the same in every field. As in a text of a configuration, an
// empty list is not an unset one. Configurations that share their lists are the same at once: a
// configuration never changes.
func (c Configuration) Same(other Configuration) bool {
	return c.ID == other.ID && sameList(c.Instances, other.Instances, sameInstance) && sameList(c.Nodes, other.Nodes, sameNode)
}

// SharesNodes reports whether c and other are one configuration in memory. It does not compare what
// is in it, and says no of a configuration without nodes.
func (c Configuration) SharesNodes(other Configuration) bool {
	return c.ID == other.ID && sharedList(c.Nodes, other.Nodes) && (sharedList(c.Instances, other.Instances) || len(c.Instances)+len(other.Instances) == 0)
}

func sharedList[T any](a, b []T) bool { return len(a) > 0 && len(a) == len(b) && &a[0] == &b[0] }

func sameList[T any](a, b []T, same func(a, b *T) bool) bool {
	if len(a) != len(b) || (a == nil) != (b == nil) {
		return false
	}
	if sharedList(a, b) {
		return true
	}
	for i := range a {
		if !same(&a[i], &b[i]) {
			return false
		}
	}
	return true
}

// sameElement is for sameList.
func sameElement[T comparable](a, b *T) bool { return *a == *b }

func samePointer[T comparable](a, b *T) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}

func sameInstance(a, b *Instance) bool {
	return a.Name == b.Name && a.Host == b.Host && samePointer(a.ListenPort, b.ListenPort)
}

func sameNode(a, b *Node) bool {
	return a.Name == b.Name && a.Instance == b.Instance && a.Role == b.Role && a.State == b.State && samePointer(a.Port, b.Port) &&
		sameList(a.Scripts, b.Scripts, sameElement) && sameList(a.Options, b.Options, sameElement) &&
		samePointer(a.Interface, b.Interface) && samePointer(a.CPUAffinity, b.CPUAffinity) &&
		(a.Env == nil) == (b.Env == nil) && maps.Equal(a.Env, b.Env) && samePointer(a.MetricsPort, b.MetricsPort) &&
		sameList(a.Command, b.Command, sameElement) && sameList(a.Bundles, b.Bundles, sameElement) &&
		sameList(a.RunOptions, b.RunOptions, sameElement) && a.Limits == b.Limits && a.Backend == b.Backend
}

// Clone returns a copy of c that shares no memory with it.
func (c Configuration) Clone() Configuration {
	c.Instances = slices.Clone(c.Instances)
	for i := range c.Instances {
		c.Instances[i].ListenPort = clonePointer(c.Instances[i].ListenPort)
	}
	c.Nodes = slices.Clone(c.Nodes)
	for i := range c.Nodes {
		c.Nodes[i] = c.Nodes[i].Clone()
	}
	return c
}

// Clone returns a copy of n that shares no memory with it.
func (n Node) Clone() Node {
	n.Port = clonePointer(n.Port)
	n.Scripts = slices.Clone(n.Scripts)
	n.Options = slices.Clone(n.Options)
	n.Interface = clonePointer(n.Interface)
	n.CPUAffinity = clonePointer(n.CPUAffinity)
	n.Env = maps.Clone(n.Env)
	n.MetricsPort = clonePointer(n.MetricsPort)
	n.Command = slices.Clone(n.Command)
	n.Bundles = slices.Clone(n.Bundles)
	n.RunOptions = slices.Clone(n.RunOptions)
	return n
}

func clonePointer[T any](p *T) *T {
	if p == nil {
		return nil
	}
	return new(*p)
}

// KnownHost reports whether host is an address other than the wildcard. The
// wildcard stands for an unknown address.
func KnownHost(host netip.Addr) bool { return host.IsValid() && !host.IsUnspecified() }

// WithHosts returns a copy of c. An instance whose host is not known gets the host
// of the agent of that name, if agents has one (spec management-api 6.5).
func (c Configuration) WithHosts(agents []Instance) Configuration {
	seen := make(map[InstanceName]netip.Addr, len(agents))
	for _, a := range agents {
		if KnownHost(a.Host) {
			seen[a.Name] = a.Host
		}
	}
	c = c.Clone()
	for i, in := range c.Instances {
		if host, ok := seen[in.Name]; ok && !KnownHost(in.Host) {
			c.Instances[i].Host = host
		}
	}
	return c
}

// RoleRank orders roles for the assignment of ports: manager, logger, proxy,
// worker, all others (spec management-api 6.7).
func RoleRank(r ClusterRole) int {
	switch r {
	case Manager:
		return 0
	case Logger:
		return 1
	case Proxy:
		return 2
	case Worker:
		return 3
	default:
		return 4
	}
}

// listens reports whether nodes of role r accept cluster peers. Such nodes need a
// port.
func (r ClusterRole) listens() bool { return r == Manager || r == Logger || r == Proxy }

// runs reports whether r is a role that a node can have.
func (r ClusterRole) runs() bool { return r.listens() || r == Worker }
