package controller

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// target is a configuration with indexes for lookups. A target never changes. Two
// targets are the same configuration only if they are the same pointer.
type target struct {
	config    mgmt.Configuration
	instances map[mgmt.InstanceName]mgmt.Instance
	nodes     map[mgmt.NodeName]mgmt.Node
	of        map[mgmt.InstanceName][]mgmt.Node // the nodes of an instance, in the configuration's order
	bundles   []mgmt.Bundle                     // of all nodes
}

func newTarget(c mgmt.Configuration) *target {
	t := &target{
		config:    c,
		instances: make(map[mgmt.InstanceName]mgmt.Instance, len(c.Instances)),
		nodes:     make(map[mgmt.NodeName]mgmt.Node, len(c.Nodes)),
		of:        make(map[mgmt.InstanceName][]mgmt.Node, len(c.Instances)),
		bundles:   c.Bundles(),
	}
	for _, in := range c.Instances {
		t.instances[in.Name] = in
	}
	for _, n := range c.Nodes {
		t.nodes[n.Name] = n
		t.of[n.Instance] = append(t.of[n.Instance], n)
	}
	return t
}

// has reports whether t, which may be nil, has that instance.
func (t *target) has(name mgmt.InstanceName) bool {
	if t == nil {
		return false
	}
	_, ok := t.instances[name]
	return ok
}

// unknownNodes returns the nodes of an instance of t, which may be nil, with
// their state UNKNOWN.
func (t *target) unknownNodes(name mgmt.InstanceName) mgmt.NodeStatuses {
	if t == nil {
		return nil
	}
	var statuses mgmt.NodeStatuses
	for _, n := range t.of[name] {
		statuses = append(statuses, mgmt.NodeStatus{
			Node: n.Name, State: mgmt.Unknown, MgmtRole: mgmt.RoleNone, ClusterRole: n.Role,
			Port: n.Port, MetricsPort: n.MetricsPort,
		})
	}
	return statuses
}

// split sorts names, without repetitions, into the nodes of t and others.
func (t *target) split(names []mgmt.NodeName) (known, strange []mgmt.NodeName) {
	for _, n := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if _, ok := t.nodes[n]; ok {
			known = append(known, n)
		} else {
			strange = append(strange, n)
		}
	}
	return known, strange
}

// byInstance returns the named nodes, or all nodes if none is named, by instance
// and sorted.
func (t *target) byInstance(names []mgmt.NodeName) map[mgmt.InstanceName][]mgmt.NodeName {
	if len(names) == 0 {
		names = slices.Sorted(maps.Keys(t.nodes))
	}
	by := map[mgmt.InstanceName][]mgmt.NodeName{}
	for _, n := range names {
		in := t.nodes[n].Instance
		by[in] = append(by[in], n)
	}
	return by
}

// runs reports whether t, which may be nil, has that node on that instance.
func (t *target) runs(instance mgmt.InstanceName, name mgmt.NodeName) bool {
	if t == nil {
		return false
	}
	n, ok := t.nodes[name]
	return ok && n.Instance == instance
}

// dialAddr returns the address at which the controller dials this instance. It
// returns false if the instance must dial the controller. An unknown host counts as
// the controller's own host, as in a socket's address.
func dialAddr(in mgmt.Instance) (netip.AddrPort, bool) {
	if in.ListenPort == nil {
		return netip.AddrPort{}, false
	}
	return netip.AddrPortFrom(local(in.Host), in.ListenPort.Number), true
}

func local(host netip.Addr) netip.Addr {
	switch {
	case host == netip.IPv6Unspecified():
		return netip.IPv6Loopback()
	case !mgmt.KnownHost(host):
		return netip.AddrFrom4([4]byte{127, 0, 0, 1})
	}
	return host
}
