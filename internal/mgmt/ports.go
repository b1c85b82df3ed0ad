package mgmt

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
)

// AssignPorts returns a copy of c with the missing ports that rules say to assign:
// Broker ports from one sequence for the whole cluster, metrics ports from one
// sequence per host (spec management-api 6.7 to 6.9). Ports that are set stay. Unlike
// Zeek's controller, it passes over the ports of the controller and of agents, and
// over metrics ports of the same host. Where no such ports are in the way, the
// numbers are those that Zeek assigns (7.3, G-C16). A node that is deployed keeps its
// ports where they are free (Rules.Deployed).
//
// If there are not enough ports, it also returns the sorted errors, and the copy
// must not be deployed. The same arguments always give the same ports. Assigning
// again changes nothing.
func (c Configuration) AssignPorts(rules Rules) (Configuration, []string) {
	c = c.Clone()
	a := newAssigner(c, rules)
	a.keep(rules)
	if rules.AssignBroker {
		a.broker(int(rules.brokerStart()))
	}
	if rules.AssignMetrics {
		a.metrics(int(rules.metricsStart()))
	}
	slices.Sort(a.errs)
	return c, a.errs
}

// assigner assigns ports to the nodes of a configuration. It writes them into that
// configuration.
type assigner struct {
	nodes  []*Node // in the order of assignment
	places places
	// everywhere has the numbers that cannot be the Broker port of any node. there
	// has the numbers in use on each machine. All unknown machines are one machine
	// here, as for Zeek.
	everywhere portSet
	there      map[netip.Addr]portSet
	errs       []string
}

type portSet map[uint16]bool

func newAssigner(c Configuration, rules Rules) *assigner {
	a := &assigner{places: placesOf(c, rules), everywhere: portSet{}, there: make(map[netip.Addr]portSet)}
	for i := range c.Nodes {
		a.nodes = append(a.nodes, &c.Nodes[i])
	}
	slices.SortStableFunc(a.nodes, func(x, y *Node) int {
		return cmp.Or(cmp.Compare(x.Instance, y.Instance),
			cmp.Compare(RoleRank(x.Role), RoleRank(y.Role)), cmp.Compare(x.Name, y.Name))
	})
	for _, p := range rules.Controller.ports() {
		a.machine(controllerMachine)[p.port.Number] = true
		a.machine(netip.Addr{})[p.port.Number] = true // the unknown machine may be the controller's
	}
	a.everywhere[rules.Controller.Broker.Number] = true // Check refuses this port on every machine
	for _, in := range c.Instances {
		if in.ListenPort != nil {
			a.everywhere[in.ListenPort.Number] = true
			a.at(in.Name)[in.ListenPort.Number] = true
		}
	}
	for _, in := range rules.Agents {
		if in.ListenPort != nil {
			a.machine(a.places.machine(in.Host))[in.ListenPort.Number] = true
		}
	}
	for _, n := range a.nodes {
		if n.Port != nil {
			a.everywhere[n.Port.Number] = true
			a.at(n.Instance)[n.Port.Number] = true
		}
		if n.MetricsPort != nil {
			a.at(n.Instance)[n.MetricsPort.Number] = true
		}
	}
	return a
}

// at returns the numbers in use on the machine of an instance.
func (a *assigner) at(instance InstanceName) portSet {
	return a.machine(a.places.of(instance).machine)
}

func (a *assigner) machine(m netip.Addr) portSet {
	if a.there[m] == nil {
		a.there[m] = portSet{}
	}
	return a.there[m]
}

// keep gives nodes the ports that they have in the deployed configuration, unless they
// are in use now.
func (a *assigner) keep(rules Rules) {
	deployed := make(map[NodeName]*Node, len(rules.Deployed.Nodes))
	for i := range rules.Deployed.Nodes {
		deployed[rules.Deployed.Nodes[i].Name] = &rules.Deployed.Nodes[i]
	}
	for _, n := range a.nodes {
		before := deployed[n.Name]
		if before == nil || before.Instance != n.Instance || !n.Role.runs() || n.isProgram() {
			continue
		}
		here := a.at(n.Instance)
		if p := before.Port; rules.AssignBroker && n.listens() && n.Port == nil && isFree(p, a.everywhere, here) {
			n.Port = new(*p)
			a.everywhere[p.Number], here[p.Number] = true, true
		}
		if p := before.MetricsPort; rules.AssignMetrics && n.MetricsPort == nil && isFree(p, here) {
			n.MetricsPort = new(*p)
			here[p.Number] = true
		}
	}
}

// isFree reports whether p is a TCP port that is in none of the sets.
func isFree(p *Port, used ...portSet) bool {
	if p == nil || p.Number == 0 || p.Proto != TCP {
		return false
	}
	for _, set := range used {
		if set[p.Number] {
			return false
		}
	}
	return true
}

func (a *assigner) broker(start int) {
	next := start
	for _, n := range a.nodes {
		if !n.listens() || n.Port != nil {
			continue
		}
		here := a.at(n.Instance)
		next = nextFree(next, a.everywhere, here)
		if n.Port = portNumber(next); n.Port == nil {
			a.exhausted(n.Name, "Broker", start)
			continue
		}
		a.everywhere[n.Port.Number] = true
		here[n.Port.Number] = true
		next++
	}
}

func (a *assigner) metrics(start int) {
	next := make(map[netip.Addr]int)
	for _, n := range a.nodes {
		if !n.Role.runs() || n.isProgram() || n.MetricsPort != nil {
			continue
		}
		m := a.places.of(n.Instance).machine
		here := a.machine(m)
		next[m] = nextFree(max(start, next[m]), here, nil)
		if n.MetricsPort = portNumber(next[m]); n.MetricsPort == nil {
			a.exhausted(n.Name, "metrics", start)
			continue
		}
		here[n.MetricsPort.Number] = true
	}
}

// nextFree returns the first number from n on that is in neither set. If there is
// none, the number is greater than the last port.
func nextFree(n int, used, alsoUsed portSet) int {
	for n <= math.MaxUint16 && (used[uint16(n)] || alsoUsed[uint16(n)]) {
		n++
	}
	return n
}

// portNumber returns the TCP port n, and nil if n is greater than the last port.
func portNumber(n int) *Port {
	if n > math.MaxUint16 {
		return nil
	}
	return new(TCPPort(uint16(n)))
}

func (a *assigner) exhausted(node NodeName, kind string, start int) {
	a.errs = append(a.errs, fmt.Sprintf("node '%s' lacks a %s port, and none is free from %d/tcp on", node, kind, start))
}
