package clusterfile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Text returns c as a cluster file, in zeek-client's form (spec zeek-client 9.8).
// Percent signs, quotes and backslashes are escaped, so that Parse reads
// the same values again. zeek-client does not escape them.
func Text(c mgmt.Configuration) string {
	var b strings.Builder
	if len(c.Instances) > 0 {
		b.WriteString("[" + instances + "]\n")
		for _, in := range byName(c.Instances, nameOfInstance) {
			if in.ListenPort == nil {
				fmt.Fprintf(&b, "%s\n", in.Name)
			} else {
				fmt.Fprintf(&b, "%s = %v:%d\n", in.Name, in.Host, in.ListenPort.Number)
			}
		}
		b.WriteByte('\n')
	}
	if backend := backendOf(c); backend != "" {
		writeSection(&b, clusterSection, []nodeEntry{{"backend", string(backend)}})
	}
	writeBundles(&b, c)
	writeOptions(&b, c)
	for _, n := range byName(c.Nodes, nameOfNode) {
		writeSection(&b, string(n.Name), nodeEntries(n))
	}
	return b.String()
}

func writeSection(b *strings.Builder, name string, entries []nodeEntry) {
	fmt.Fprintf(b, "[%s]\n", name)
	for _, kv := range entries {
		value := strings.NewReplacer("%", "%%", "\n", "\n\t").Replace(kv.value)
		fmt.Fprintf(b, "%s = %s\n", kv.key, value)
	}
	b.WriteByte('\n')
}

// Lacks returns warnings about the parts of c that Text leaves out, because a cluster file
// has no place for them. whole names what shows them.
func Lacks(c mgmt.Configuration, whole string) []string {
	var addresses []string
	for _, in := range byName(c.Instances, nameOfInstance) {
		if in.ListenPort == nil && in.Host.IsValid() && in.Host != mgmt.UnknownHost {
			addresses = append(addresses, string(in.Name))
		}
	}
	var lacks []string
	if len(addresses) > 0 {
		lacks = append(lacks, "the INI form has no place for an address without a port, which is left out here: that of "+mgmt.FewNames(addresses, maxNamed)+"; "+whole+" shows it")
	}
	if nodes := otherOrder(c); len(nodes) > 0 {
		lacks = append(lacks, "the INI form has one order of bundles for all nodes, which is not that of "+mgmt.FewNames(nodes, maxNamed)+"; "+whole+" shows it")
	}
	if nodes := spacedOptions(c); len(nodes) > 0 {
		lacks = append(lacks, "the INI form has no place for blanks around the value of an option, which are left out here: those of "+mgmt.FewNames(nodes, maxNamed)+"; "+whole+" shows them")
	}
	return lacks
}

// maxNamed bounds the names in a warning.
const maxNamed = 5

func byName[T any, N cmp.Ordered](list []T, name func(T) N) []T {
	list = append([]T(nil), list...)
	sort.SliceStable(list, func(i, j int) bool { return name(list[i]) < name(list[j]) })
	return list
}

func nameOfInstance(in mgmt.Instance) mgmt.InstanceName { return in.Name }

func nameOfNode(n mgmt.Node) mgmt.NodeName { return n.Name }

type nodeEntry struct{ key, value string }

// nodeEntries returns the entries of a node's section, in zeek-client's order.
func nodeEntries(n mgmt.Node) []nodeEntry {
	entries := []nodeEntry{{"instance", string(n.Instance)}, {"role", string(n.Role)}}
	add := func(key, value string) { entries = append(entries, nodeEntry{key, value}) }
	if n.Port != nil {
		add("port", strconv.Itoa(int(n.Port.Number)))
	}
	if len(n.Scripts) > 0 {
		var words []string
		for _, script := range slices.Sorted(slices.Values(n.Scripts)) {
			words = append(words, ini.Word(script))
		}
		add("scripts", strings.Join(words, " "))
	}
	if n.Interface != nil {
		add("interface", *n.Interface)
	}
	if n.CPUAffinity != nil {
		add("cpu_affinity", strconv.FormatInt(*n.CPUAffinity, 10))
	}
	if len(n.Env) > 0 {
		var words []string
		for _, name := range slices.Sorted(maps.Keys(n.Env)) {
			word := name + "="
			switch value := n.Env[name]; {
			case ini.Word(name) != name:
				word = ini.Word(word + value)
			case value != "":
				word += ini.Word(value)
			}
			words = append(words, word)
		}
		add("env", strings.Join(words, " "))
	}
	if len(n.Options) > 0 {
		options := slices.Clone(n.Options)
		sortOptions(options)
		var words []string
		for _, o := range options {
			words = append(words, ini.Word(o.Name+"="+o.Value))
		}
		add("redefs", strings.Join(words, " "))
	}
	if n.MetricsPort != nil {
		add("metrics_port", strconv.Itoa(int(n.MetricsPort.Number)))
	}
	if len(n.Command) > 0 {
		var words []string
		for _, word := range n.Command {
			words = append(words, ini.Word(word))
		}
		add("command", strings.Join(words, " "))
	}
	return append(entries, limitEntries(n.Limits)...)
}

func limitEntries(l mgmt.Limits) (entries []nodeEntry) {
	if l.Memory != 0 {
		entries = append(entries, nodeEntry{"memory_limit", mgmt.SizeText(l.Memory)})
	}
	if l.CPUWeight != 0 {
		entries = append(entries, nodeEntry{"cpu_weight", strconv.FormatUint(l.CPUWeight, 10)})
	}
	if l.Nice != 0 {
		entries = append(entries, nodeEntry{"nice", strconv.Itoa(l.Nice)})
	}
	return entries
}
