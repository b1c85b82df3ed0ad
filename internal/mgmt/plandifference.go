package mgmt

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// PlanDifference returns a reason for each difference between two plans of a node. It
// returns none if the plans have the same fingerprint. Values of options and of
// environment variables may be secret, and so may a command: it names none of them. For
// many nodes, PlanDifferences is faster.
func PlanDifference(before, after Plan) []string {
	one := func(p Plan) *Plans {
		return &Plans{nodes: map[NodeName]Node{after.Node.Name: p.Node}, layout: *p.layout(), use: p.Use}
	}
	return NewPlanDifferences(one(before), one(after)).Because(after.Node.Name)
}

// PlanDifferences compares the plans of nodes. It compares the layouts of the cluster,
// which all plans share, only once. It is for one goroutine.
type PlanDifferences struct {
	before, after *Plans
	entries       *entryDifference // nil: not made yet
}

// NewPlanDifferences compares two sets of plans.
func NewPlanDifferences(before, after *Plans) *PlanDifferences {
	return &PlanDifferences{before: before, after: after}
}

// Because returns a reason for each difference between the two plans of a node, as in
// PlanDifference. It returns none for a node that is not in both sets.
func (ds *PlanDifferences) Because(name NodeName) []string {
	before, had := ds.before.nodes[name]
	after, has := ds.after.nodes[name]
	if !had || !has || ds.after.Is(name, ds.before.Fingerprint(name)) {
		return nil
	}
	var d difference
	d.node(before, after)
	use := useOf(after, ds.after.use)
	if use == WholeLayout || useOf(before, ds.before.use) != use {
		if ds.entries == nil {
			ds.entries = compareEntries(&ds.before.layout, &ds.after.layout)
		}
		d.layout(name, ds)
	} else {
		d.facts(ds.before.layout.facts(before, use), ds.after.layout.facts(after, use))
	}
	return d
}

// difference is a list of reasons.
type difference []string

func (d *difference) add(format string, args ...any) { *d = append(*d, fmt.Sprintf(format, args...)) }

// value compares two values. An empty text stands for none.
func (d *difference) value(what, before, after string) {
	switch {
	case before == after:
	case before == "":
		d.add("%s is %s now", what, after)
	case after == "":
		d.add("%s %s was removed", what, before)
	default:
		d.add("%s is %s, was %s", what, after, before)
	}
}

func (d *difference) node(before, after Node) {
	d.value("the instance", string(before.Instance), string(after.Instance))
	d.value("the role", string(before.Role), string(after.Role))
	d.value("the cluster backend", string(before.Backend), string(after.Backend))
	d.value("the port", portText(before.Port), portText(after.Port))
	d.value("the interface", deref(before.Interface), deref(after.Interface))
	d.value("the CPU", intText(before.CPUAffinity), intText(after.CPUAffinity))
	if !slices.Equal(before.Command, after.Command) {
		d.add("the command is another one")
	}
	d.scripts(before.Scripts, after.Scripts)
	d.bundles(before.Bundles, after.Bundles)
	d.options(before.Options, after.Options)
	d.env(before.Env, after.Env)
	d.value("the metrics port", portText(before.MetricsPort), portText(after.MetricsPort))
}

func portText(p *Port) string {
	if p == nil {
		return ""
	}
	return p.String()
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func intText(n *int64) string {
	if n == nil {
		return ""
	}
	return fmt.Sprint(*n)
}

func (d *difference) scripts(before, after []string) {
	for _, s := range before {
		if !slices.Contains(after, s) {
			d.add("script %s was removed", s)
		}
	}
	for _, s := range after {
		if !slices.Contains(before, s) {
			d.add("script %s was added", s)
		}
	}
	kept := func(list, other []string) []string {
		return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return !slices.Contains(other, s) })
	}
	if !slices.Equal(kept(before, after), kept(after, before)) {
		d.add("the scripts have another order")
	}
}

// bundles names the bundles that differ. Other content of a data bundle is no difference of
// plans.
func (d *difference) bundles(before, after []Bundle) {
	byName := func(list []Bundle) map[string]Bundle {
		m := map[string]Bundle{}
		for _, b := range list {
			if b.Kind == DataBundle {
				b.Hash = ""
			}
			m[b.Name] = b
		}
		return m
	}
	was, is := byName(before), byName(after)
	names := func(list []Bundle, other map[string]Bundle) []string {
		var kept []string
		for _, b := range list {
			if _, ok := other[b.Name]; ok {
				kept = append(kept, b.Name)
			}
		}
		return kept
	}
	for _, b := range before {
		if now, ok := is[b.Name]; !ok {
			d.add("bundle %s was removed", b.Name)
		} else if now.Kind != b.Kind {
			d.add("bundle %s has kind %s, had %s", b.Name, now.Kind, b.Kind)
		} else if now != was[b.Name] {
			d.add("bundle %s has other content", b.Name)
		}
	}
	for _, b := range after {
		if _, ok := was[b.Name]; !ok {
			d.add("bundle %s was added", b.Name)
		}
	}
	if !slices.Equal(names(before, is), names(after, was)) {
		d.add("the bundles have another order")
	}
}

