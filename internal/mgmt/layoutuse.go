package mgmt

import "net/netip"

// LayoutUse says what a node reads from the layout of its cluster when it starts, and
// cannot be told anew while it runs. Only a change of that is a change of the node's
// plan. It depends on Zeek's version, the cluster's backend and the node script, which
// the agent knows (docs/zeek.md, what a change restarts).
type LayoutUse int

const (
	// WholeLayout is for nodes that cannot be told of a change.
	WholeLayout LayoutUse = iota
	// ShapeOfLayout is for nodes that speak over Broker and that can be told. They connect
	// with new nodes while they run. What they cannot change is who the manager is, whether
	// there are loggers, and whether connections are encrypted.
	ShapeOfLayout
	// LoggersOfLayout is for nodes that speak over ZeroMQ and that can be told. They connect
	// with the manager and with the loggers only when they start.
	LoggersOfLayout
	// OwnEntry is for programs that are no Zeek nodes. They learn their own address, and
	// nothing of the others.
	OwnEntry
)

// layoutUses are the uses with fingerprints of version 2, which have these names there.
var layoutUses = map[LayoutUse]string{ShapeOfLayout: "shape", LoggersOfLayout: "loggers", OwnEntry: "own"}

// LayoutFact is something that a node uses of the layout of its cluster.
type LayoutFact struct {
	Name   string
	Values []string
}

// The names of a LayoutFact. They are part of fingerprints: none of them ever changes.
const (
	// FactManager has the manager's name.
	FactManager = "manager"
	// FactLoggers says that the cluster has loggers. Without loggers, the manager writes
	// the logs.
	FactLoggers = "loggers"
	// FactOneInstance says that all nodes of the cluster are on one instance. Such nodes
	// get keys, certificates and ports from their agent.
	FactOneInstance = "one-instance"
	// FactOwnHost has the node's own address.
	FactOwnHost = "own-host"
	// FactOwnInterface and FactOwnPcapFile have what the node's own entry says.
	FactOwnInterface = "own-interface"
	FactOwnPcapFile  = "own-pcap-file"
	// FactLoopback says that all addresses are loopback addresses: nothing is encrypted.
	FactLoopback = "loopback"
	// FactOneAddress says that all nodes have one address: ZeroMQ's proxy listens on a
	// loopback address then. Otherwise FactManagerHost has the proxy's address.
	FactOneAddress  = "one-address"
	FactManagerHost = "manager-host"
	// FactIPv6 says that a node has an IPv6 address.
	FactIPv6 = "ipv6"
	// FactLogReceiver has a node that receives logs, with its address and port.
	FactLogReceiver = "log-receiver"
)

// LayoutFacts returns what the plan's node uses of the layout, if p.Use is not
// WholeLayout.
func (p Plan) LayoutFacts() []LayoutFact {
	return p.layout().facts(p.Node, p.use())
}

// use returns how the plan's node uses the layout.
func (p Plan) use() LayoutUse { return useOf(p.Node, p.Use) }

// useOf returns how n uses the layout if Zeek nodes use it like this. The program of a
// Command does not read the layout.
func useOf(n Node, zeek LayoutUse) LayoutUse {
	switch {
	case len(n.Command) > 0:
		return OwnEntry
	case zeek != ShapeOfLayout && zeek != LoggersOfLayout:
		return zeek
	case n.Backend == BrokerBackend:
		return ShapeOfLayout
	case n.Backend == ZeroMQBackend:
		return LoggersOfLayout
	}
	return zeek
}

// outline is what the facts of all nodes are made of.
type outline struct {
	manager              NodeName
	hasLoggers           bool
	loopback, oneAddress bool
	ipv6                 bool
	managerAt            netip.Addr
	receivers            []LayoutFact
}

// outline returns the outline of the layout, which it makes once.
func (l *layout) outlined() *outline {
	if l.drawn != nil {
		return l.drawn
	}
	o := &outline{loopback: true, oneAddress: true}
	l.drawn = o
	var first *netip.Addr
	for _, name := range l.sorted() {
		e := l.entries[name]
		host := e.Host.Unmap()
		if first == nil {
			first = &host
		}
		o.loopback = o.loopback && (!KnownHost(host) || host.IsLoopback())
		o.oneAddress = o.oneAddress && host == *first
		o.ipv6 = o.ipv6 || KnownHost(host) && host.Is6()
		switch e.Role {
		case Manager:
			o.manager, o.managerAt = name, host
		case Logger:
			o.hasLoggers = true
		}
	}
	for _, name := range l.sorted() {
		e := l.entries[name]
		if e.Role == Logger || !o.hasLoggers && e.Role == Manager {
			o.receivers = append(o.receivers, LayoutFact{FactLogReceiver, []string{string(name), hostText(e.Host.Unmap()), e.Port.String()}})
		}
	}
	return o
}

func hostText(host netip.Addr) string {
	if !host.IsValid() {
		return ""
	}
	return host.String()
}

// facts returns what n uses of the layout.
func (l *layout) facts(n Node, use LayoutUse) []LayoutFact {
	var facts []LayoutFact
	add := func(is bool, name string, values ...string) {
		if is {
			facts = append(facts, LayoutFact{name, values})
		}
	}
	own := l.entries[n.Name]
	add(own.Host.IsValid(), FactOwnHost, hostText(own.Host))
	if own.Interface != nil {
		add(true, FactOwnInterface, *own.Interface)
	}
	if own.PcapFile != nil {
		add(true, FactOwnPcapFile, *own.PcapFile)
	}
	if use != ShapeOfLayout && use != LoggersOfLayout {
		return facts
	}
	o := l.outlined()
	add(o.manager != "", FactManager, string(o.manager))
	add(o.hasLoggers, FactLoggers)
	add(l.oneInstance, FactOneInstance)
	if use == ShapeOfLayout {
		add(o.loopback, FactLoopback)
		return facts
	}
	add(o.oneAddress, FactOneAddress)
	add(!o.oneAddress, FactManagerHost, hostText(o.managerAt))
	add(o.ipv6, FactIPv6)
	if receives := n.Role == Logger || !o.hasLoggers && n.Role == Manager; !receives {
		facts = append(facts, o.receivers...)
	}
	return facts
}
