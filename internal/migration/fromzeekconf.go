package migration

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeekconf"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

var confRoles = map[zeekconf.Kind]mgmt.ClusterRole{
	zeekconf.Manager: mgmt.Manager, zeekconf.Logger: mgmt.Logger, zeekconf.Proxy: mgmt.Proxy, zeekconf.Worker: mgmt.Worker,
}

// fromConf imports files of the generator of systemd units.
type fromConf struct {
	confs     []*zeekconf.Conf
	options   Options
	names     *instanceNames
	draft     draft
	agents    []*settings // of each conf
	found     findings
	processes []Process
}

// FromZeekConf imports zeek.conf, or the files HOST.zeek.conf of a cluster.
func FromZeekConf(files []zeekctl.File, o Options) (*Result, error) {
	f := &fromConf{options: o}
	sort.Slice(files, func(i, j int) bool { return files[i].Name < files[j].Name })
	var hosts []string
	for _, file := range files {
		c, err := zeekconf.Parse(file.Name, file.Text)
		if err != nil {
			return nil, err
		}
		if c.Host == "" && len(files) > 1 {
			return nil, fmt.Errorf("%s is for one host alone: import it without %s, or the files HOST.zeek.conf of one directory", c.File, files[0].Name)
		}
		f.confs = append(f.confs, c)
		f.agents = append(f.agents, &settings{})
		hosts = append(hosts, hostOf(c))
	}
	if err := zeekconf.CheckHosts(f.confs); err != nil {
		return nil, err
	}
	names, err := newInstanceNames(o, hosts)
	if err != nil {
		return nil, err
	}
	f.names = names
	f.begin()
	for i, c := range f.confs {
		f.general(c, f.agents[i])
		processes, err := c.Expand()
		if err != nil {
			return nil, err
		}
		for _, p := range processes {
			one := f.process(p, f.agents[i])
			f.processes = append(f.processes, one)
			f.write(p, one)
		}
	}
	r := &Result{From: ZeekConf, Cluster: f.draft.b.String(), Hosts: names.hosts, Processes: f.processes}
	r.Settings = f.settings()
	if r.Listen = r.listenAddress(); r.Listen != "" {
		var control settings
		control.put("controller.listen_address", r.Listen, "the host of the manager, where agents and clients reach the controller")
		r.Settings = append(r.Settings, SettingsFile{"controller.yaml", "the controller", control.text("Settings of the controller.")})
	}
	r.Findings = f.found.list
	return r, r.verify()
}

// hostOf returns the host of a file.
func hostOf(c *zeekconf.Conf) string {
	if c.Host == "" {
		return "localhost"
	}
	return c.Host
}

// begin writes what stands before the nodes.
func (f *fromConf) begin() {
	d := &f.draft
	d.comment("Cluster file, made by zeekfleet import from:")
	for _, c := range f.confs {
		d.comment("  %s (the form of Zeek %s)", c.File, c.Form)
	}
	d.comment("Above each line stands the line that it comes from.")
	d.blank()
	d.section("instances")
	for _, h := range f.names.hosts {
		d.line(string(h.Instance))
		if h.Name == "localhost" {
			f.found.add("", fmt.Sprintf("this host is instance %s", h.Instance), "start its agent with --name if that is not its name")
		}
	}
	d.blank()
	f.writeBackend()
	for _, host := range f.names.unknown() {
		f.found.add("", fmt.Sprintf("--instance %s names a host that has no file", host), "")
	}
}

// at returns a comment about a line of a file.
func at(c *zeekconf.Conf, s *zeekconf.Section, key string) string {
	o, ok := s.Option(key)
	if !ok {
		return ""
	}
	var texts []string
	for _, v := range o.Values {
		if v.Text != "" {
			texts = append(texts, v.Text)
		}
	}
	return zeekctl.Place(path.Base(c.File), o.Line()) + " " + key + " = " + strings.Join(texts, " ")
}

