package migration

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

// toZeekctl writes zeekctl's files.
type toZeekctl struct {
	*exporter
	nodes, options, networks strings.Builder
}

// ExportZeekctl returns node.cfg, zeekctl.cfg and networks.cfg for a configuration. hosts has
// the hosts of instances whose addresses the configuration does not have.
func ExportZeekctl(c mgmt.Configuration, hosts map[mgmt.InstanceName]string) (*Export, error) {
	e, err := newExporter(c, hosts)
	if err != nil {
		return nil, err
	}
	z := &toZeekctl{exporter: e}
	z.nodes.WriteString("# Nodes, made by zeekfleet export.\n\n")
	z.options.WriteString("# Options, made by zeekfleet export. Those that are not here have zeekctl's defaults.\n\n")
	z.networks.WriteString("# Local networks, made by zeekfleet export.\n\n")
	if z.standalone() {
		z.writeStandalone()
	} else {
		z.writeCluster()
	}
	z.writeOptions()
	z.findCommon("name it in SitePolicyPath of zeekctl.cfg")
	files := []ExportedFile{{"node.cfg", z.nodes.String()}, {"zeekctl.cfg", z.options.String()}, {"networks.cfg", z.networks.String()}}
	return &Export{Files: files, Findings: z.found.list}, nil
}

// standalone reports whether the configuration is a manager and one worker on one host: zeekctl
// runs no cluster without a proxy.
func (z *toZeekctl) standalone() bool {
	nodes := z.config.Nodes
	return len(nodes) == 2 && len(z.of(mgmt.Worker)) == 1 && nodes[0].Instance == nodes[1].Instance
}

func (z *toZeekctl) writeStandalone() {
	worker, manager := z.of(mgmt.Worker)[0], z.of(mgmt.Manager)[0]
	z.found.add("", fmt.Sprintf("the manager and the worker %s become one standalone Zeek", worker.Name), "")
	if !sameUse(worker, manager) {
		z.lost(manager, "its environment, scripts, options or limits differ from the worker's, whose are used", "")
	}
	z.begin(string(worker.Name), zeekctl.Standalone, worker)
	z.use(worker, z.capture(group{string(worker.Name), []mgmt.Node{worker}}))
}

func (z *toZeekctl) writeCluster() {
	for _, kind := range []struct {
		role mgmt.ClusterRole
		name zeekctl.Type
	}{{mgmt.Logger, zeekctl.Logger}, {mgmt.Manager, zeekctl.Manager}, {mgmt.Proxy, zeekctl.Proxy}} {
		for _, n := range z.of(kind.role) {
			z.begin(string(n.Name), kind.name, n)
			z.use(n, z.capture(group{string(n.Name), []mgmt.Node{n}}))
		}
	}
	if len(z.of(mgmt.Proxy)) == 0 {
		name := "proxy-1"
		for i := 2; slices.ContainsFunc(z.config.Nodes, func(n mgmt.Node) bool { return strings.EqualFold(string(n.Name), name) }); i++ {
			name = fmt.Sprintf("proxy-%d", i)
		}
		z.found.add("", "zeekctl runs no cluster without a proxy", name+" was added on the manager's host")
		z.begin(name, zeekctl.Proxy, z.of(mgmt.Manager)[0])
		z.nodes.WriteString("\n")
	}
	for _, g := range groups(z.of(mgmt.Worker), alike) {
		z.begin(g.name, zeekctl.Worker, g.nodes[0])
		z.use(g.nodes[0], z.capture(g))
	}
	if z.manyHosts() && zeekctl.IsLocal(z.host(z.of(mgmt.Manager)[0].Instance)) {
		z.found.add("", "the manager's host has an address that other hosts cannot reach", "say its address with --host")
	}
}

func (z *toZeekctl) manyHosts() bool {
	hosts := map[string]bool{}
	for _, n := range z.config.Nodes {
		hosts[z.host(n.Instance)] = true
	}
	return len(hosts) > 1
}

// key writes a key of node.cfg. Python's configparser reads a percent sign only if it is there
// twice.
func (z *toZeekctl) key(name, value string) {
	fmt.Fprintf(&z.nodes, "%s=%s\n", name, strings.ReplaceAll(value, "%", "%%"))
}

func (z *toZeekctl) begin(name string, kind zeekctl.Type, n mgmt.Node) {
	fmt.Fprintf(&z.nodes, "[%s]\n", name)
	z.key("type", string(kind))
	z.key("host", z.host(n.Instance))
}

