package zeekctl

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
)

// nodeKeys are the keys of a section of node.cfg. A dot in a key counts as an underscore.
var nodeKeys = []string{
	"type", "host", "interface", "aux_scripts", "zeekbase", "ether", "zone_id", "lb_procs", "lb_method", "lb_interfaces",
	"pin_cpus", "env_vars", "count",
}

// AFPacketKeys are the keys with which node.cfg sets AF_Packet's variables, without their
// prefix, in the order in which zeekctl sets them.
var AFPacketKeys = []string{
	"block_size", "block_timeout", "buffer_size", "checksum_validation_mode", "enable_defrag", "enable_fanout",
	"enable_hw_timestamping", "fanout_id", "fanout_mode", "link_type",
}

// AFPacketPrefix begins such a key.
const AFPacketPrefix = "af_packet_"

func isNodeKey(name string) bool {
	rest, af := strings.CutPrefix(name, AFPacketPrefix)
	return slices.Contains(nodeKeys, name) || af && slices.Contains(AFPacketKeys, rest)
}

// readNodes reads node.cfg and expands it.
func (s *Site) readNodes() error {
	f, err := ini.Parse(s.Files.Node.Name, s.Files.Node.Text)
	if err != nil {
		return err
	}
	for _, entry := range slices.Concat([]*ini.Section{f.Defaults}, f.Sections) {
		for _, e := range entry.Entries {
			if e.Value == nil {
				return f.ErrorAt(e.Line, "%s lacks an equals sign", quoted(e.Key))
			}
		}
	}
	counts := map[Type]int{}
	for _, is := range f.Sections {
		section, err := s.section(f, is)
		if err != nil {
			return err
		}
		s.Sections = append(s.Sections, section)
		if err := s.expand(f, section, counts); err != nil {
			return err
		}
	}
	s.order()
	if err := s.checkCluster(f); err != nil {
		return err
	}
	if err := s.globalEnv(); err != nil {
		return err
	}
	for _, apply := range []func() error{s.custom, s.myricom, s.pfRing, s.afPacket, s.shells} {
		if err := apply(); err != nil {
			return err
		}
	}
	s.ports()
	return nil
}

// section reads the keys of a section, with those that it inherits.
func (s *Site) section(f *ini.File, is *ini.Section) (*Section, error) {
	section := &Section{Name: is.Name, Line: is.Line}
	for _, e := range f.Items(is) {
		value, err := f.Value(is, e)
		if err != nil {
			return nil, err
		}
		key := Key{Name: strings.ReplaceAll(strings.ToLower(e.Key), ".", "_"), Value: *value, Line: e.Line}
		if is.ByKey[e.Key] != e {
			key.Line = 0
		}
		if !isNodeKey(key.Name) {
			s.note(f.Name, e.Line, "zeekctl has no key %s, and ignores it", quoted(e.Key))
			continue
		}
		section.Keys = append(section.Keys, key)
	}
	section.Type, section.Host = Type(section.Key("type")), section.Key("host")
	_, known := typeOrder[section.Type]
	switch {
	case section.Type == "":
		return nil, f.ErrorAt(is.Line, "[%s] has no type: it can be standalone, logger, manager, proxy, worker", ini.Clip(is.Name))
	case !known:
		return nil, f.ErrorAt(section.LineOf("type"), "[%s]: unknown type %s: it can be standalone, logger, manager, proxy, worker", ini.Clip(is.Name), quoted(string(section.Type)))
	case section.Host == "":
		return nil, f.ErrorAt(is.Line, "[%s] has no host", ini.Clip(is.Name))
	}
	return section, nil
}

