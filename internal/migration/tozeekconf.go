package migration

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/lazy"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeekconf"
)

// toConf writes zeek.conf, or a file for each host.
type toConf struct {
	*exporter
	b strings.Builder
	// index counts the workers of a host.
	index int
	// prefix begins the names of a host's processes, except the manager's.
	prefix  string
	renamed []string
}

// ExportZeekConf returns zeek.conf in the form of Zeek 9.0, or HOST.zeek.conf for each instance.
func ExportZeekConf(c mgmt.Configuration, hosts map[mgmt.InstanceName]string) (*Export, error) {
	e, err := newExporter(c, hosts)
	if err != nil {
		return nil, err
	}
	f := &toConf{exporter: e}
	var instances []mgmt.InstanceName
	for _, n := range e.config.Nodes {
		if !slices.Contains(instances, n.Instance) {
			instances = append(instances, n.Instance)
		}
	}
	slices.Sort(instances)
	var out Export
	for _, instance := range instances {
		name := "zeek.conf"
		f.prefix = ""
		if len(instances) > 1 {
			host := f.fileHost(instance, instances)
			name = "cluster/" + host + ".zeek.conf"
			f.prefix = host + "-"
			if strings.ToLower(f.host(instance)) != host {
				f.found.add("instance "+string(instance), "its file is called "+host+".zeek.conf", "the name has to be the host name of the host")
			}
		}
		if slices.ContainsFunc(out.Files, func(file ExportedFile) bool { return file.Name == name }) {
			return nil, fmt.Errorf("two instances would have the file %s: choose hosts with --host", name)
		}
		out.Files = append(out.Files, ExportedFile{name, f.file(instance)})
	}
	f.findOptions(map[string]bool{})
	f.findCommon("name it in ext_zeek_path")
	if len(f.renamed) > 0 {
		f.found.add("", "zeek.conf chooses the names of processes: "+mgmt.FewNames(f.renamed, 10), "")
	}
	out.Findings = f.found.list
	return &out, nil
}

var notInHost = lazy.Regexp(`[^a-z0-9_-]+`)

// fileHost returns the host of an instance as the name of its file can have it: the first label
// of the host's name, unless another host begins alike.
func (f *toConf) fileHost(instance mgmt.InstanceName, all []mgmt.InstanceName) string {
	name := func(host string) string {
		return strings.TrimLeft(notInHost().ReplaceAllString(strings.ToLower(host), "-"), "-_")
	}
	own := f.host(instance)
	for _, other := range all {
		if other != instance && label(f.host(other)) == label(own) {
			return name(own)
		}
	}
	return name(label(own))
}

func (f *toConf) file(instance mgmt.InstanceName) string {
	f.b.Reset()
	f.index = 0
	local := func(role mgmt.ClusterRole) []mgmt.Node {
		return slices.DeleteFunc(f.of(role), func(n mgmt.Node) bool { return n.Instance != instance })
	}
	workers := confGroups(local(mgmt.Worker))
	// Without sections the names of workers have no name of an interface.
	flat := len(workers) == 1 && workers[0].name == f.prefix+"worker"
	f.b.WriteString("# Zeek, made by zeekfleet export.\n")
	if !flat {
		f.b.WriteString("[zeek]\n")
	}
	if managers := local(mgmt.Manager); len(managers) > 0 {
		f.key("manager", "1")
		f.common(zeekconf.Manager, managers)
		f.rename(managers[0], "manager")
		if port := managers[0].Port; port != nil {
			f.key("port", strconv.Itoa(int(port.Number)))
		}
	}
	for _, kind := range []struct {
		role mgmt.ClusterRole
		key  string
		kind zeekconf.Kind
	}{{mgmt.Logger, "loggers", zeekconf.Logger}, {mgmt.Proxy, "proxies", zeekconf.Proxy}} {
		nodes := local(kind.role)
		if len(nodes) == 0 {
			continue
		}
		f.key(kind.key, strconv.Itoa(len(nodes)))
		f.common(kind.kind, nodes)
		for i, n := range nodes {
			f.rename(n, fmt.Sprintf("%s%s-%d", f.prefix, kind.kind, i+1))
		}
	}
	f.address(instance)
	ids := map[string]bool{}
	for _, g := range workers {
		id := ""
		if !flat {
			id = f.section(g, ids)
		}
		f.workers(g, id)
	}
	return f.b.String()
}

