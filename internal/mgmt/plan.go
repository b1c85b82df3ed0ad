package mgmt

import (
	"cmp"
	"iter"
	"maps"
	"slices"
	"sort"
)

// Plan is everything that decides how a node is launched: the node's description,
// and the layout of the cluster that the node gets. If a node's old and new plan
// are equal, the node needs no restart.
type Plan struct {
	Node    Node
	Cluster map[NodeName]ClusterEndpoint
	// OneInstance says that all nodes of the cluster are on the instance of Node. It
	// is no part of a fingerprint before version 2: earlier programs did not have it, and
	// the nodes that they launched go on.
	OneInstance bool
	// Use says how Node uses Cluster if it is a Zeek node.
	Use LayoutUse
}

// PlanFor returns the plan of the node called name, and false if the
// configuration has no such node. It clears State, on which no launch depends, and
// sorts sets.
func PlanFor(c Configuration, name NodeName) (Plan, bool) {
	n, ok := c.Node(name)
	if !ok {
		return Plan{}, false
	}
	return Plan{Node: launchedAs(n), Cluster: layoutOf(c), OneInstance: len(c.NodesOf(n.Instance)) == len(c.Nodes)}, true
}

// Plans are the plans of all nodes of one instance. They share the layout of the
// cluster, which their fingerprints render once. A Plans is for one goroutine.
type Plans struct {
	nodes  map[NodeName]Node
	layout layout
	use    LayoutUse
}

// PlansOf returns the plans of the nodes that c has on the instance, if nothing is known
// of how Zeek nodes use the layout.
func PlansOf(c Configuration, instance InstanceName) *Plans {
	return PlansUsing(c, instance, WholeLayout)
}

// PlansUsing returns the plans of the nodes that c has on the instance. Its Zeek nodes
// use the layout as use says.
func PlansUsing(c Configuration, instance InstanceName, use LayoutUse) *Plans {
	p := &Plans{nodes: make(map[NodeName]Node), layout: newLayout(c), use: use}
	for _, n := range c.NodesOf(instance) {
		p.nodes[n.Name] = launchedAs(n)
	}
	p.layout.oneInstance = len(p.nodes) == len(c.Nodes)
	return p
}

// All returns every plan, sorted by the name of its node.
func (p *Plans) All() iter.Seq2[NodeName, Plan] {
	return func(yield func(NodeName, Plan) bool) {
		for _, name := range slices.Sorted(maps.Keys(p.nodes)) {
			if !yield(name, p.plan(p.nodes[name])) {
				return
			}
		}
	}
}

// Of returns the plan of the node called name, and false if there is none.
func (p *Plans) Of(name NodeName) (Plan, bool) {
	n, ok := p.nodes[name]
	if !ok {
		return Plan{}, false
	}
	return p.plan(n), true
}

func (p *Plans) plan(n Node) Plan {
	return Plan{Node: n, Cluster: p.layout.entries, OneInstance: p.layout.oneInstance, Use: p.use}
}

// Has reports whether there is a plan of the node called name.
func (p *Plans) Has(name NodeName) bool {
	_, ok := p.nodes[name]
	return ok
}

// Fingerprint returns the fingerprint of a node's plan, or nothing if the node
// has no plan.
func (p *Plans) Fingerprint(name NodeName) Fingerprint {
	n, ok := p.nodes[name]
	if !ok {
		return ""
	}
	return p.layout.fingerprint(n, p.use)
}

// Is reports whether f is a fingerprint of the node's plan, in any version that
// this program can compare.
func (p *Plans) Is(name NodeName, f Fingerprint) bool {
	n, ok := p.nodes[name]
	return ok && p.layout.is(n, f)
}

// launchedAs returns n in the form of a plan: equal nodes have one form.
func launchedAs(n Node) Node {
	n.State = ""
	if len(n.Scripts) == 0 {
		n.Scripts = nil
	}
	if len(n.Env) == 0 {
		n.Env = nil
	}
	if len(n.Command) == 0 {
		n.Command = nil
	}
	if len(n.Bundles) == 0 {
		n.Bundles = nil
	}
	if len(n.RunOptions) == 0 {
		n.RunOptions = nil
	}
	n.Options = sortedOptions(n.Options)
	return n
}

