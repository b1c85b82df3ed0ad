package migration

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// An Export is what another manager needs to run a configuration.
type Export struct {
	// Files are in the order in which people read them.
	Files    []ExportedFile `json:"files"`
	Findings []Finding      `json:"findings"`
}

// An ExportedFile is a file of another manager.
type ExportedFile struct {
	Name string `json:"name"` // relative to the directory of the files
	Text string `json:"text"`
}

// exporter is what both exports share.
type exporter struct {
	config mgmt.Configuration
	hosts  map[mgmt.InstanceName]string
	found  findings
}

// newExporter returns an exporter of the Zeek nodes of a configuration.
func newExporter(c mgmt.Configuration, hosts map[mgmt.InstanceName]string) (*exporter, error) {
	e := &exporter{config: c, hosts: maps.Clone(hosts)}
	if e.hosts == nil {
		e.hosts = map[mgmt.InstanceName]string{}
	}
	e.config.Nodes = nil
	for _, n := range c.Nodes {
		if len(n.Command) > 0 {
			e.lost(n, "runs a program in place of Zeek", "let another supervisor run "+n.Command[0])
			continue
		}
		e.config.Nodes = append(e.config.Nodes, n)
	}
	sort.SliceStable(e.config.Nodes, func(i, j int) bool {
		return natural(string(e.config.Nodes[i].Name)) < natural(string(e.config.Nodes[j].Name))
	})
	managers := e.of(mgmt.Manager)
	if len(managers) != 1 {
		return nil, fmt.Errorf("the configuration has %d managers of Zeek, and another manager needs one", len(managers))
	}
	return e, nil
}

// natural returns a text in whose order numbers in names are sorted as numbers.
func natural(name string) string {
	var b strings.Builder
	digits := ""
	for _, r := range name + " " {
		if '0' <= r && r <= '9' {
			digits += string(r)
			continue
		}
		if digits != "" {
			b.WriteString(strings.Repeat("0", max(0, 20-len(digits))) + digits)
			digits = ""
		}
		b.WriteRune(r)
	}
	return b.String()
}

func (e *exporter) of(role mgmt.ClusterRole) []mgmt.Node {
	var list []mgmt.Node
	for _, n := range e.config.Nodes {
		if n.Role == role {
			list = append(list, n)
		}
	}
	return list
}

func (e *exporter) lost(n mgmt.Node, what, do string) {
	e.found.add("node "+string(n.Name), what, do)
}

// host returns the host of an instance: the one that is known, or the name of the instance.
func (e *exporter) host(name mgmt.InstanceName) string {
	if host := e.hosts[name]; host != "" {
		return host
	}
	for _, in := range e.config.Instances {
		if in.Name == name && mgmt.KnownHost(in.Host) {
			e.hosts[name] = in.Host.String()
			return e.hosts[name]
		}
	}
	e.hosts[name] = string(name)
	e.found.add("instance "+string(name), "its host is not known, and is called "+string(name), fmt.Sprintf("say it with --host %s=ADDRESS", name))
	return e.hosts[name]
}

// A group is workers that another manager describes together: they have one interface, and
// names that end in 1 to N.
type group struct {
	name  string
	nodes []mgmt.Node
}

// groups puts workers together. same says whether two workers may be in one group.
func groups(workers []mgmt.Node, same func(a, b mgmt.Node) bool) []group {
	var list []group
	for i := 0; i < len(workers); {
		g := group{name: string(workers[i].Name), nodes: workers[i : i+1]}
		if prefix, is := strings.CutSuffix(string(workers[i].Name), "-1"); is && prefix != "" {
			end := i + 1
			for end < len(workers) && string(workers[end].Name) == prefix+"-"+strconv.Itoa(end-i+1) && same(workers[i], workers[end]) {
				end++
			}
			if end-i > 1 {
				g = group{name: prefix, nodes: workers[i:end]}
			}
		}
		list = append(list, g)
		i += len(g.nodes)
	}
	return list
}

// alike reports whether two workers differ in their names and processors alone.
func alike(a, b mgmt.Node) bool {
	ac, aErr := a.CPUs()
	bc, bErr := b.CPUs()
	return a.Instance == b.Instance && interfaceOf(a) == interfaceOf(b) && sameUse(a, b) &&
		aErr == nil && bErr == nil && len(ac) == len(bc) && len(ac) <= 1
}

// sameUse reports whether two nodes have the same environment, scripts, options and limits.
func sameUse(a, b mgmt.Node) bool {
	return maps.Equal(envOf(a), envOf(b)) && slices.Equal(a.Scripts, b.Scripts) && slices.Equal(a.Options, b.Options) && a.Limits == b.Limits
}

func interfaceOf(n mgmt.Node) string {
	if n.Interface == nil {
		return ""
	}
	return *n.Interface
}

// envOf returns the environment of a node's process.
func envOf(n mgmt.Node) map[string]string {
	env := maps.Clone(n.Env)
	delete(env, mgmt.CPUsEnv)
	return env
}

// findCommon says what of the whole configuration has no place in another manager's files.
func (e *exporter) findCommon(site string) {
	for _, b := range e.config.Bundles() {
		e.found.add("bundle "+b.Name, "its files have no place here", fmt.Sprintf("zeekfleet bundle pull %s DIR writes them to a directory; %s", b.Name, site))
	}
	e.found.add("", "settings of agents and of the controller, such as zeek.args, are not part of a configuration", "docs/zeekctl.md says which option each was made of")
}

// findOptions says which options of the configuration framework have no place. known are those
// that have one.
func (e *exporter) findOptions(known map[string]bool) {
	values := map[string]map[string][]string{} // by option and value: the nodes
	for _, n := range e.config.Nodes {
		for _, o := range n.RunOptions {
			if known[o.Name] {
				continue
			}
			if values[o.Name] == nil {
				values[o.Name] = map[string][]string{}
			}
			values[o.Name][o.Value] = append(values[o.Name][o.Value], string(n.Name))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(values)) {
		for _, value := range slices.Sorted(maps.Keys(values[name])) {
			nodes := values[name][value]
			of := "all nodes"
			if len(nodes) < len(e.config.Nodes) {
				of = mgmt.FewNames(nodes, 5)
			}
			e.found.add("option "+name, "it is set for "+of+", and has no place here", fmt.Sprintf("redef %s in local.zeek, or name a file with %q in Config::config_files", name, name+" "+value))
		}
	}
}

// shared returns the value of an option that all nodes have, or nothing.
func (e *exporter) shared(option string) (string, bool) {
	var value string
	for i, n := range e.config.Nodes {
		at := slices.IndexFunc(n.RunOptions, func(o mgmt.Option) bool { return o.Name == option })
		if at < 0 || i > 0 && n.RunOptions[at].Value != value {
			return "", false
		}
		value = n.RunOptions[at].Value
	}
	return value, len(e.config.Nodes) > 0
}

// ReadCluster reads a cluster file to export. The content of bundles does not matter.
func ReadCluster(path string, stdin io.Reader, hostname string) (mgmt.Configuration, error) {
	c, err := clusterfile.Read(path, stdin, clusterfile.Options{Hostname: hostname, Pack: noContent})
	return c.Config, err
}
