package migration

import (
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

// write writes the cluster file.
func (f *fromZeekctl) write() {
	d := &f.draft
	d.comment("Cluster file, made by zeekfleet import from zeekctl's files:")
	for _, file := range []string{f.site.Files.Node.Name, f.site.Files.Options.Name, f.site.Files.Networks.Name} {
		if file != "" {
			d.comment("  %s", file)
		}
	}
	d.comment("Above each line stands the line that it comes from.")
	d.blank()
	d.section("instances")
	for _, h := range f.names.hosts {
		d.comment("host = %s", h.Name)
		d.line(string(h.Instance))
	}
	d.blank()
	f.writeBackend()
	f.writeNetworks()
	f.writeBundles()
	f.writeOptions()
	if f.site.IsStandalone() {
		f.writeStandalone()
		return
	}
	for _, section := range f.site.Sections {
		f.writeSection(section)
	}
}

// writeBackend writes the backend, if zeekctl.cfg names one.
func (f *fromZeekctl) writeBackend() {
	backend := mgmt.Backend(f.site.Backend())
	switch {
	case backend == "":
	case backend.Check() != nil:
		f.found.add(f.site.Files.Options.Name, fmt.Sprintf("ClusterBackend = %s is no backend that zeekfleet knows", f.site.Option("ClusterBackend")), "it can be Broker or ZeroMQ")
	default:
		f.draft.section("cluster")
		f.draft.entry("backend", string(backend), f.atOption("ClusterBackend"))
		f.draft.blank()
	}
}

func (f *fromZeekctl) writeNetworks() {
	if len(f.site.Networks) == 0 {
		return
	}
	d := &f.draft
	d.section("networks")
	for _, n := range f.site.Networks {
		d.comment("%s %s", zeekctl.Place(f.name(f.site.Files.Networks.Name), n.Line), n.Tag)
		d.line(n.Prefix.String())
	}
	d.blank()
}

// writeBundles writes a bundle for each directory of SitePolicyPath. One host has its scripts
// where its Zeek looks for them, unless the option names another directory.
func (f *fromZeekctl) writeBundles() {
	if len(f.names.hosts) == 1 && !f.site.IsSet("SitePolicyPath") {
		return
	}
	place := f.atOption("SitePolicyPath")
	if place == "" {
		place = "zeekctl copies this directory to all hosts"
	}
	dirs := strings.Split(f.site.Option("SitePolicyPath"), ":")
	for i, dir := range dirs {
		name := "site"
		if len(dirs) > 1 {
			name = fmt.Sprintf("site-%d", i+1)
		}
		f.draft.section("bundle " + name)
		f.draft.entry("path", dir, place)
		f.draft.blank()
	}
	f.found.add("", "the scripts of the site are in a bundle", "run zeekfleet where "+path.Clean(dirs[0])+" is, or change the path in the cluster file")
}

// clusterOptions are the options of zeekctl that are options of Zeek, which nodes can be told
// while they run.
var clusterOptions = []struct{ zeekctl, zeek string }{
	{"MailFrom", "Notice::mail_from"}, {"MailSubjectPrefix", "Notice::mail_subject_prefix"}, {"SendMail", "Notice::sendmail"},
}

func (f *fromZeekctl) writeOptions() {
	d := &f.draft
	written := false
	for _, o := range clusterOptions {
		place := f.atOption(o.zeekctl)
		if place == "" {
			continue
		}
		if !written {
			d.section("options")
			written = true
		}
		d.entry(o.zeek, f.site.Option(o.zeekctl), place)
	}
	if written {
		d.blank()
	}
}

func (f *fromZeekctl) writeStandalone() {
	section := f.site.Sections[0]
	for _, p := range f.processes {
		f.draft.comment("%s, which does everything", f.at(section.Line, "["+section.Name+"]"))
		f.draft.section(p.Name)
		f.writeNode(section, p, 0)
	}
}

// writeSection writes a section of node.cfg: a template for workers that share an interface, or
// a section for each process.
func (f *fromZeekctl) writeSection(section *zeekctl.Section) {
	if f.writeTemplate(section) {
		return
	}
	for i, p := range f.site.Processes {
		if p.Section == section {
			f.draft.comment("%s", f.at(section.Line, "["+section.Name+"]"))
			f.draft.section(p.Name)
			f.writeNode(section, f.processes[i], p.Port)
		}
	}
}

// writeNode writes the entries of a node.
func (f *fromZeekctl) writeNode(section *zeekctl.Section, p Process, port int) {
	d := &f.draft
	d.entry("instance", string(p.Instance), f.atKey(section, "host"))
	d.entry("role", strings.ToLower(string(p.Role)), f.atKey(section, "type"))
	if p.Role != mgmt.Worker && 0 < port && port <= 65535 {
		place := f.atOption("ZeekPort")
		if place == "" {
			place = "counted from zeekctl's ZeekPort, " + f.site.Option("ZeekPort")
		}
		d.entry("port", strconv.Itoa(port), place)
	}
	if p.Interface != "" {
		d.entry("interface", p.Interface, f.interfacePlaces(section)...)
	}
	if len(p.CPUs) == 1 {
		d.entry("cpu_affinity", strconv.Itoa(p.CPUs[0]), f.atKey(section, "pin_cpus"))
	}
	f.writeCommon(section, p.Env, p.Scripts, p.Options)
	d.blank()
}

// interfacePlaces returns the places that make an interface.
func (f *fromZeekctl) interfacePlaces(section *zeekctl.Section) []string {
	places := []string{f.atKey(section, "interface"), f.atKey(section, "lb_interfaces"), f.atKey(section, "lb_method")}
	if section.Key("lb_method") == "custom" {
		places = append(places, f.atOption("lb_custom.InterfacePrefix"), f.atOption("lb_custom.InterfaceSuffix"))
	}
	return places
}

// writeCommon writes what nodes and templates have.
func (f *fromZeekctl) writeCommon(section *zeekctl.Section, env map[string]string, scripts []string, options []mgmt.Option) {
	if len(env) > 0 {
		places := []string{f.atKey(section, "env_vars"), f.atOption("Env_Vars")}
		if method := section.Key("lb_method"); method == "pf_ring" || method == "myricom" {
			places = append(places, f.atKey(section, "lb_method"))
		}
		f.draft.entry("env", envText(env), places...)
	}
	if len(scripts) > 0 {
		f.draft.entry("scripts", wordsText(scripts), f.atKey(section, "aux_scripts"))
	}
	if len(options) > 0 {
		var places []string
		for _, key := range section.Keys {
			if strings.HasPrefix(key.Name, zeekctl.AFPacketPrefix) {
				places = append(places, f.atKey(section, key.Name))
			}
		}
		if slices.ContainsFunc(options, func(o mgmt.Option) bool { return !strings.HasPrefix(o.Name, "AF_Packet::") }) {
			places = append(places, f.atKey(section, "aux_scripts"))
		}
		f.draft.entry("redefs", redefsText(options), places...)
	}
}