// general makes settings of the options of a host, and says which have no equivalent.
func (f *fromConf) general(c *zeekconf.Conf, agent *settings) {
	for _, n := range c.Notes {
		f.found.add(zeekctl.Place(c.File, n.Line), n.Text, "")
	}
	zeek := c.Zeek
	base := zeek.Text("base_dir")
	place := at(c, zeek, "base_dir")
	if base == "" {
		base, place = f.options.Base, "the installation that has the generator"
	}
	if base != "" {
		agent.put("zeek.path", path.Join(base, "bin", "zeek"), place)
	}
	f.arguments(c, agent)
	if dirs := zeek.Text("ext_zeek_path"); dirs != "" {
		agent.put("zeek.script_path", dirs, at(c, zeek, "ext_zeek_path"))
		f.found.add(zeekctl.Place(c.File, zeek.LineOf("ext_zeek_path")), "nodes look in zeek.script_path last, and the generator's look in ext_zeek_path first", "scripts there cannot replace those of Zeek; use a bundle to replace scripts of the site")
	}
	if text := zeek.Text("restart_interval_sec"); text != "" {
		agent.put("agent.backoff.first", text+"s", at(c, zeek, "restart_interval_sec"))
	}
	if zeek.Text("archiver") == "0" || strings.EqualFold(zeek.Text("archiver"), "false") {
		agent.put("agent.archive_logs", "false", at(c, zeek, "archiver"))
	}
	if text := zeek.Text("metrics_address"); text != "" && c.Form == zeekconf.Form81 {
		agent.put("zeek.metrics_address", strings.Trim(text, "[]"), at(c, zeek, "metrics_address"))
	}
	f.without(c)
}

// lost are keys without an equivalent, with what to do.
var lost = map[string]string{
	"user":                "run the agent as that user, or see how the packages of zeekfleet start nodes as user zeek",
	"group":               "run the agent as a user of that group",
	"path":                "set PATH of the agent's service; nodes inherit it",
	"ext_path":            "set PATH of the agent's service; nodes inherit it",
	"cluster_layout":      "zeekfleet generates the layout; what the file adds belongs into local.zeek",
	"archiver_args":       "see agent.archive_interval, agent.archive_level and agent.archive_cmd",
	"archiver_env":        "the agent archives logs itself",
	"archiver_nice":       "the agent archives logs itself",
	"archiver_memory_max": "the agent archives logs itself",
	"archiver_cpu_set":    "the agent archives logs itself",
	"worker_numa_policy":  "bind workers to processors of the right NUMA node: the kernel gives them memory there",
	"workers_numa_policy": "bind workers to processors of the right NUMA node: the kernel gives them memory there",
	"address":             "addresses come from the agents, when they join",
	"cluster_address":     "addresses come from the agents, when they join",
}

// without says which options of a file have no equivalent.
func (f *fromConf) without(c *zeekconf.Conf) {
	for _, s := range append([]*zeekconf.Section{c.Zeek}, c.Interfaces...) {
		for _, o := range s.Options {
			value := s.Text(o.Key)
			if lost[o.Key] == "" || value == "" || value == "default" || c.Host == "" && strings.HasSuffix(o.Key, "address") || value == "zeek" {
				continue
			}
			f.found.add(zeekctl.Place(c.File, o.Line()), fmt.Sprintf("%s = %s has no equivalent", o.Key, value), lost[o.Key])
		}
	}
	if text := c.Zeek.Text("archiver"); text != "" && text != "0" && text != "1" && c.Form == zeekconf.Form90 {
		f.found.add(zeekctl.Place(c.File, c.Zeek.LineOf("archiver")), "archiver = "+text+" has no equivalent that runs all the time", "name a program that archives and ends in agent.archive_cmd")
	}
}

// arguments makes zeek.args of the words for all processes.
func (f *fromConf) arguments(c *zeekconf.Conf, agent *settings) {
	if c.Args() == "local" {
		return
	}
	words, err := ini.SplitWords(c.Args())
	place := zeekctl.Place(c.File, c.Zeek.LineOf("args"))
	if err != nil {
		f.found.add(place, "args: "+err.Error(), "set zeek.args")
		return
	}
	for _, word := range words {
		if strings.ContainsAny(word, " \t") {
			f.found.add(place, fmt.Sprintf("the word %q has no place in zeek.args", word), "set what it says in local.zeek")
			continue
		}
		agent.addWords(zeekArgs, at(c, c.Zeek, "args"), word)
	}
}

