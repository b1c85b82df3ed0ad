package mgmt

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
)

// OptionChange says how RunOptions of some nodes change.
type OptionChange struct {
	// Selectors choose the nodes. Empty means all that are no programs in place of Zeek.
	Selectors []string
	Set       []Option
	Unset     []string
}

// WithOptions returns c with the change. It refuses a change that cannot be meant: of nodes
// that are not there, or of options that no chosen node has.
func (c Configuration) WithOptions(ch OptionChange) (Configuration, error) {
	chosen, err := c.nodesFor(ch.Selectors)
	if err != nil {
		return Configuration{}, err
	}
	for _, o := range ch.Set {
		if err := CheckRunOption(o); err != nil {
			return Configuration{}, err
		}
	}
	c.Nodes = slices.Clone(c.Nodes)
	had := map[string]bool{}
	for i := range c.Nodes {
		n := &c.Nodes[i]
		if !chosen[n.Name] {
			continue
		}
		options := n.runOptionsByName()
		for _, name := range ch.Unset {
			if _, ok := options[name]; ok {
				had[name] = true
				delete(options, name)
			}
		}
		for _, o := range ch.Set {
			options[o.Name] = o.Value
		}
		n.RunOptions = nil
		for _, name := range slices.Sorted(maps.Keys(options)) {
			n.RunOptions = append(n.RunOptions, Option{name, options[name]})
		}
	}
	for _, name := range ch.Unset {
		if !had[name] {
			return Configuration{}, fmt.Errorf("option %.200q is not set on any of these nodes%s", name, orMean(Nearest(name, c.runOptionNames(chosen))))
		}
	}
	return c, nil
}

// nodesFor returns the nodes that selectors choose.
func (c Configuration) nodesFor(selectors []string) (map[NodeName]bool, error) {
	chosen := map[NodeName]bool{}
	if len(selectors) == 0 {
		for _, n := range c.Nodes {
			if len(n.Command) == 0 {
				chosen[n.Name] = true
			}
		}
		if len(chosen) == 0 {
			return nil, fmt.Errorf("the configuration has no nodes of Zeek")
		}
		return chosen, nil
	}
	s, err := ParseSelectors(selectors)
	if err != nil {
		return nil, err
	}
	names, err := s.Select(c.Nodes)
	for _, name := range names {
		chosen[name] = true
	}
	return chosen, err
}

func (n Node) runOptionsByName() map[string]string {
	options := make(map[string]string, len(n.RunOptions))
	for _, o := range n.RunOptions {
		options[o.Name] = o.Value
	}
	return options
}

// runOptionNames returns the names of the options that some of the nodes have, sorted.
func (c Configuration) runOptionNames(of map[NodeName]bool) []string {
	names := map[string]bool{}
	for _, n := range c.Nodes {
		for _, o := range n.RunOptions {
			if of[n.Name] {
				names[o.Name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(names))
}

// The ways in which an option of a node can differ between two configurations.
const (
	OptionSet     = "set"
	OptionChanged = "change"
	OptionUnset   = "unset"
)

// OptionDifference is an option that differs between two configurations, in the same way at
// all its nodes.
type OptionDifference struct {
	Name, How string
	Nodes     []NodeName // sorted
}

// OptionDifferences returns the RunOptions that differ at nodes that both configurations
// have, and those of new nodes, sorted.
func OptionDifferences(before, after Configuration) []OptionDifference {
	was := make(map[NodeName]Node, len(before.Nodes))
	for _, n := range before.Nodes {
		was[n.Name] = n
	}
	type key struct{ name, how string }
	nodes := map[key][]NodeName{}
	for _, n := range after.Nodes {
		old, now := was[n.Name].runOptionsByName(), n.runOptionsByName()
		for name, value := range now {
			switch earlier, ok := old[name]; {
			case !ok:
				nodes[key{name, OptionSet}] = append(nodes[key{name, OptionSet}], n.Name)
			case earlier != value:
				nodes[key{name, OptionChanged}] = append(nodes[key{name, OptionChanged}], n.Name)
			}
		}
		for name := range old {
			if _, ok := now[name]; !ok {
				nodes[key{name, OptionUnset}] = append(nodes[key{name, OptionUnset}], n.Name)
			}
		}
	}
	var list []OptionDifference
	for k, names := range nodes {
		slices.Sort(names)
		list = append(list, OptionDifference{k.name, k.how, names})
	}
	sort.Slice(list, func(i, j int) bool {
		return cmp.Or(cmp.Compare(list[i].Name, list[j].Name), cmp.Compare(list[i].How, list[j].How)) < 0
	})
	return list
}

// BundleDifference is a bundle that differs between two configurations. Was and Now are empty
// if there was no such bundle, or is none now.
type BundleDifference struct {
	Name  string
	Kind  BundleKind
	Was   BundleHash
	Now   BundleHash
	Nodes []NodeName // that have it after, or before if nobody has it after; sorted
}

// BundleDifferences returns the bundles that differ in content, and those that only one of
// the configurations has, sorted by name.
func BundleDifferences(before, after Configuration) []BundleDifference {
	byName := map[string]*BundleDifference{}
	one := func(b Bundle) *BundleDifference {
		if byName[b.Name] == nil {
			byName[b.Name] = &BundleDifference{Name: b.Name}
		}
		byName[b.Name].Kind = b.Kind
		return byName[b.Name]
	}
	for _, b := range before.Bundles() {
		one(b).Was = b.Hash
	}
	for _, b := range after.Bundles() {
		one(b).Now = b.Hash
	}
	var list []BundleDifference
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if d := byName[name]; d.Was != d.Now {
			of := after
			if d.Now == "" {
				of = before
			}
			for _, n := range of.Nodes {
				if slices.ContainsFunc(n.Bundles, func(b Bundle) bool { return b.Name == name }) {
					d.Nodes = append(d.Nodes, n.Name)
				}
			}
			slices.Sort(d.Nodes)
			list = append(list, *d)
		}
	}
	return list
}
