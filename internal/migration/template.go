package migration

import (
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/clusterfile"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeekctl"
)

// templateKeys are the keys of a template for those of node.cfg about AF_PACKET.
var templateKeys = map[string]string{
	"AF_Packet::block_size": "block_size", "AF_Packet::block_timeout": "block_timeout", "AF_Packet::buffer_size": "ring_size",
	"AF_Packet::checksum_validation_mode": "checksum_validation", fanoutID: "fanout_id", "AF_Packet::fanout_mode": "fanout_mode",
}

// writeTemplate writes a section with lb_procs as a template of workers. It returns false if no
// template makes the same workers, such as for lb_interfaces.
func (f *fromZeekctl) writeTemplate(section *zeekctl.Section) bool {
	method := section.Key("lb_method")
	if section.Count == 0 || method == "interfaces" {
		return false
	}
	before := f.draft.b.String()
	mine := draft{}
	f.draft = draft{}
	f.template(section, method)
	mine.b.WriteString(f.draft.b.String())
	f.draft = draft{}
	f.draft.b.WriteString(before)
	if !f.makesSame(section, mine.b.String()) {
		return false
	}
	f.draft.b.WriteString(mine.b.String())
	return true
}

// makesSame reports whether a template makes the processes of a section.
func (f *fromZeekctl) makesSame(section *zeekctl.Section, text string) bool {
	c, err := clusterfile.Parse("template", []byte(text), clusterfile.Options{NameInstances: true})
	if err != nil || len(c.Config.Nodes) != section.Count {
		return false
	}
	named := map[mgmt.NodeName]mgmt.Node{}
	for _, n := range c.Config.Nodes {
		named[n.Name] = n
	}
	for i, p := range f.site.Processes {
		if p.Section == section && len(f.processes[i].differences(named[mgmt.NodeName(p.Name)])) > 0 {
			return false
		}
	}
	return true
}

// template writes the template. Its workers have the names that zeekctl gives them.
func (f *fromZeekctl) template(section *zeekctl.Section, method string) {
	d := &f.draft
	at := slices.IndexFunc(f.site.Processes, func(p zeekctl.Process) bool { return p.Section == section })
	first, one := f.site.Processes[at], f.processes[at]
	d.comment("%s", f.at(section.Line, "["+section.Name+"]"))
	d.section("workers " + section.Name)
	d.entry("instance", string(one.Instance), f.atKey(section, "host"))
	d.entry("name", section.Name)
	d.entry("interface", section.Key("interface"), f.atKey(section, "interface"))
	d.entry("workers", strconv.Itoa(section.Count), f.atKey(section, "lb_procs"))
	d.entry("lb_method", method, f.atKey(section, "lb_method"))
	if len(one.CPUs) > 0 {
		d.entry("pin_cpus", f.pins(section), f.atKey(section, "pin_cpus"))
	}
	options := f.ofMethod(section, method, one.Options)
	env := map[string]string{}
	for name, value := range one.Env {
		if !slices.Contains(first.Added, name) {
			env[name] = value
		}
	}
	f.writeCommon(section, env, one.Scripts, options)
	d.blank()
}

// pins returns pin_cpus as far as it is used.
func (f *fromZeekctl) pins(section *zeekctl.Section) string {
	given := strings.Count(section.Key("pin_cpus"), ",") + 1
	var list []int
	for _, p := range f.site.SectionOf(section)[:min(given, section.Count)] {
		list = append(list, p.CPU)
	}
	return cpusText(list)
}

// ofMethod writes what belongs to the method, and returns the other options.
func (f *fromZeekctl) ofMethod(section *zeekctl.Section, method string, options []mgmt.Option) []mgmt.Option {
	d := &f.draft
	place := func(name, otherwise string) string {
		if text := f.atOption(name); text != "" {
			return text
		}
		return otherwise
	}
	switch method {
	case "pf_ring":
		id := f.site.SectionOf(section)[0].Env["PCAP_PF_RING_CLUSTER_ID"]
		if slices.Contains(f.site.SectionOf(section)[0].Added, "PCAP_PF_RING_CLUSTER_ID") {
			d.entry("cluster_id", id, place("PFRINGClusterID", "counted from zeekctl's PFRINGClusterID, "+f.site.Option("PFRINGClusterID")))
		}
		d.entry("cluster_type", f.site.Option("PFRINGClusterType"), place("PFRINGClusterType", "zeekctl's PFRINGClusterType"))
	case "custom":
		for _, o := range []struct{ key, option string }{{"interface_prefix", "lb_custom.InterfacePrefix"}, {"interface_suffix", "lb_custom.InterfaceSuffix"}} {
			if value := f.site.Option(o.option); value != "" {
				d.entry(o.key, value, f.atOption(o.option))
			}
		}
	case "af_packet":
		var rest []mgmt.Option
		for _, o := range options {
			key := templateKeys[o.Name]
			if key == "" {
				rest = append(rest, o)
				continue
			}
			value := strings.ToLower(strings.NewReplacer("AF_Packet::", "", "FANOUT_", "", "CHECKSUM_", "").Replace(o.Value))
			d.entry(key, value, f.atKey(section, zeekctl.AFPacketPrefix+strings.TrimPrefix(o.Name, "AF_Packet::")))
		}
		return rest
	}
	return options
}
