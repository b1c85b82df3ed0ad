package zeek

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// loopback is the address of nodes whose hosts have no known address. Such nodes
// are all on one host.
var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// cluster is a plan as one of its nodes sees it.
type cluster struct {
	self    mgmt.NodeName
	entries map[mgmt.NodeName]mgmt.ClusterEndpoint // with known hosts only
	names   []mgmt.NodeName                        // of entries, sorted
	manager mgmt.NodeName                          // "" is none
	loggers int

	// oneAddress says that all nodes have the same address: they share a host.
	oneAddress bool
	// loopback says that all addresses are loopback addresses.
	loopback bool
}

// newCluster returns the plan as its node sees it, or an error that says why Zeek
// cannot use its layout.
func newCluster(p mgmt.Plan, v Version) (*cluster, error) {
	c := &cluster{self: p.Node.Name, entries: maps.Clone(p.Cluster), names: slices.Sorted(maps.Keys(p.Cluster))}
	if _, ok := c.entries[c.self]; !ok {
		return nil, errors.New("the cluster's layout has no entry for it")
	}
	if err := c.setHosts(); err != nil {
		return nil, err
	}
	for _, name := range c.names {
		switch c.entries[name].Role {
		case mgmt.Manager:
			if c.manager != "" {
				return nil, fmt.Errorf("the cluster has two managers, %s and %s", c.manager, name)
			}
			c.manager = name
		case mgmt.Logger:
			c.loggers++
		case mgmt.Proxy, mgmt.Worker:
		default:
			return nil, fmt.Errorf("node %s has no role in the cluster", name)
		}
	}
	if e := c.own(); hasInterfaces(v) && e.Interface == nil {
		e.Interface = p.Node.Interface
		c.entries[c.self] = e
	}
	return c, nil
}

// setHosts gives nodes without a known address the loopback address. It returns an
// error if only some of the nodes have a known address.
func (c *cluster) setHosts() error {
	first := c.entries[c.names[0]].Host.Unmap()
	c.oneAddress, c.loopback = true, true
	for _, name := range c.names {
		e := c.entries[name]
		e.Host = e.Host.Unmap()
		if known(e.Host) != known(first) {
			return errors.New("the addresses of some of the cluster's hosts are known, and of others are not")
		}
		if !known(e.Host) {
			e.Host = loopback
		}
		c.entries[name] = e
		c.oneAddress = c.oneAddress && e.Host == c.entries[c.names[0]].Host
		c.loopback = c.loopback && e.Host.IsLoopback()
	}
	return nil
}

func known(a netip.Addr) bool { return a.IsValid() && !a.IsUnspecified() }

func (c *cluster) own() mgmt.ClusterEndpoint { return c.entries[c.self] }

// managerIsLogger says that the manager writes the logs, because the cluster has no
// logger.
func (c *cluster) managerIsLogger() bool { return c.loggers == 0 }

// writesLogs tells whether the node writes the cluster's logs.
func (c *cluster) writesLogs() bool {
	return c.own().Role == mgmt.Logger || c.managerIsLogger() && c.self == c.manager
}

// hasIPv6 tells whether a node has an IPv6 address.
func (c *cluster) hasIPv6() bool {
	return slices.ContainsFunc(c.names, func(n mgmt.NodeName) bool { return c.entries[n].Host.Is6() })
}

// hasInterface tells whether a node has a known interface.
func (c *cluster) hasInterface() bool {
	return slices.ContainsFunc(c.names, func(n mgmt.NodeName) bool { return c.entries[n].Interface != nil })
}

// layout renders cluster-layout.zeek. Zeek loads this file in the middle of its own
// scripts. So the file loads no script, and sets no variable of another framework
// (spec zeek-launch 2.1).
func (c *cluster) layout(v Version) string {
	var b strings.Builder
	quiet := c.hasInterface() && deprecatesInterfaces(v)
	if quiet {
		b.WriteString("@pragma push ignore-deprecations\n")
	}
	b.WriteString("redef Cluster::nodes = {\n")
	for _, name := range c.names {
		fmt.Fprintf(&b, "\t[%s] = [%s],\n", quote(string(name)), strings.Join(c.fields(name, v), ", "))
	}
	b.WriteString("};\n")
	if quiet {
		b.WriteString("@pragma pop ignore-deprecations\n")
	}
	b.WriteString("\n")
	fmt.Fprintf(&b, "redef Cluster::manager_is_logger = %s;\n", boolLiteral(c.managerIsLogger()))
	return b.String()
}

// fields renders the fields of a node's entry. A worker gets no port, because no
// node connects to it.
func (c *cluster) fields(name mgmt.NodeName, v Version) []string {
	e := c.entries[name]
	p := e.Port
	if e.Role == mgmt.Worker {
		p = mgmt.NoPort
	}
	fields := []string{"$node_type=Cluster::" + string(e.Role), "$ip=" + addrLiteral(e.Host)}
	if zone := e.Host.Zone(); zone != "" {
		fields = append(fields, "$zone_id="+quote(zone))
	}
	fields = append(fields, "$p="+portLiteral(p)) // mandatory up to Zeek 7.0
	if c.manager != "" && name != c.manager {
		fields = append(fields, "$manager="+quote(string(c.manager)))
	}
	if e.Interface != nil && hasInterfaces(v) {
		fields = append(fields, "$interface="+quote(*e.Interface))
	}
	if e.MetricsPort != nil && hasMetricsPorts(v) {
		fields = append(fields, "$metrics_port="+portLiteral(*e.MetricsPort))
	}
	return fields
}
