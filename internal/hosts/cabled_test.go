package hosts

import (
	"maps"
	"slices"
	"testing"
)

// newCabledHosts makes hosts with these addresses on one network. Each host is connected by a
// cable, whose first end is at the host.
func newCabledHosts(t *testing.T, addrs map[string]string) (map[string]*host, map[string]*cable) {
	t.Helper()
	lan, middle := newSwitch(t), newNamespace(t, "cables")
	hosts, cables := map[string]*host{}, map[string]*cable{}
	for _, name := range slices.Sorted(maps.Keys(addrs)) {
		h, c := newHost(t, name), &cable{}
		c.set(quality{})
		atHost := c.plug(t, middle, name+"-a", h.ns, "eth0", addrs[name]+"/24")
		atSwitch := c.plug(t, middle, name+"-b", lan, name, "")
		ip(t, "-n", string(lan), "link", "set", name, "master", "lan")
		c.connect(t, atHost, atSwitch)
		hosts[name], cables[name] = h, c
	}
	return hosts, cables
}
