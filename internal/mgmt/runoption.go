package mgmt

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
)

// SetOptions is the dispatch with which an agent tells a running node of its own all
// RunOptions that the node is to have: name, value, name, value, and so on, sorted by name.
// The node sets those that have another value. It gives options that were in an earlier
// list, and are in this one no more, the values that they had at its start. It changes all
// or none. It is for agents alone. Its answer is a success without data, or an error in
// the node's words.
const SetOptions = "set_options"

// These constants bound the RunOptions of a node.
const (
	MaxRunOptions     = 200
	MaxRunOptionBytes = 64 << 10 // of all names and values together
)

// RunOptionArguments returns the arguments of SetOptions for n.
func (n Node) RunOptionArguments() []string {
	words := make([]string, 0, 2*len(n.RunOptions))
	for _, o := range n.RunOptions {
		words = append(words, o.Name, o.Value)
	}
	return words
}

// CheckRunOption returns an error unless o can be an option that is set while a node runs.
// Whether there is such an option, and whether the value fits, only the node knows.
func CheckRunOption(o Option) error {
	switch {
	case !isIdentifier(o.Name):
		return fmt.Errorf("%.80q cannot be the name of an option", o.Name)
	case o.isFleets():
		return fmt.Errorf("option %s is zeekfleet's own", o.Name)
	case len(o.Value) > MaxRunOptionBytes:
		return fmt.Errorf("the value of option %s is longer than %d bytes", o.Name, MaxRunOptionBytes)
	case strings.ContainsFunc(o.Value, func(r rune) bool { return unicode.IsControl(r) || r == unicode.ReplacementChar }):
		return fmt.Errorf("the value of option %s has a character that cannot be printed, such as a line break", o.Name)
	}
	return nil
}

// checkRunOptions returns why a node cannot have its RunOptions, or nothing.
func (n Node) checkRunOptions() string {
	bytes := 0
	for i, o := range n.RunOptions {
		if err := CheckRunOption(o); err != nil {
			return err.Error()
		}
		if i > 0 && n.RunOptions[i-1].Name >= o.Name {
			return fmt.Sprintf("option %s is there twice, or is not in the order of names", o.Name)
		}
		bytes += len(o.Name) + len(o.Value)
	}
	switch {
	case len(n.RunOptions) > MaxRunOptions:
		return fmt.Sprintf("%d options, more than the limit of %d", len(n.RunOptions), MaxRunOptions)
	case bytes > MaxRunOptionBytes:
		return fmt.Sprintf("names and values of options have %d bytes, more than the limit of %d; put large values into a script of a bundle", bytes, MaxRunOptionBytes)
	}
	return ""
}

// runOptions refuses RunOptions that no node can have.
func (k *checker) runOptions() {
	needed := map[string][]NodeName{}
	for _, n := range k.nodes {
		if why := n.checkRunOptions(); why != "" {
			k.refuse("node '%s': %s", printable(string(n.Name)), why)
			continue
		}
		for _, o := range n.RunOptions {
			if RunsCommands(o.Name) {
				needed[o.Name] = append(needed[o.Name], n.Name)
			}
		}
	}
	k.needOptions(needed)
}

// RunOptionDifference returns a text for each of the RunOptions that two descriptions of a
// node have not in common, by name. Values may be secret: no text has one.
func RunOptionDifference(before, after Node) []string {
	was, is := map[string]string{}, map[string]string{}
	for _, o := range before.RunOptions {
		was[o.Name] = o.Value
	}
	for _, o := range after.RunOptions {
		is[o.Name] = o.Value
	}
	all := maps.Clone(was)
	maps.Copy(all, is)
	var texts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		old, had := was[name]
		value, has := is[name]
		switch {
		case !had:
			texts = append(texts, fmt.Sprintf("option %s is set", name))
		case !has:
			texts = append(texts, fmt.Sprintf("option %s is no longer set", name))
		case old != value:
			texts = append(texts, fmt.Sprintf("option %s gets another value", name))
		}
	}
	return texts
}