// writeBackend writes the backend, which is the same on all hosts.
func (f *fromConf) writeBackend() {
	places := map[mgmt.Backend][]string{}
	for _, c := range f.confs {
		backend, place := f.backend(c)
		places[backend] = append(places[backend], place)
	}
	if len(places) > 1 {
		f.found.add("", "the hosts have several backends, and a cluster has one", "say it in [cluster] of the cluster file")
		return
	}
	for backend, list := range places {
		if backend != "" {
			f.draft.section("cluster")
			f.draft.entry("backend", string(backend), slices.Compact(list)...)
			f.draft.blank()
		}
	}
}

// backend returns the backend of a host, or nothing if zeekfleet does not know it.
func (f *fromConf) backend(c *zeekconf.Conf) (mgmt.Backend, string) {
	text := c.Zeek.Text("cluster_backend_args")
	words := strings.Fields(text)
	switch {
	case text == "":
		return mgmt.ZeroMQBackend, "the generator's own choice"
	case len(words) == 1 && strings.HasSuffix(text, "broker"):
		return mgmt.BrokerBackend, at(c, c.Zeek, "cluster_backend_args")
	case len(words) == 1 && (strings.HasSuffix(text, "zeromq") || text == "misc/zeromq-multi-host-auto-setup"):
		return mgmt.ZeroMQBackend, at(c, c.Zeek, "cluster_backend_args")
	}
	f.found.add(zeekctl.Place(c.File, c.Zeek.LineOf("cluster_backend_args")), "cluster_backend_args = "+text+" is no backend that zeekfleet knows", "say broker or zeromq in [cluster] of the cluster file, and load other scripts in local.zeek")
	return "", ""
}

// process returns a process of the generator as a node.
func (f *fromConf) process(p zeekconf.Process, agent *settings) Process {
	one := Process{Name: p.Name, Role: confRoles[p.Kind], Instance: f.names.of(hostOf(p.Conf)), Interface: p.Interface, CPUs: p.CPUs, Env: maps.Clone(p.Env)}
	one.Limits.Memory = p.MemoryMax
	if one.Limits.Check() != nil {
		one.Limits.Memory = 0
		f.found.add(zeekctl.Place(p.Conf.File, sectionOf(p).LineOf(string(p.Kind)+"_memory_max")), fmt.Sprintf("a memory limit of %d bytes is too small", p.MemoryMax), "set memory_limit of "+p.Name+" to at least "+mgmt.SizeText(mgmt.MinMemoryLimit))
	}
	if p.Nice != nil {
		one.Limits.Nice = *p.Nice
	}
	own := p.Args[:max(0, len(p.Args)-len(argWords(p.Conf)))]
	key := string(p.Kind) + "_args"
	section := sectionOf(p)
	scripts, options, rest := splitArgs(own)
	one.Scripts, one.Options = slices.Sorted(slices.Values(scripts)), options
	for _, word := range rest {
		f.found.add(zeekctl.Place(p.Conf.File, section.LineOf(key)), fmt.Sprintf("%s: the word %q is neither a script nor NAME=VALUE that a node can have", key, word), "set it in a script")
	}
	for _, name := range slices.Sorted(maps.Keys(one.Env)) {
		switch {
		case isReserved(name):
			f.found.add(p.Conf.File, "the variable "+name+" is left out: the agent sets it, or it would make Zeek something other than a node", "")
			delete(one.Env, name)
		case mgmt.LoadsCode(name):
			agent.addWords("agent.allow_env", path.Base(p.Conf.File)+": "+name+" can make a node load other code", name)
		}
	}
	return one
}

// argWords returns the words for all processes.
func argWords(c *zeekconf.Conf) []string {
	words, err := ini.SplitWords(c.Args())
	if err != nil {
		return strings.Fields(c.Args())
	}
	return words
}