func (d *difference) options(before, after []Option) {
	values := func(options []Option) map[string][]string {
		byName := map[string][]string{}
		for _, o := range sortedOptions(options) {
			byName[o.Name] = append(byName[o.Name], o.Value)
		}
		return byName
	}
	keyed(d, "option", values(before), values(after), slices.Equal[[]string])
}

func (d *difference) env(before, after map[string]string) {
	keyed(d, "environment variable", before, after, func(a, b string) bool { return a == b })
}

// keyed names the keys whose values differ. It does not name the values.
func keyed[V any](d *difference, what string, before, after map[string]V, equal func(a, b V) bool) {
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if value, ok := after[name]; !ok {
			d.add("%s %s was removed", what, name)
		} else if !equal(before[name], value) {
			d.add("%s %s has another value", what, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(after)) {
		if _, ok := before[name]; !ok {
			d.add("%s %s was added", what, name)
		}
	}
}

// mostNamed bounds the nodes that one reason names.
const mostNamed = 5

// entryDifference is the difference between two layouts of a cluster.
type entryDifference struct{ added, removed, changed []NodeName }

func compareEntries(before, after *layout) *entryDifference {
	var e entryDifference
	for _, name := range after.sorted() {
		if was, ok := before.entries[name]; !ok {
			e.added = append(e.added, name)
		} else if !sameEndpoint(was, after.entries[name]) {
			e.changed = append(e.changed, name)
		}
	}
	for _, name := range before.sorted() {
		if _, ok := after.entries[name]; !ok {
			e.removed = append(e.removed, name)
		}
	}
	return &e
}

// layout names the entries of the other nodes that differ. What differs in the node's own
// entry, its fields say, but for its address.
func (d *difference) layout(own NodeName, ds *PlanDifferences) {
	was, is := ds.before.layout.entries[own], ds.after.layout.entries[own]
	d.value("the address", hostText(was.Host.Unmap()), hostText(is.Host.Unmap()))
	others := func(names []NodeName, what string) {
		names = slices.DeleteFunc(slices.Clone(names), func(n NodeName) bool { return n == own })
		if len(names) > 0 {
			d.add("the entry of node %s %s the cluster's layout", FewNames(names, mostNamed), what)
		}
	}
	others(ds.entries.added, "was added to")
	others(ds.entries.removed, "was removed from")
	others(ds.entries.changed, "is another in")
}

func sameEndpoint(a, b ClusterEndpoint) bool {
	return a.Role == b.Role && a.Host == b.Host && a.Port == b.Port && samePointer(a.MetricsPort, b.MetricsPort) &&
		deref(a.Interface) == deref(b.Interface) && deref(a.PcapFile) == deref(b.PcapFile)
}

// facts compares what the node uses of the layouts.
func (d *difference) facts(before, after []LayoutFact) {
	text := func(facts []LayoutFact) map[string]string {
		byName := map[string]string{}
		for _, f := range facts {
			byName[f.Name] = strings.TrimPrefix(byName[f.Name]+", "+strings.Join(f.Values, " "), ", ")
		}
		return byName
	}
	was, is := text(before), text(after)
	for _, fact := range factTexts {
		old, had := was[fact.name]
		now, has := is[fact.name]
		switch {
		case had == has && old == now:
		case fact.yes == "":
			d.value(fact.no, old, now)
		case has:
			d.add("%s", fact.yes)
		default:
			d.add("%s", fact.no)
		}
	}
}

// factTexts are the texts about facts: a fact that is, and a fact that is not. A fact with
// a value has only the name of the value.
var factTexts = []struct{ name, yes, no string }{
	{FactManager, "", "the manager"},
	{FactLoggers, "the cluster has loggers now", "the cluster has no logger any more"},
	{FactOneInstance, "all nodes of the cluster are on one instance now", "the nodes of the cluster are not on one instance any more"},
	{FactOwnHost, "", "the address"},
	{FactOwnInterface, "", "the interface in the layout"},
	{FactOwnPcapFile, "", "the pcap file in the layout"},
	{FactLoopback, "all nodes have loopback addresses now", "not all nodes have loopback addresses any more"},
	{FactOneAddress, "all nodes have one address now", "not all nodes have one address any more"},
	{FactManagerHost, "", "the manager's address"},
	{FactIPv6, "a node has an IPv6 address now", "no node has an IPv6 address any more"},
	{FactLogReceiver, "", "the receiver of logs"},
}
