package clusterfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// writeBundles writes a section for each bundle of c, in an order that suits the nodes.
func writeBundles(b *strings.Builder, c mgmt.Configuration) {
	for _, one := range bundleOrder(c) {
		entries := []nodeEntry{{"hash", string(one.Hash)}}
		if one.Kind != mgmt.ScriptBundle {
			entries = append(entries, nodeEntry{"kind", string(one.Kind)})
		}
		var having []string
		all := true
		for _, n := range byName(c.Nodes, nameOfNode) {
			has := slices.Contains(n.Bundles, one)
			if has {
				having = append(having, ini.Word(string(n.Name)))
			}
			all = all && has == (one.Kind == mgmt.DataBundle || len(n.Command) == 0)
		}
		if !all {
			entries = append(entries, nodeEntry{"nodes", strings.Join(having, " ")})
		}
		writeSection(b, bundlePrefix+one.Name, entries)
	}
}

// bundleOrder returns the bundles of all nodes in an order that is that of each node, if
// there is such an order.
func bundleOrder(c mgmt.Configuration) []mgmt.Bundle {
	behind := map[mgmt.Bundle]map[mgmt.Bundle]bool{} // what stands directly before a bundle
	for _, n := range c.Nodes {
		for i, b := range n.Bundles {
			if behind[b] == nil {
				behind[b] = map[mgmt.Bundle]bool{}
			}
			if i > 0 {
				behind[b][n.Bundles[i-1]] = true
			}
		}
	}
	var order []mgmt.Bundle
	rest := c.Bundles() // sorted by name
	for len(rest) > 0 {
		i := max(0, slices.IndexFunc(rest, func(b mgmt.Bundle) bool {
			for before := range behind[b] {
				if !slices.Contains(order, before) {
					return false
				}
			}
			return true
		}))
		order = append(order, rest[i])
		rest = slices.Delete(rest, i, i+1)
	}
	return order
}

// otherOrder returns the nodes that have their bundles in another order than Text writes.
func otherOrder(c mgmt.Configuration) []string {
	place := map[mgmt.Bundle]int{}
	for i, b := range bundleOrder(c) {
		place[b] = i
	}
	var nodes []string
	for _, n := range byName(c.Nodes, nameOfNode) {
		if !slices.IsSortedFunc(n.Bundles, func(a, b mgmt.Bundle) int { return place[a] - place[b] }) {
			nodes = append(nodes, string(n.Name))
		}
	}
	return nodes
}

// spacedOptions returns the nodes that have an option whose value begins or ends with a
// blank.
func spacedOptions(c mgmt.Configuration) []string {
	var nodes []string
	for _, n := range byName(c.Nodes, nameOfNode) {
		if slices.ContainsFunc(n.RunOptions, func(o mgmt.Option) bool { return strings.TrimSpace(o.Value) != o.Value }) {
			nodes = append(nodes, string(n.Name))
		}
	}
	return nodes
}

// writeOptions writes the options: those that all nodes share, those that the other nodes of
// a role share, and those of single nodes.
func writeOptions(b *strings.Builder, c mgmt.Configuration) {
	var zeek []mgmt.Node
	pattern := false // a node's name looks like a role
	for _, n := range c.Nodes {
		if len(n.Command) == 0 {
			zeek = append(zeek, n)
		}
		pattern = pattern || strings.HasPrefix(string(n.Name), "@")
	}
	all := shared(zeek)
	if nets, ok := networksOf(all[LocalNets]); ok && all[LocalNets] != "" {
		fmt.Fprintf(b, "[%s]\n%s\n\n", ini.NetworksSection, strings.Join(nets, "\n"))
		writeOptionsOf(b, "", all, map[string]string{LocalNets: all[LocalNets]})
	} else {
		writeOptionsOf(b, "", all, nil)
	}
	byRole := map[mgmt.ClusterRole]map[string]string{}
	for _, role := range []mgmt.ClusterRole{mgmt.Manager, mgmt.Logger, mgmt.Proxy, mgmt.Worker} {
		of := slices.DeleteFunc(slices.Clone(zeek), func(n mgmt.Node) bool { return n.Role != role })
		if len(of) < 2 || pattern {
			continue
		}
		byRole[role] = shared(of)
		writeOptionsOf(b, roleSelectors[role], byRole[role], all)
	}
	for _, n := range byName(c.Nodes, nameOfNode) {
		known := maps.Clone(all)
		maps.Copy(known, byRole[n.Role])
		if len(n.Command) > 0 {
			known = nil
		}
		writeOptionsOf(b, string(n.Name), optionsOf(n), known)
	}
}

var roleSelectors = map[mgmt.ClusterRole]string{
	mgmt.Manager: "@managers", mgmt.Logger: "@loggers", mgmt.Proxy: "@proxies", mgmt.Worker: "@workers",
}

func optionsOf(n mgmt.Node) map[string]string {
	options := make(map[string]string, len(n.RunOptions))
	for _, o := range n.RunOptions {
		options[o.Name] = o.Value
	}
	return options
}

// shared returns the options that all nodes have, with the same value.
func shared(nodes []mgmt.Node) map[string]string {
	common := map[string]string{}
	for i, n := range nodes {
		options := optionsOf(n)
		if i == 0 {
			common = options
			continue
		}
		maps.DeleteFunc(common, func(name, value string) bool {
			other, ok := options[name]
			return !ok || other != value
		})
	}
	return common
}

// writeOptionsOf writes the options that are not among the known ones.
func writeOptionsOf(b *strings.Builder, selector string, options, known map[string]string) {
	var entries []nodeEntry
	for _, name := range slices.Sorted(maps.Keys(options)) {
		if value, ok := known[name]; !ok || value != options[name] {
			entries = append(entries, nodeEntry{name, options[name]})
		}
	}
	if len(entries) > 0 {
		name := ini.OptionsSection
		if selector != "" {
			name += " " + selector
		}
		writeSection(b, name, entries)
	}
}
