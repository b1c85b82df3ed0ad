package migration

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

const zeekArgs = "zeek.args"

var roles = map[zeekctl.Type]mgmt.ClusterRole{
	zeekctl.Standalone: mgmt.Worker, zeekctl.Logger: mgmt.Logger, zeekctl.Manager: mgmt.Manager, zeekctl.Proxy: mgmt.Proxy, zeekctl.Worker: mgmt.Worker,
}

// fromZeekctl imports a site of zeekctl.
type fromZeekctl struct {
	site      *zeekctl.Site
	options   Options
	names     *instanceNames
	draft     draft
	agent     settings
	control   settings
	found     findings
	processes []Process
}

// FromZeekctl imports zeekctl's files.
func FromZeekctl(files zeekctl.Files, o Options) (*Result, error) {
	base := o.Base
	if base == "" {
		base, o.foundBase = baseOf(files.Node.Name)
	}
	site, err := zeekctl.Read(files, base)
	if err != nil {
		return nil, err
	}
	names, err := newInstanceNames(o, site.Hosts())
	if err != nil {
		return nil, err
	}
	f := &fromZeekctl{site: site, options: o, names: names}
	f.findGeneral(base)
	f.applyOptions()
	for i := range site.Processes {
		f.processes = append(f.processes, f.process(&site.Processes[i]))
	}
	if site.IsStandalone() {
		f.divideStandalone()
	}
	f.write()
	r := &Result{From: Zeekctl, Cluster: f.draft.b.String(), Findings: f.found.list, Hosts: names.hosts, Processes: f.processes, Base: base}
	r.Spool, r.StopTimeout = site.Option("SpoolDir"), time.Duration(site.Number("StopTimeout"))*time.Second
	if r.Listen = r.listenAddress(); r.Listen != "" {
		f.control.put("controller.listen_address", r.Listen, "the host of the manager, where agents and clients reach the controller")
	}
	if len(f.agent.values) > 0 {
		f.agent.service(f.processes)
		r.Settings = append(r.Settings, SettingsFile{"agent.yaml", "every agent", f.agent.text("Settings of every agent, made from zeekctl's files.")})
	}
	if len(f.control.values) > 0 {
		r.Settings = append(r.Settings, SettingsFile{"controller.yaml", "the controller", f.control.text("Settings of the controller, made from zeekctl's files.")})
	}
	return r, r.verify()
}

// baseOf returns the directory of the installation whose etc has a file: the directory above
// it, if it is called etc. Of another directory it can only guess.
func baseOf(file string) (base string, guessed bool) {
	if dir := path.Dir(file); path.Base(dir) == "etc" && path.Dir(dir) != "/" {
		return path.Dir(dir), false
	}
	return "/usr/local/zeek", true
}

// name returns the name of a file for comments: without its directory.
func (f *fromZeekctl) name(file string) string { return path.Base(file) }

// at returns a comment about a line of node.cfg.
func (f *fromZeekctl) at(line int, text string) string {
	return zeekctl.Place(f.name(f.site.Files.Node.Name), line) + " " + text
}

// atKey returns a comment about a key of a section, or nothing if the section has no such key.
func (f *fromZeekctl) atKey(section *zeekctl.Section, key string) string {
	value := section.Key(key)
	if value == "" {
		return ""
	}
	return f.at(section.LineOf(key), key+" = "+value)
}

// atOption returns a comment about an option of zeekctl.cfg, or nothing if it is not set.
func (f *fromZeekctl) atOption(name string) string {
	for _, set := range f.site.Set {
		if strings.EqualFold(set.Name, name) {
			row, _ := zeekctl.FindOption(name)
			return zeekctl.Place(f.name(f.site.Files.Options.Name), set.Line) + " " + row.Name + " = " + set.Value
		}
	}
	return ""
}

// findGeneral says what is to be known about the whole.
func (f *fromZeekctl) findGeneral(base string) {
	for _, n := range f.site.Notes {
		f.found.add(n.Place(), n.Text, "")
	}
	for _, host := range f.names.unknown() {
		f.found.add("", fmt.Sprintf("--instance %s names a host that is not in %s", host, f.name(f.site.Files.Node.Name)), "")
	}
	if f.options.foundBase {
		f.found.add(f.site.Files.Node.Name, "the directory of the installation is taken to be "+base, "give another with --base")
	}
	for _, h := range f.names.hosts {
		switch {
		case canonicalHost(h.Name) == "localhost":
			f.found.add("", fmt.Sprintf("this host is instance %s", h.Instance), "start its agent with --name if that is not its name")
		case strings.ToLower(h.Name) != string(h.Instance):
			f.found.add("", fmt.Sprintf("host %s is instance %s: its address comes from its agent, when it joins", h.Name, h.Instance), "")
		}
	}
	for _, section := range f.site.Sections {
		f.findUnused(section)
	}
}

