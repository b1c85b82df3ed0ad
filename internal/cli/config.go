package cli

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// plainText is a document that is printed as it is.
type plainText string

// configINI renders c in zeek-client's INI form (spec zeek-client 9.8).
// Percent signs, quotes and backslashes are escaped, so that ParseCluster reads
// the same values again. zeek-client does not escape them.
func configINI(c client.Configuration) plainText {
	var b strings.Builder
	if len(c.Instances) > 0 {
		b.WriteString("[" + instancesSection + "]\n")
		for _, in := range byName(c.Instances, func(in client.Instance) client.InstanceName { return in.Name }) {
			if in.ListenPort == nil {
				fmt.Fprintf(&b, "%s\n", in.Name)
			} else {
				fmt.Fprintf(&b, "%s = %v:%d\n", in.Name, in.Host, in.ListenPort.Number)
			}
		}
		b.WriteByte('\n')
	}
	for _, n := range byName(c.Nodes, func(n client.Node) client.NodeName { return n.Name }) {
		fmt.Fprintf(&b, "[%s]\n", n.Name)
		for _, kv := range nodeEntries(n) {
			value := strings.NewReplacer("%", "%%", "\n", "\n\t").Replace(kv.value)
			fmt.Fprintf(&b, "%s = %s\n", kv.key, value)
		}
		b.WriteByte('\n')
	}
	return plainText(b.String())
}

// iniLacks returns warnings about the parts of c that configINI leaves out
// because the INI form has no place for them.
func iniLacks(c client.Configuration) []string {
	var nodes, instances []string
	for _, n := range byName(c.Nodes, func(n client.Node) client.NodeName { return n.Name }) {
		if len(n.Options) > 0 {
			nodes = append(nodes, string(n.Name))
		}
	}
	for _, in := range byName(c.Instances, func(in client.Instance) client.InstanceName { return in.Name }) {
		if in.ListenPort == nil && in.Host.IsValid() && in.Host != client.UnknownHost {
			instances = append(instances, string(in.Name))
		}
	}
	var lacks []string
	if len(nodes) > 0 {
		lacks = append(lacks, "the INI form has no place for options, which are left out here: those of "+mgmt.FewNames(nodes, maxNamed)+"; --as-json shows them")
	}
	if len(instances) > 0 {
		lacks = append(lacks, "the INI form has no place for an address without a port, which is left out here: that of "+mgmt.FewNames(instances, maxNamed)+"; --as-json shows it")
	}
	return lacks
}

// maxNamed bounds the names in a warning.
const maxNamed = 5

func byName[T any, N cmp.Ordered](list []T, name func(T) N) []T {
	return slices.SortedStableFunc(slices.Values(list), func(a, b T) int { return cmp.Compare(name(a), name(b)) })
}

type nodeEntry struct{ key, value string }

// nodeEntries returns the entries of a node's section, in zeek-client's order.
func nodeEntries(n client.Node) []nodeEntry {
	entries := []nodeEntry{{"instance", string(n.Instance)}, {"role", string(n.Role)}}
	add := func(key, value string) { entries = append(entries, nodeEntry{key, value}) }
	if n.Port != nil {
		add("port", strconv.Itoa(int(n.Port.Number)))
	}
	if len(n.Scripts) > 0 {
		var words []string
		for _, script := range slices.Sorted(slices.Values(n.Scripts)) {
			words = append(words, shellWord(script))
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
			case shellWord(name) != name:
				word = shellWord(word + value)
			case value != "":
				word += shellWord(value)
			}
			words = append(words, word)
		}
		add("env", strings.Join(words, " "))
	}
	if n.MetricsPort != nil {
		add("metrics_port", strconv.Itoa(int(n.MetricsPort.Number)))
	}
	if len(n.Command) > 0 {
		var words []string
		for _, word := range n.Command {
			words = append(words, shellWord(word))
		}
		add("command", strings.Join(words, " "))
	}
	return entries
}

// shellWord returns text as one word that splitWords reads back, in double
// quotes where needed.
func shellWord(text string) string {
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || strings.ContainsRune(`"'\`, r) }) {
		return text
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// configJSON renders c for get-config --as-json. Options are objects with name
// and value; zeek-client cannot show options.
func configJSON(c client.Configuration) document {
	instances, nodes := []any{}, []any{}
	for _, in := range byName(c.Instances, func(in client.Instance) client.InstanceName { return in.Name }) {
		d := address(in)
		d["name"] = string(in.Name)
		instances = append(instances, d)
	}
	for _, n := range byName(c.Nodes, func(n client.Node) client.NodeName { return n.Name }) {
		nodes = append(nodes, nodeJSON(n))
	}
	return document{"id": c.ID, "instances": instances, "nodes": nodes}
}

func nodeJSON(n client.Node) document {
	env := document{}
	for name, value := range n.Env {
		env[name] = value
	}
	d := document{
		"name": string(n.Name), "instance": string(n.Instance), "role": string(n.Role), "env": env,
		"port": portJSON(n.Port), "metrics_port": portJSON(n.MetricsPort),
		"scripts": nil, "options": nil, "interface": nil, "cpu_affinity": nil,
	}
	if n.Scripts != nil {
		d["scripts"] = n.Scripts
	}
	if n.Options != nil {
		options := []any{}
		for _, o := range byName(n.Options, func(o client.Option) string { return o.Name }) {
			options = append(options, document{"name": o.Name, "value": o.Value})
		}
		d["options"] = options
	}
	if n.Interface != nil {
		d["interface"] = *n.Interface
	}
	if n.CPUAffinity != nil {
		d["cpu_affinity"] = *n.CPUAffinity
	}
	if len(n.Command) > 0 { // zeek-client knows no such key
		d["command"] = n.Command
	}
	return d
}

func portJSON(p *client.Port) any {
	if p == nil {
		return nil
	}
	return int(p.Number)
}
