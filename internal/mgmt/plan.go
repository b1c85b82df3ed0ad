package mgmt

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// Plan is everything that decides how a node is launched: its own description,
// and the layout of the cluster that it is told. Two equal plans need no
// restart between them.
type Plan struct {
	Node    Node
	Cluster map[NodeName]ClusterEndpoint
}

// PlanFor returns the plan of the node called name, and false if the
// configuration has no such node. What a launch does not depend on (the node's
// State) is cleared, and sets are sorted.
func PlanFor(c Configuration, name NodeName) (Plan, bool) {
	n, ok := c.Node(name)
	if !ok {
		return Plan{}, false
	}
	return planFor(n, Layout(c)), true
}

// Plans returns the plans of all nodes of one instance. They share the layout
// of the cluster.
func Plans(c Configuration, instance InstanceName) map[NodeName]Plan {
	layout := Layout(c)
	plans := make(map[NodeName]Plan)
	for _, n := range c.NodesOf(instance) {
		plans[n.Name] = planFor(n, layout)
	}
	return plans
}

func planFor(n Node, layout map[NodeName]ClusterEndpoint) Plan {
	n.State = ""
	if len(n.Scripts) == 0 {
		n.Scripts = nil
	}
	if len(n.Env) == 0 {
		n.Env = nil
	}
	n.Options = slices.SortedFunc(slices.Values(n.Options), compareOptions)
	return Plan{Node: n, Cluster: layout}
}

// Layout returns the entry of every node of c in the cluster's layout. A node
// whose instance is not declared gets UnknownHost.
func Layout(c Configuration) map[NodeName]ClusterEndpoint {
	hosts := make(map[InstanceName]Instance, len(c.Instances))
	for _, in := range c.Instances {
		hosts[in.Name] = in
	}
	layout := make(map[NodeName]ClusterEndpoint, len(c.Nodes))
	for _, n := range c.Nodes {
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

// Hash returns a fingerprint of p: equal plans have equal ones, and they are
// stable over restarts of the program.
func (p Plan) Hash() string {
	text, err := json.Marshal(p) // sorts maps
	if err != nil {
		panic(fmt.Sprintf("mgmt: marshal plan: %v", err)) // every field can be marshalled
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:16])
}

// PlanComparison tells for which instances two configurations have the same
// plans. It was made in a time that grows as they do, although each plan has the
// layout of the whole cluster.
type PlanComparison struct {
	before, after map[InstanceName][]Node
	sameLayout    bool
}

// ComparePlans compares two configurations.
func ComparePlans(before, after Configuration) PlanComparison {
	layout := func(c Configuration) string { return Plan{Cluster: Layout(c)}.Hash() }
	return PlanComparison{byInstance(before), byInstance(after), layout(before) == layout(after)}
}

func byInstance(c Configuration) map[InstanceName][]Node {
	of := make(map[InstanceName][]Node, len(c.Instances))
	for _, n := range c.Nodes {
		of[n.Instance] = append(of[n.Instance], n)
	}
	return of
}

// Same reports whether the instance has the same plans in both, as their hashes
// tell.
func (c PlanComparison) Same(instance InstanceName) bool {
	before, after := c.before[instance], c.after[instance]
	if len(before) == 0 && len(after) == 0 {
		return true
	}
	return c.sameLayout && maps.Equal(withoutLayout(before), withoutLayout(after))
}

func withoutLayout(nodes []Node) map[NodeName]string {
	hashes := make(map[NodeName]string, len(nodes))
	for _, n := range nodes {
		hashes[n.Name] = planFor(n, nil).Hash()
	}
	return hashes
}

func compareOptions(a, b Option) int {
	return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Value, b.Value))
}