// capture writes interface, processors and lb_procs of a group. It returns the options that the
// keys of AF_PACKET do not say.
func (z *toZeekctl) capture(g group) []mgmt.Option {
	first := g.nodes[0]
	iface, options := interfaceOf(first), first.Options
	if len(g.nodes) > 1 {
		method := "custom" // which leaves the interface as it is
		if device, is := strings.CutPrefix(iface, "af_packet::"); is {
			method, iface = "af_packet", device
		}
		z.key("lb_method", method)
		z.key("lb_procs", strconv.Itoa(len(g.nodes)))
		options = nil
		for _, o := range first.Options {
			name, is := strings.CutPrefix(o.Name, "AF_Packet::")
			if !is || method != "af_packet" || !slices.Contains(zeekctl.AFPacketKeys, name) {
				options = append(options, o)
				continue
			}
			z.key(zeekctl.AFPacketPrefix+name, o.Value)
		}
	}
	if iface != "" {
		z.key("interface", iface)
	}
	var cpus []int
	for _, n := range g.nodes {
		list, _ := n.CPUs()
		if len(list) > 1 {
			z.lost(n, "it may run on several processors, and zeekctl binds a process to one: it is bound to none", "")
			continue
		}
		cpus = append(cpus, list...)
	}
	if len(cpus) > 0 {
		z.key("pin_cpus", cpusText(cpus))
	}
	return options
}

// use writes environment and scripts of a node. The options of a node become words of
// aux_scripts, which zeekctl puts on the command line.
func (z *toZeekctl) use(n mgmt.Node, options []mgmt.Option) {
	var words []string
	env := envOf(n)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		value := env[name]
		if strings.ContainsAny(value, ",\n") || strings.ContainsAny(name, ", ") {
			z.lost(n, "the variable "+name+" has a comma or a line break, which zeekctl cannot have", "")
			continue
		}
		words = append(words, name+"="+shellWord(value))
	}
	if len(words) > 0 {
		z.key("env_vars", strings.Join(words, ","))
	}
	words = nil
	for _, script := range n.Scripts {
		words = append(words, shellWord(script))
	}
	for _, o := range options {
		words = append(words, shellWord(o.Name+"="+o.Value))
	}
	if len(words) > 0 {
		z.key("aux_scripts", strings.Join(words, " "))
	}
	if n.Limits.CPUWeight != 0 || n.Limits.Nice != 0 {
		z.lost(n, "cpu_weight and nice have no equivalent in zeekctl", "")
	}
	z.nodes.WriteString("\n")
}

// shellWord returns text as a word that a shell reads as it is.
func shellWord(text string) string {
	words, err := zeekctl.ShellWords(text)
	switch {
	case err == nil && len(words) == 1 && words[0] == text && !strings.ContainsAny(text, "*?~!"):
		return text
	case text == "":
		return ""
	case !strings.Contains(text, "'"):
		return "'" + text + "'"
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "$", `\$`, "`", "\\`").Replace(text) + `"`
}

// writeOptions writes zeekctl.cfg and networks.cfg.
func (z *toZeekctl) writeOptions() {
	known := map[string]bool{}
	option := func(name, value string) { fmt.Fprintf(&z.options, "%s = %s\n", name, value) }
	for _, o := range clusterOptions {
		if value, ok := z.shared(o.zeek); ok {
			option(o.zeekctl, value)
			known[o.zeek] = true
		}
	}
	if value, ok := z.shared("Site::local_nets"); ok {
		for net := range strings.SplitSeq(value, ",") {
			if net != "" {
				z.networks.WriteString(net + "\n")
			}
		}
		known["Site::local_nets"] = true
	}
	z.findOptions(known)
	before := 1 // zeekctl takes the first port for itself, and with ZeroMQ two more for its proxy
	switch z.config.Nodes[0].Backend {
	case mgmt.BrokerBackend:
		option("ClusterBackend", "Broker")
	case mgmt.ZeroMQBackend:
		option("ClusterBackend", "ZeroMQ")
		before = 3
	}
	if port := z.of(mgmt.Manager)[0].Port; port != nil && int(port.Number) > before && !z.standalone() {
		option("ZeekPort", strconv.Itoa(int(port.Number)-before))
	}
	z.memory(option)
}

// memory writes MemLimit, if all nodes have the same limit.
func (z *toZeekctl) memory(option func(name, value string)) {
	limit := z.config.Nodes[0].Limits.Memory
	for _, n := range z.config.Nodes {
		if n.Limits.Memory != limit {
			z.found.add("", "zeekctl has one limit of memory for all nodes, and these have several: it is left out", "set MemLimit in zeekctl.cfg, in KiB")
			return
		}
	}
	if limit > 0 {
		option("MemLimit", strconv.FormatUint(limit>>10, 10))
	}
}