// address writes the backend, and the address of a host of several, if it is known as one.
func (f *toConf) address(instance mgmt.InstanceName) {
	backend := f.config.Nodes[0].Backend
	switch {
	case backend == mgmt.BrokerBackend:
		f.key("cluster_backend_args", "frameworks/cluster/backend/broker")
	case f.prefix != "":
		f.key("cluster_backend_args", "misc/zeromq-multi-host-auto-setup")
	case backend == mgmt.ZeroMQBackend:
		f.key("cluster_backend_args", "frameworks/cluster/backend/zeromq")
	}
	if f.prefix == "" {
		return
	}
	if addr, err := netip.ParseAddr(f.host(instance)); err == nil && addr.Is4() {
		f.key("cluster_address", addr.String())
	} else if err == nil {
		f.key("cluster_address", "["+addr.WithZone("").String()+"]")
	}
}

func (f *toConf) key(name, value string) { fmt.Fprintf(&f.b, "%s = %s\n", name, value) }

func (f *toConf) rename(n mgmt.Node, name string) {
	if string(n.Name) != name {
		f.renamed = append(f.renamed, fmt.Sprintf("%s becomes %s", n.Name, name))
	}
}

// common writes what all processes of a kind on a host have. They cannot differ.
func (f *toConf) common(kind zeekconf.Kind, nodes []mgmt.Node) {
	first := nodes[0]
	cpus, _ := first.CPUs()
	for _, n := range nodes[1:] {
		other, _ := n.CPUs()
		if !sameUse(first, n) || !slices.Equal(cpus, other) {
			f.lost(n, fmt.Sprintf("its environment, scripts, options, limits or processors differ from those of %s, and zeek.conf has one of each for all %s processes of a host: those of %s are used", first.Name, kind, first.Name), "")
		}
	}
	if len(cpus) > 0 {
		f.key(string(kind)+"_cpu_set", cpusText(cpus))
	}
	if iface := interfaceOf(first); iface != "" {
		f.lost(first, "it captures from "+iface+", and only workers of zeek.conf do", "")
	}
	f.use(string(kind), first)
}

// use writes environment, arguments and limits of a kind.
func (f *toConf) use(kind string, n mgmt.Node) {
	var words []string
	for _, s := range n.Scripts {
		words = append(words, unitWord(s))
	}
	for _, o := range n.Options {
		words = append(words, unitWord(o.Name+"="+o.Value))
	}
	if len(words) > 0 {
		f.key(kind+"_args", strings.Join(words, " "))
	}
	if env := envOf(n); len(env) > 0 {
		f.b.WriteString(kind + "_env =\n")
		for _, name := range slices.Sorted(maps.Keys(env)) {
			value := env[name]
			if strings.Contains(value, "\n") {
				f.lost(n, "the variable "+name+" has a line break, which zeek.conf cannot have", "")
				continue
			}
			value = strings.NewReplacer("%", "%%", "${", `\${`).Replace(value)
			fmt.Fprintf(&f.b, "  %s=%s\n", name, unitWord(value))
		}
	}
	if n.Limits.Memory > 0 {
		f.key(kind+"_memory_max", strconv.FormatUint(n.Limits.Memory, 10))
	}
	if n.Limits.Nice != 0 {
		f.key(kind+"_nice", strconv.Itoa(n.Limits.Nice))
	}
	if n.Limits.CPUWeight != 0 {
		f.lost(n, "cpu_weight has no equivalent in zeek.conf", "write a drop-in file with CPUWeight= for its unit")
	}
}

