package migration

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

// instanceNames gives hosts the names of instances. Two spellings of an address are one host,
// and all names of the loopback address are this host.
type instanceNames struct {
	options Options
	byHost  map[string]mgmt.InstanceName // by canonical host
	hosts   []Host
	short   map[string]int // how many hosts begin with this label
}

// canonicalHost returns the same text for all spellings of a host that need no name service.
func canonicalHost(host string) string {
	host = strings.TrimSpace(host)
	if zeekctl.IsLocal(host) {
		return "localhost"
	}
	if addr, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return addr.Unmap().WithZone("").String()
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// newInstanceNames names the instances of these hosts: a name by its first label, if no other
// host has the same, and an address by its digits.
func newInstanceNames(o Options, hosts []string) (*instanceNames, error) {
	n := &instanceNames{options: o, byHost: map[string]mgmt.InstanceName{}, short: map[string]int{}}
	seen := map[string]bool{}
	for _, host := range hosts {
		host = canonicalHost(host)
		if !seen[host] {
			seen[host] = true
			n.short[label(host)]++
		}
	}
	taken := map[mgmt.InstanceName]string{}
	for _, host := range hosts {
		key := canonicalHost(host)
		if _, known := n.byHost[key]; known {
			continue
		}
		name := n.choose(host, key)
		if err := mgmt.CheckName(string(name)); err != nil {
			return nil, fmt.Errorf("host %q cannot have an instance named %q: %v; choose a name with --instance", host, name, err)
		}
		if other, twice := taken[name]; twice {
			return nil, fmt.Errorf("hosts %s and %s would both be instance %s; choose names with --instance", other, host, name)
		}
		taken[name] = host
		n.byHost[key] = name
		n.hosts = append(n.hosts, Host{host, name})
	}
	return n, nil
}

func (n *instanceNames) choose(host, key string) mgmt.InstanceName {
	for chosen, name := range n.options.Instances {
		if canonicalHost(chosen) == key {
			return name
		}
	}
	first := label(key)
	switch addr, err := netip.ParseAddr(key); {
	case err == nil && addr.Is4():
		return mgmt.InstanceName("host-" + strings.ReplaceAll(key, ".", "-"))
	case err == nil:
		return mgmt.InstanceName("host-" + strings.Trim(strings.ReplaceAll(strings.ReplaceAll(key, "::", "-"), ":", "-"), "-"))
	case key == "localhost":
		return n.options.localInstance()
	case n.short[first] > 1:
		return mgmt.InstanceName(key)
	}
	return mgmt.InstanceName(first)
}

// label returns the first label of a host name. An address is one label.
func label(host string) string {
	if _, err := netip.ParseAddr(host); err == nil {
		return host
	}
	first, _, _ := strings.Cut(host, ".")
	return first
}

func (n *instanceNames) of(host string) mgmt.InstanceName { return n.byHost[canonicalHost(host)] }

// unknown returns the hosts for which names were chosen, and that there are none of.
func (n *instanceNames) unknown() []string {
	var list []string
	for host := range n.options.Instances {
		if _, ok := n.byHost[canonicalHost(host)]; !ok {
			list = append(list, host)
		}
	}
	return list
}