// expand adds the processes of a section.
func (s *Site) expand(f *ini.File, section *Section, counts map[Type]int) error {
	count, err := section.checkBalancing(f)
	if err != nil {
		return err
	}
	section.Count = count
	cpus, err := section.cpus(f, count)
	if err != nil {
		return err
	}
	env, err := envPairs(section.Key("env_vars"))
	if err != nil {
		return f.ErrorAt(section.LineOf("env_vars"), "[%s]: env_vars: %v", ini.Clip(section.Name), err)
	}
	interfaces := splitList(section.Key("lb_interfaces"))
	for i := range max(count, 1) {
		p := Process{Name: section.Name, Type: section.Type, Host: section.Host, Section: section, Interface: section.Key("interface"), CPU: -1, Env: map[string]string{}}
		for _, v := range env {
			p.Env[v.Name] = v.Value
		}
		if count > 0 {
			p.Name = fmt.Sprintf("%s-%d", section.Name, i+1)
		}
		if len(cpus) > 0 {
			p.CPU = cpus[i]
		}
		if section.Key("lb_method") == "interfaces" {
			p.Interface = interfaces[len(interfaces)-1-i] // zeekctl takes them from the end
		}
		counts[p.Type]++
		p.count = counts[p.Type]
		s.Processes = append(s.Processes, p)
		if len(s.Processes) > MaxProcesses {
			return f.ErrorAt(section.LineOf("lb_procs"), "more than %d processes", MaxProcesses)
		}
	}
	return nil
}

func splitList(text string) []string {
	list := strings.Split(text, ",")
	for i := range list {
		list[i] = strings.TrimSpace(list[i])
	}
	return list
}

// Methods are the methods of sharing the packets of an interface.
var Methods = []string{"af_packet", "pf_ring", "myricom", "custom", "interfaces"}

// checkBalancing returns lb_procs, or 0.
func (section *Section) checkBalancing(f *ini.File) (int, error) {
	fail := func(key, format string, args ...any) (int, error) {
		return 0, f.ErrorAt(section.LineOf(key), "[%s]: "+format, append([]any{ini.Clip(section.Name)}, args...)...)
	}
	procs, method := section.Key("lb_procs"), section.Key("lb_method")
	switch n, err := ini.Int(procs); {
	case procs == "" && method == "":
		return 0, nil
	case procs == "":
		return fail("lb_method", "lb_method has no effect without lb_procs, and zeekctl refuses it: say how many processes there are")
	case section.Type != Worker:
		return fail("lb_procs", "lb_procs is for workers only")
	case err != nil:
		return fail("lb_procs", "lb_procs %s is not a number", quoted(procs))
	case n < 1 || n > MaxProcesses:
		return fail("lb_procs", "lb_procs %d is outside 1 to %d", n, MaxProcesses)
	case method == "":
		return fail("lb_procs", "lb_procs needs an lb_method: %s", strings.Join(Methods, ", "))
	case !slices.Contains(Methods, method):
		return fail("lb_method", "unknown lb_method %s: it can be %s", quoted(method), strings.Join(Methods, ", "))
	case method == "interfaces" && section.Key("lb_interfaces") == "":
		return fail("lb_method", "lb_method = interfaces needs lb_interfaces")
	case method == "interfaces" && len(splitList(section.Key("lb_interfaces"))) != int(n):
		return fail("lb_interfaces", "lb_interfaces has %d interfaces, and lb_procs is %d: zeekctl wants one for each process", len(splitList(section.Key("lb_interfaces"))), n)
	default:
		return int(n), nil
	}
}

// cpus returns a processor for each of the processes, or nothing.
func (section *Section) cpus(f *ini.File, count int) ([]int, error) {
	text := section.Key("pin_cpus")
	if text == "" {
		return nil, nil
	}
	var list []int
	for item := range strings.SplitSeq(text, ",") {
		n, err := ini.Int(item)
		if err != nil || n < 0 || n > 1<<20 {
			return nil, f.ErrorAt(section.LineOf("pin_cpus"), "[%s]: pin_cpus: %s is not the number of a processor", ini.Clip(section.Name), quoted(strings.TrimSpace(item)))
		}
		list = append(list, int(n))
	}
	given := len(list)
	for i := given; i < count; i++ {
		list = append(list, list[i%given])
	}
	return list, nil
}