// sectionOf returns the section that describes a process.
func sectionOf(p zeekconf.Process) *zeekconf.Section {
	if p.Section != nil {
		return p.Section
	}
	return p.Conf.Zeek
}

// write writes the section of a node.
func (f *fromConf) write(p zeekconf.Process, one Process) {
	d := &f.draft
	c, s := p.Conf, sectionOf(p)
	count := map[zeekconf.Kind]string{zeekconf.Manager: "manager", zeekconf.Logger: "loggers", zeekconf.Proxy: "proxies", zeekconf.Worker: "workers"}[p.Kind]
	d.section(one.Name)
	d.entry("instance", string(one.Instance), path.Base(c.File))
	d.entry("role", strings.ToLower(string(one.Role)), at(c, s, count))
	if p.Port > 0 && p.Port <= 65535 {
		d.entry("port", strconv.Itoa(p.Port), at(c, c.Zeek, "port"), at(c, c.Zeek, "cluster_port"))
	}
	if one.Interface != "" {
		d.entry("interface", one.Interface, at(c, s, "interface"))
	}
	if p.MetricsPort > 0 && p.MetricsPort <= 65535 {
		d.entry("metrics_port", strconv.Itoa(p.MetricsPort), at(c, c.Zeek, "metrics_port"))
	}
	f.writeUse(p, one, s)
	args := at(c, s, string(p.Kind)+"_args")
	if len(one.Scripts) > 0 {
		d.entry("scripts", wordsText(one.Scripts), args)
	}
	if len(one.Options) > 0 {
		d.entry("redefs", redefsText(one.Options), args)
	}
	d.blank()
}

// writeUse writes what a node may use, and its environment, which can name processors.
func (f *fromConf) writeUse(p zeekconf.Process, one Process, s *zeekconf.Section) {
	d, c := &f.draft, p.Conf
	env := maps.Clone(one.Env)
	places := []string{at(c, c.Zeek, "env")}
	if key := string(p.Kind) + "_env"; key != "env" {
		places = append(places, at(c, s, key))
	}
	cpuKey := string(p.Kind) + "_cpu_set"
	if p.Kind == zeekconf.Worker {
		cpuKey = "workers_cpu_list"
	}
	switch {
	case len(one.CPUs) == 1:
		d.entry("cpu_affinity", strconv.Itoa(one.CPUs[0]), at(c, s, cpuKey))
	case len(one.CPUs) > 1:
		env[mgmt.CPUsEnv] = cpusText(one.CPUs)
		places = append(places, at(c, s, cpuKey))
	}
	if one.Limits.Memory > 0 {
		d.entry("memory_limit", mgmt.SizeText(one.Limits.Memory), at(c, s, string(p.Kind)+"_memory_max"))
	}
	if one.Limits.Nice != 0 {
		d.entry("nice", strconv.Itoa(one.Limits.Nice), at(c, s, string(p.Kind)+"_nice"))
	}
	if len(env) > 0 {
		d.entry("env", envText(env), places...)
	}
}

// settings returns the settings of the agents: one file, if all have the same.
func (f *fromConf) settings() []SettingsFile {
	var files []SettingsFile
	same := true
	texts := make([]string, len(f.agents))
	for i, agent := range f.agents {
		texts[i] = agent.text()
		same = same && withoutComments(texts[i]) == withoutComments(texts[0])
	}
	for i, c := range f.confs {
		instance := f.names.of(hostOf(c))
		head := []string{"Settings of the agent of " + string(instance) + ", made from " + path.Base(c.File) + "."}
		file := SettingsFile{Name: string(instance) + ".agent.yaml", For: "the agent of " + string(instance)}
		if same {
			head[0] = "Settings of every agent, made from " + path.Base(c.File) + "."
			file.Name, file.For = "agent.yaml", "every agent"
		}
		if len(f.agents[i].values) > 0 {
			f.agents[i].service(f.processes)
			file.Text = f.agents[i].text(head...)
			files = append(files, file)
		}
		if same {
			break
		}
	}
	return files
}

func withoutComments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(strings.TrimSpace(line), "#") {
			b.WriteString(line)
		}
	}
	return b.String()
}