// findUnused says what becomes of keys of a section that have no equivalent.
func (f *fromZeekctl) findUnused(section *zeekctl.Section) {
	place := func(key string) string { return zeekctl.Place(f.site.Files.Node.Name, section.LineOf(key)) }
	if zone := section.Key("zone_id"); zone != "" {
		f.found.add(place("zone_id"), "zone_id = "+zone+" has no equivalent", "addresses of nodes have no zone: give the agent an address that is valid on all hosts")
	}
	if dir := section.Key("zeekbase"); dir != "" {
		f.found.add(place("zeekbase"), "zeekbase of a node has no equivalent", "give the agent of "+section.Host+" its Zeek with zeek.path")
	}
}

// process returns a process of zeekctl as a node.
func (f *fromZeekctl) process(p *zeekctl.Process) Process {
	place := zeekctl.Place(f.site.Files.Node.Name, p.Section.LineOf("aux_scripts"))
	one := Process{Name: p.Name, Role: roles[p.Type], Instance: f.names.of(p.Host), Interface: p.Interface, Env: f.env(p)}
	if p.CPU >= 0 {
		one.CPUs = []int{p.CPU}
	}
	scripts, options, rest := splitArgs(p.Args)
	one.Scripts, one.Options = scripts, options
	for _, word := range rest {
		f.found.add(place, fmt.Sprintf("aux_scripts: the word %q is neither a script nor NAME=VALUE that a node can have", word), "set it in a script")
	}
	if !slices.IsSorted(scripts) {
		f.found.add(place, "aux_scripts: nodes load their scripts in alphabetical order, and not as they stand here", "if the order matters, load them from one script with @load")
		one.Scripts = slices.Sorted(slices.Values(scripts))
	}
	for _, r := range p.Redefs {
		value, ok := literal(r.Value)
		o := mgmt.Option{Name: r.Name, Value: value}
		if !ok || mgmt.CheckOption(o) != nil {
			key := zeekctl.AFPacketPrefix + strings.TrimPrefix(r.Name, "AF_Packet::")
			f.found.add(zeekctl.Place(f.site.Files.Node.Name, p.Section.LineOf(key)), fmt.Sprintf("%s = %s is no literal value", key, r.Value), fmt.Sprintf("write the value in its place, or redef %s in a script", r.Name))
			continue
		}
		one.Options = append(one.Options, o)
	}
	return one
}

// literal returns an expression as a value, if it is one: a product of numbers is its result.
func literal(text string) (string, bool) {
	if !strings.Contains(text, "*") {
		return text, true
	}
	product := int64(1)
	for factor := range strings.SplitSeq(text, "*") {
		n, err := strconv.ParseInt(strings.TrimSpace(factor), 10, 64)
		if err != nil || n < 0 || n > 1<<40 || product > 1<<20 && n > 1<<20 {
			return "", false
		}
		product *= n
	}
	return strconv.FormatInt(product, 10), true
}

// env returns the environment of a process, without the variables that a node cannot have.
func (f *fromZeekctl) env(p *zeekctl.Process) map[string]string {
	env := maps.Clone(p.Env)
	for _, name := range slices.Sorted(maps.Keys(env)) {
		place := zeekctl.Place(f.site.Files.Node.Name, p.Section.LineOf("env_vars"))
		switch {
		case isReserved(name):
			f.found.add(place, "the variable "+name+" is left out: the agent sets it, or it would make Zeek something other than a node", "")
			delete(env, name)
		case mgmt.LoadsCode(name):
			f.agent.addWords("agent.allow_env", zeekctl.Place(f.name(f.site.Files.Node.Name), p.Section.LineOf("env_vars"))+" "+name+" can make a node load other code", name)
		}
	}
	return env
}

// isReserved reports whether a configuration cannot set a variable.
func isReserved(name string) bool {
	if mgmt.ReservedEnv(name) {
		return true
	}
	for _, prefix := range []string{"ZEEK_AGENT_", "ZEEK_CONTROLLER_", "ZEEK_MANAGEMENT_", "ZEEKCTL_", "ZEEK_SUPERVISED_NODE", "ZEEK_STEM"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// divideStandalone makes a manager and a worker of a Zeek that does everything.
func (f *fromZeekctl) divideStandalone() {
	one := f.processes[0]
	manager := one
	manager.Role, manager.Name, manager.Interface, manager.CPUs, manager.Replaces = mgmt.Manager, "manager", "", nil, one.Name
	if one.Name == "manager" {
		one.Name, one.Replaces = "worker", "manager"
	}
	f.processes = []Process{manager, one}
	f.found.add(zeekctl.Place(f.site.Files.Node.Name, f.site.Sections[0].Line),
		fmt.Sprintf("the standalone Zeek becomes two nodes: the manager, which writes the logs, and the worker %s, which captures", one.Name),
		"nothing, unless scripts of the site test Cluster::is_enabled(): they now find a cluster")
}