// checkCluster refuses what zeekctl refuses: a cluster needs one manager and a proxy.
func (s *Site) checkCluster(f *ini.File) error {
	if len(s.Processes) == 0 {
		return f.ErrorAt(0, "no node in it")
	}
	first := map[string]*Section{} // by name in lower case
	var manager, standalone *Section
	proxy := false
	for _, p := range s.Processes {
		name := strings.ToLower(p.Name)
		if other := first[name]; other != nil {
			return f.ErrorAt(p.Section.Line, "[%s]: its node %s has the name of a node of [%s] (line %d): zeekctl does not distinguish capital letters", ini.Clip(p.Section.Name), quoted(p.Name), ini.Clip(other.Name), other.Line)
		}
		first[name] = p.Section
		switch p.Type {
		case Manager:
			if manager != nil {
				return f.ErrorAt(p.Section.Line, "[%s] is a second manager, beside [%s] (line %d)", ini.Clip(p.Name), ini.Clip(manager.Name), manager.Line)
			}
			manager = p.Section
		case Standalone:
			standalone = p.Section
		}
		proxy = proxy || p.Type == Proxy
	}
	switch {
	case standalone != nil && len(s.Processes) > 1:
		return f.ErrorAt(standalone.Line, "[%s] is standalone, and not the only node", ini.Clip(standalone.Name))
	case standalone != nil:
	case manager == nil:
		return f.ErrorAt(0, "no manager in it, and nothing standalone")
	case !proxy:
		return f.ErrorAt(0, "no proxy in it: zeekctl does not run a cluster without one")
	case IsLocal(manager.Host):
		for _, section := range s.Sections {
			if !IsLocal(section.Host) {
				return f.ErrorAt(section.LineOf("host"), "[%s] is on %s, and the manager on %s, which other hosts cannot reach: zeekctl refuses that", ini.Clip(section.Name), section.Host, manager.Host)
			}
		}
	}
	return nil
}

// IsLocal reports whether a host is this host by its name or address alone.
func IsLocal(host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		return addr.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

// globalEnv gives all processes the variables of zeekctl.cfg. Those of node.cfg win.
func (s *Site) globalEnv() error {
	pairs, err := envPairs(s.Option("Env_Vars"))
	if err != nil {
		return s.optionError(s.lineOf("env_vars"), "env_vars: %v", err)
	}
	all := map[string]string{}
	for _, v := range pairs {
		all[v.Name] = v.Value
	}
	for i := range s.Processes {
		p := &s.Processes[i]
		for name, value := range all {
			p.setDefault(name, value)
		}
	}
	return nil
}

func (p *Process) setDefault(name, value string) {
	if _, ok := p.Env[name]; !ok {
		p.Env[name] = value
	}
}

// lineOf returns the line of zeekctl.cfg that sets an option.
func (s *Site) lineOf(name string) int {
	for _, set := range s.Set {
		if set.Name == name {
			return set.Line
		}
	}
	return 0
}

// shells lets a shell read what zeekctl lets one read.
func (s *Site) shells() error {
	for i := range s.Processes {
		p := &s.Processes[i]
		for _, name := range slices.Sorted(maps.Keys(p.Env)) {
			value, err := afterShell(name, p.Env[name])
			if err != nil {
				return &ini.Error{File: s.Files.Node.Name, Line: p.Section.LineOf("env_vars"), Text: fmt.Sprintf("[%s]: %v", ini.Clip(p.Section.Name), err)}
			}
			p.Env[name] = value
		}
		words, err := ShellWords(p.Section.Key("aux_scripts"))
		if err != nil {
			return &ini.Error{File: s.Files.Node.Name, Line: p.Section.LineOf("aux_scripts"), Text: fmt.Sprintf("[%s]: aux_scripts: %v", ini.Clip(p.Section.Name), err)}
		}
		p.Args = words
	}
	return nil
}

// Backend returns the backend that ClusterBackend names, in lower case, or nothing if it is
// not set.
func (s *Site) Backend() string {
	if !s.IsSet("ClusterBackend") {
		return ""
	}
	return strings.ToLower(s.Option("ClusterBackend"))
}

// ports gives the processes the ports that zeekctl gives them, counting from ZeekPort. With
// ZeroMQ the first two are those of the proxy of ZeroMQ. Then comes one for zeekctl itself.
func (s *Site) ports() {
	port := s.Number("ZeekPort")
	if s.Backend() == "zeromq" {
		port += 2
	}
	if s.IsStandalone() {
		s.Processes[0].Port = port
		return
	}
	port++
	for _, t := range []Type{Manager, Logger, Proxy, Worker} {
		for i := range s.Processes {
			if s.Processes[i].Type == t {
				s.Processes[i].Port = port
				port++
			}
		}
	}
}
