package mgmt

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// Check returns the mistakes for which a controller refuses to stage c, with the
// texts and in the order of Zeek's controller (spec management-api 6.6), and
// warnings of what is merely doubtful. Both are sorted bytewise. All checks run,
// unless c is larger than the rules allow.
//
// Zeek's controller accepts some configurations that cannot run. Check refuses
// them: names that cannot be names of files, nodes without a role, impossible or
// occupied ports, reserved environment variables, a second manager (7.3, G-C15). A
// configuration may be empty, lack a manager, and have instances without nodes.
// Check does not say whether there are enough ports: AssignPorts does.
func (c Configuration) Check(rules Rules) (errs, warnings []string) {
	if errs := c.checkSize(rules); len(errs) > 0 {
		return errs, nil
	}
	k := newChecker(c, rules)
	k.duplicateNames()
	k.declaredInstances()
	k.presentPorts()
	k.properNames()
	k.daemonsNames()
	k.properRoles()
	k.environment()
	k.text()
	k.permits()
	k.commands()
	k.bundles()
	k.runOptions()
	k.limits()
	k.backends()
	k.ports()
	k.doubts()
	slices.Sort(k.errs)
	slices.Sort(k.warnings)
	return k.errs, k.warnings
}

func (c Configuration) checkSize(rules Rules) []string {
	var errs []string
	if limit := rules.maxInstances(); len(c.Instances) > limit {
		errs = append(errs, fmt.Sprintf("configuration has %d instances, more than the limit of %d", len(c.Instances), limit))
	}
	if limit := rules.maxNodes(); len(c.Nodes) > limit {
		errs = append(errs, fmt.Sprintf("configuration has %d nodes, more than the limit of %d", len(c.Nodes), limit))
	}
	return errs
}

// checker collects the mistakes and doubts in one configuration. Its nodes and
// instances are sorted by name.
type checker struct {
	rules     Rules
	instances []Instance
	nodes     []Node
	// declared counts the instances of each name, and named the nodes.
	declared map[InstanceName]int
	named    map[NodeName]int
	places   places
	errs     []string
	warnings []string
}

func newChecker(c Configuration, rules Rules) *checker {
	c = c.WithHosts(rules.Agents)
	k := &checker{
		rules: rules, instances: c.Instances, nodes: c.Nodes, places: placesOf(c, rules),
		declared: make(map[InstanceName]int), named: make(map[NodeName]int),
	}
	sort.SliceStable(k.instances, func(i, j int) bool { return k.instances[i].Name < k.instances[j].Name })
	sort.SliceStable(k.nodes, func(i, j int) bool { return k.nodes[i].Name < k.nodes[j].Name })
	for _, in := range k.instances {
		k.declared[in.Name]++
	}
	for _, n := range k.nodes {
		k.named[n.Name]++
	}
	return k
}

// refuse notes why the configuration is refused.
//
// The compiler does not copy it into its many callers (docs/decisions/0059).
//
//go:noinline
func (k *checker) refuse(format string, args ...any) {
	k.errs = append(k.errs, fmt.Sprintf(format, args...))
}

func (k *checker) doubt(format string, args ...any) {
	k.warnings = append(k.warnings, fmt.Sprintf(format, args...))
}

func (k *checker) duplicateNames() {
	for name, times := range k.declared {
		if times > 1 {
			k.refuse("multiple instances named '%s'", name)
		}
	}
	var both []string
	for _, name := range slices.Sorted(maps.Keys(k.named)) {
		if k.named[name] > 1 {
			k.refuse("multiple nodes named '%s'", name)
		}
		if k.declared[InstanceName(name)] > 0 {
			both = append(both, string(name))
		}
	}
	if len(both) > 0 {
		k.refuse("node and instance names collide: %s", strings.Join(both, ", "))
	}
}

func (k *checker) declaredInstances() {
	for _, n := range k.nodes {
		if k.declared[n.Instance] == 0 {
			k.refuse("node '%s' has undeclared instance name '%s'", n.Name, n.Instance)
		}
	}
}

// presentPorts refuses missing Broker ports if the controller does not assign them.
// Metrics ports may be missing.
func (k *checker) presentPorts() {
	if k.rules.AssignBroker {
		return
	}
	var lacking []string
	for _, n := range k.nodes {
		if n.listens() && n.Port == nil {
			lacking = append(lacking, string(n.Name))
		}
	}
	if len(lacking) > 0 {
		k.refuse("Broker port auto-assignment disabled but nodes %s lack ports", strings.Join(lacking, ", "))
	}
}

// properRoles refuses nodes without a role in the cluster, and a second manager. A
// program of the site is no part of Zeek's cluster, and may have any role or none.
// Zeek converts the layout wrongly if a node has no role (spec management-api 7.5,
// G-S6).
func (k *checker) properRoles() {
	var managers []string
	for _, n := range k.nodes {
		if n.isProgram() {
			continue
		}
		if !n.Role.runs() {
			k.refuse("node '%s' has role '%s', not manager, logger, proxy or worker", n.Name, n.Role)
		}
		if n.Role == Manager {
			managers = append(managers, string(n.Name))
		}
	}
	if len(managers) > 1 {
		k.refuse("multiple nodes with role manager: %s", strings.Join(managers, ", "))
	}
}