// unitWord returns text as a word that systemd reads as it is.
func unitWord(text string) string {
	if text != "" && !strings.ContainsAny(text, " \t\"'\\") {
		return text
	}
	if text == "" {
		return ""
	}
	return `"` + strings.NewReplacer(`\${`, `\${`, `\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

// confGroups puts workers together as zeek.conf can: their interfaces may end in the number of
// the worker, and one worker alone is a group, too.
func confGroups(workers []mgmt.Node) []group {
	list := groups(workers, func(a, b mgmt.Node) bool {
		if interfaceOf(a) != interfaceOf(b) {
			base, number, ok := numbered(interfaceOf(a))
			otherBase, other, otherOK := numbered(interfaceOf(b))
			_, index, _ := numbered(string(b.Name))
			if !ok || !otherOK || base != otherBase || number > 1 || other != number+index-1 {
				return false
			}
			b.Interface = a.Interface
		}
		return alike(a, b)
	})
	for i, g := range list {
		prefix, is := strings.CutSuffix(g.name, "-1")
		if is && len(g.nodes) == 1 && !slices.ContainsFunc(list, func(other group) bool {
			return other.name == prefix || strings.HasPrefix(other.name, prefix+"-") && other.name != g.name
		}) {
			list[i].name = prefix
		}
	}
	return list
}

var trailingNumber = lazy.Regexp(`^(.*?)([0-9]{1,6})$`)

// numbered divides a text from the number at its end.
func numbered(text string) (base string, number int, ok bool) {
	m := trailingNumber().FindStringSubmatch(text)
	if m == nil {
		return "", 0, false
	}
	number, err := strconv.Atoi(m[2])
	return m[1], number, err == nil && strconv.Itoa(number) == m[2]
}

var workerName = lazy.Regexp(`^(?:.*-)?worker-([-_a-z0-9]+)$`)

// section begins the section of a group of workers, and returns its name.
func (f *toConf) section(g group, ids map[string]bool) string {
	id := strings.Trim(notInHost().ReplaceAllString(strings.ToLower(strings.TrimPrefix(g.name, f.prefix)), "-"), "-")
	if m := workerName().FindStringSubmatch(id); m != nil {
		id = m[1]
	}
	if id == "" {
		id = "workers"
	}
	for base, i := id, 2; ids[id]; i++ {
		id = fmt.Sprintf("%s-%d", base, i)
	}
	ids[id] = true
	fmt.Fprintf(&f.b, "\n[interface %s]\n", id)
	return id + "-"
}

// interfaceText returns the interface of a group, with the index of the worker if its
// interfaces are numbered.
func interfaceText(g group) string {
	escape := strings.NewReplacer("%", "%%", "${", `\${`)
	iface := interfaceOf(g.nodes[0])
	if len(g.nodes) == 1 || interfaceOf(g.nodes[1]) == iface {
		return escape.Replace(iface)
	}
	base, number, _ := numbered(iface)
	if number == 0 {
		return escape.Replace(base) + "${worker_index0}"
	}
	return escape.Replace(base) + "${worker_index}"
}

// workers writes a group of workers. The generator gives processors out by the index of a
// worker on its host, so the list begins with the processor of that index. id stands in the
// names of the workers.
func (f *toConf) workers(g group, id string) {
	iface := interfaceText(g)
	if iface == "" {
		f.lost(g.nodes[0], "it captures nothing, and every worker of zeek.conf has an interface: it is called lo here", "")
		iface = "lo"
	}
	f.key("interface", iface)
	f.key("workers", strconv.Itoa(len(g.nodes)))
	cpus := make([]int, len(g.nodes))
	bound := false
	for i, n := range g.nodes {
		list, _ := n.CPUs()
		if len(list) > 1 {
			f.lost(n, "it may run on several processors, and a worker of zeek.conf is bound to one: it is bound to none", "")
		}
		if len(list) == 1 {
			bound = true
			cpus[(f.index+i)%len(g.nodes)] = list[0]
		}
		f.rename(n, fmt.Sprintf("%sworker-%s%d", f.prefix, id, i+1))
	}
	if bound {
		f.key("workers_cpu_list", cpusText(cpus))
	}
	f.index += len(g.nodes)
	f.use("worker", g.nodes[0])
}