// layoutOf returns the entry of every node of c in the cluster's layout. A node
// whose instance is not declared gets UnknownHost. A program of the site is no Zeek node,
// and has no entry.
func layoutOf(c Configuration) map[NodeName]ClusterEndpoint {
	hosts := make(map[InstanceName]Instance, len(c.Instances))
	for _, in := range c.Instances {
		hosts[in.Name] = in
	}
	layout := make(map[NodeName]ClusterEndpoint, len(c.Nodes))
	for _, n := range c.Nodes {
		if n.isProgram() {
			continue
		}
		e := ClusterEndpoint{Role: n.Role, Host: UnknownHost, Port: NoPort, MetricsPort: n.MetricsPort}
		if in, ok := hosts[n.Instance]; ok {
			e.Host = in.Host
		}
		if n.Port != nil {
			e.Port = *n.Port
		}
		layout[n.Name] = e
	}
	return layout
}

// Fingerprint returns the fingerprint of p. For many nodes, Plans.Fingerprint is
// faster.
func (p Plan) Fingerprint() Fingerprint { return p.layout().fingerprint(p.Node, p.Use) }

// Is reports whether f is a fingerprint of p, in any version that this program
// can compare.
func (p Plan) Is(f Fingerprint) bool { return p.layout().is(p.Node, f) }

func (p Plan) layout() *layout { return &layout{entries: p.Cluster, oneInstance: p.OneInstance} }

// PlanComparison says for which instances two configurations have the same plans.
// It compares the layout of the cluster, which is part of every plan, only once.
type PlanComparison struct {
	before, after map[InstanceName][]Node
	sameLayout    bool
}

// ComparePlans compares two configurations.
func ComparePlans(before, after Configuration) PlanComparison {
	digest := func(c Configuration) string {
		l := newLayout(c)
		return l.digest()
	}
	return PlanComparison{byInstance(before), byInstance(after), digest(before) == digest(after)}
}

func byInstance(c Configuration) map[InstanceName][]Node {
	of := make(map[InstanceName][]Node, len(c.Instances))
	for _, n := range c.Nodes {
		of[n.Instance] = append(of[n.Instance], n)
	}
	return of
}

// Same reports whether the instance has the same plans in both configurations. It
// compares the fingerprints of the plans, and what running nodes are told or find. It does not know how the instance's nodes use
// the layout: after any change of the layout, it says that the plans are others. They may
// be the same, but the instance must know of the change: its nodes are told of it.
func (c PlanComparison) Same(instance InstanceName) bool {
	before, after := c.before[instance], c.after[instance]
	if len(before) == 0 && len(after) == 0 {
		return true
	}
	return c.sameLayout && maps.EqualFunc(withoutLayout(before), withoutLayout(after), sameWithoutLayout)
}

// nodeAlone is what decides how a node runs, without the layout.
type nodeAlone struct {
	fingerprint Fingerprint
	bundles     []Bundle // with the content of data bundles, which no fingerprint has
	runOptions  []Option
	limits      Limits
}

func sameWithoutLayout(a, b nodeAlone) bool {
	return a.fingerprint == b.fingerprint && slices.Equal(a.bundles, b.bundles) && slices.Equal(a.runOptions, b.runOptions) && a.limits == b.limits
}

func withoutLayout(nodes []Node) map[NodeName]nodeAlone {
	alone := make(map[NodeName]nodeAlone, len(nodes))
	for _, n := range nodes {
		alone[n.Name] = nodeAlone{Plan{Node: launchedAs(n)}.Fingerprint(), n.Bundles, n.RunOptions, n.Limits}
	}
	return alone
}

// sortedOptions returns a copy of options, sorted by name and value.
func sortedOptions(list []Option) []Option {
	list = append([]Option(nil), list...)
	sort.Slice(list, func(i, j int) bool {
		return cmp.Or(cmp.Compare(list[i].Name, list[j].Name), cmp.Compare(list[i].Value, list[j].Value)) < 0
	})
	return list
}

// PlansOfCluster returns the plans of all nodes of c, on all instances, if nothing is
// known of how Zeek nodes use the layout.
func PlansOfCluster(c Configuration) *Plans {
	p := &Plans{nodes: make(map[NodeName]Node, len(c.Nodes)), layout: newLayout(c), use: WholeLayout}
	p.layout.oneInstance = true
	for _, n := range c.Nodes {
		p.nodes[n.Name] = launchedAs(n)
		p.layout.oneInstance = p.layout.oneInstance && n.Instance == c.Nodes[0].Instance
	}
	return p
}
