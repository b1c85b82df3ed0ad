package controller

import (
	"net/netip"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// target is a configuration with what is looked up in it. It does not change;
// two targets are the same configuration only if they are the same pointer.
type target struct {
	config    mgmt.Configuration
	instances map[mgmt.InstanceName]mgmt.Instance
	nodes     map[mgmt.NodeName]mgmt.Node
	of        map[mgmt.InstanceName][]mgmt.Node // the nodes of an instance, in the configuration's order
}

func newTarget(c mgmt.Configuration) *target {
	t := &target{
		config:    c,
		instances: make(map[mgmt.InstanceName]mgmt.Instance, len(c.Instances)),
		nodes:     make(map[mgmt.NodeName]mgmt.Node, len(c.Nodes)),
		of:        make(map[mgmt.InstanceName][]mgmt.Node, len(c.Instances)),
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

// dialAddr returns where the controller dials this instance, and false if the
// instance is to dial the controller. An unknown host is this one, as it is
// for a socket.
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
