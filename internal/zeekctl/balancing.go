package zeekctl

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
)

// custom is zeekctl's plugin lb_custom: it puts texts around the interface.
func (s *Site) custom() error {
	prefix, suffix := s.Option("lb_custom.InterfacePrefix"), s.Option("lb_custom.InterfaceSuffix")
	s.balanced("custom", func(p *Process) { p.Interface = prefix + p.Interface + suffix })
	return nil
}

// balanced calls do for each worker with this method, in zeekctl's order.
func (s *Site) balanced(method string, do func(*Process)) {
	for i := range s.Processes {
		p := &s.Processes[i]
		if p.Type == Worker && p.Section.Key("lb_method") == method {
			do(p)
		}
	}
}

// myricom is zeekctl's plugin lb_myricom.
func (s *Site) myricom() error {
	s.balanced("myricom", func(p *Process) {
		p.add("SNF_NUM_RINGS", p.Section.Key("lb_procs"))
		p.add("SNF_FLAGS", "0x101")
	})
	return nil
}

// add sets a variable for the method of sharing packets, unless the files set it.
func (p *Process) add(name, value string) {
	if _, ok := p.Env[name]; !ok {
		p.Env[name] = value
		p.Added = append(p.Added, name)
	}
}

// ringTypes are the values of PFRINGClusterType, with the variable of each.
var ringTypes = map[string]string{
	"2-tuple":           "PCAP_PF_RING_USE_CLUSTER_PER_FLOW_2_TUPLE",
	"4-tuple":           "PCAP_PF_RING_USE_CLUSTER_PER_FLOW_4_TUPLE",
	"5-tuple":           "PCAP_PF_RING_USE_CLUSTER_PER_FLOW_5_TUPLE",
	"tcp-5-tuple":       "PCAP_PF_RING_USE_CLUSTER_PER_FLOW_TCP_5_TUPLE",
	"6-tuple":           "PCAP_PF_RING_USE_CLUSTER_PER_FLOW",
	"inner-2-tuple":     "PCAP_PF_RING_USE_CLUSTER_PER_INNER_FLOW_2_TUPLE",
	"inner-4-tuple":     "PCAP_PF_RING_USE_CLUSTER_PER_INNER_FLOW_4_TUPLE",
	"inner-5-tuple":     "PCAP_PF_RING_USE_CLUSTER_PER_INNER_FLOW_5_TUPLE",
	"inner-tcp-5-tuple": "PCAP_PF_RING_USE_CLUSTER_PER_INNER_FLOW_TCP_5_TUPLE",
	"inner-6-tuple":     "PCAP_PF_RING_USE_CLUSTER_PER_INNER_FLOW",
}

// pfRing is zeekctl's plugin lb_pf_ring. The clusters of PF_RING are counted per host, and the
// queues of an interface, which the plugin calls instances, per interface.
func (s *Site) pfRing() error {
	id, first := s.Number("PFRINGClusterID"), s.Number("PFRINGFirstAppInstance")
	if id == 0 {
		s.balanced("pf_ring", func(p *Process) {
			s.note(s.Files.Node.Name, p.Section.LineOf("lb_method"), "[%s]: PFRINGClusterID is 0: zeekctl sets up nothing for PF_RING", p.Name)
		})
		return nil
	}
	variable, ok := ringTypes[s.Option("PFRINGClusterType")]
	if !ok {
		return s.optionError(s.lineOf("pfringclustertype"), "PFRINGClusterType %s is unknown: it can be %s", quoted(s.Option("PFRINGClusterType")), strings.Join(slices.Sorted(maps.Keys(ringTypes)), ", "))
	}
	clusters := map[string]map[string]int{} // by host and interface
	instance := first
	s.balanced("pf_ring", func(p *Process) {
		if clusters[p.Host] == nil {
			clusters[p.Host] = map[string]int{}
		}
		if _, ok := clusters[p.Host][p.Interface]; !ok {
			instance = first
			clusters[p.Host][p.Interface] = id + len(clusters[p.Host])
		}
		p.add(variable, "1")
		p.pfRing(clusters[p.Host][p.Interface], instance)
		instance++
		p.add("PCAP_PF_RING_APPNAME", "zeek-"+p.Interface)
	})
	return nil
}

// pfRing sets up one process: its cluster, or its queue of a card that PF_RING drives itself.
func (p *Process) pfRing(cluster, instance int) {
	name := p.Interface
	switch {
	case strings.HasPrefix(name, "zc:"), strings.HasPrefix(name, "pf_ring::zc:"):
		p.add("PCAP_PF_RING_ZC_RSS", "1")
	case strings.HasPrefix(name, "dnacl"):
	case strings.HasPrefix(name, "dna"):
		p.add("PCAP_PF_RING_DNA_RSS", "1")
	default:
		p.add("PCAP_PF_RING_CLUSTER_ID", strconv.Itoa(cluster))
		return
	}
	p.Interface = fmt.Sprintf("%s@%d", name, instance)
}

// afPacket is zeekctl's plugin af_packet. It sets variables for every worker of a section
// with lb_procs, whatever the method.
func (s *Site) afPacket() error {
	used := false
	for i := range s.Processes {
		p := &s.Processes[i]
		if p.Type != Worker || p.Section.Count == 0 {
			continue
		}
		has := strings.HasPrefix(p.Interface, "af_packet::")
		if p.Section.Key("lb_method") == "af_packet" {
			if has {
				return &ini.Error{File: s.Files.Node.Name, Line: p.Section.LineOf("interface"), Text: fmt.Sprintf("[%s]: zeekctl refuses an interface with af_packet:: for lb_method = af_packet: write interface = %s", ini.Clip(p.Section.Name), strings.TrimPrefix(p.Interface, "af_packet::"))}
			}
			p.Interface = "af_packet::" + p.Interface
			has = true
		}
		used = used || has
	}
	if !used {
		return nil
	}
	for i := range s.Processes {
		p := &s.Processes[i]
		if p.Type == Worker && p.Section.Count > 0 {
			p.Redefs = p.Section.afPacketRedefs()
		}
	}
	return nil
}

func (section *Section) afPacketRedefs() []Redef {
	var redefs []Redef
	for _, name := range AFPacketKeys {
		if value := section.Key(AFPacketPrefix + name); !isBlank(value) {
			redefs = append(redefs, Redef{"AF_Packet::" + name, strings.TrimSpace(value)})
		}
	}
	return redefs
}
