package clusterfile

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
	"sort"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// LocalNets is the option that [networks] sets.
const LocalNets = "Site::local_nets"

// level says how special a section of options is. Of two sections that set an option of a
// node, the more special one wins.
type level int

const (
	ofAll level = iota
	ofRole
	ofInstance
	ofPattern
	ofNode
)

// levelOf returns how special a selector is.
func levelOf(selector string, named map[mgmt.NodeName]*mgmt.Node) level {
	switch {
	case named[mgmt.NodeName(selector)] != nil:
		return ofNode
	case selector[0] == '@':
		return ofRole
	case selector[0] == '%':
		return ofInstance
	}
	return ofPattern
}

// setting is an option as a section sets it.
type setting struct {
	value   string
	level   level
	section *ini.Section
	line    int
}

// runOptions gives the nodes what [options], [options SELECTOR] and [networks] say.
func (p *clusterParser) runOptions() error {
	named := p.byNodeName()
	set := make(map[mgmt.NodeName]map[string]setting, len(named))
	for _, s := range p.own {
		values, err := p.optionsIn(s)
		if err != nil {
			return err
		}
		nodes, special, err := p.nodesOfOptions(s, named)
		if err != nil {
			return err
		}
		if len(nodes) == 0 && len(values) > 0 {
			p.warn(s.Line, "[%s] has no effect: there are no nodes", ini.Clip(s.Name))
		}
		for _, name := range nodes {
			if set[name] == nil {
				set[name] = map[string]setting{}
			}
			for _, v := range values {
				if err := p.override(set[name], name, v.name, setting{v.value, special, s, v.line}); err != nil {
					return err
				}
			}
		}
	}
	for i := range p.config.Nodes {
		n := &p.config.Nodes[i]
		options := set[n.Name]
		for _, option := range slices.Sorted(maps.Keys(options)) {
			n.RunOptions = append(n.RunOptions, mgmt.Option{Name: option, Value: options[option].value})
			if err := p.count(options[option].line, option, len(option)+len(options[option].value)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *clusterParser) byNodeName() map[mgmt.NodeName]*mgmt.Node {
	named := make(map[mgmt.NodeName]*mgmt.Node, len(p.config.Nodes))
	for i := range p.config.Nodes {
		named[p.config.Nodes[i].Name] = &p.config.Nodes[i]
	}
	return named
}

// override sets an option of a node, unless a more special section has set it.
func (p *clusterParser) override(set map[string]setting, node mgmt.NodeName, option string, now setting) error {
	before, ok := set[option]
	switch {
	case ok && before.level == now.level && before.value != now.value:
		return p.file.ErrorAt(now.line, "[%s] and [%s] (line %d) set %s of node %s to different values, and neither is more special: name the node in a section of its own",
			ini.Clip(now.section.Name), ini.Clip(before.section.Name), before.line, option, ini.Quote(string(node)))
	case !ok || before.level <= now.level:
		set[option] = now
	}
	return nil
}

type optionLine struct {
	name, value string
	line        int
}

// optionsIn returns the options that a section sets.
func (p *clusterParser) optionsIn(s *ini.Section) ([]optionLine, error) {
	if s.Name == ini.NetworksSection {
		return p.networks(s)
	}
	var list []optionLine
	for _, e := range s.Entries {
		value, err := p.value(s, e)
		if err != nil {
			return nil, err
		}
		if value == nil {
			return nil, p.file.ErrorAt(e.Line, "[%s]: %s has no value: write it as NAME = VALUE", ini.Clip(s.Name), ini.Quote(e.Key))
		}
		o := mgmt.Option{Name: e.Key, Value: oneLine(*value)}
		if err := mgmt.CheckRunOption(o); err != nil {
			return nil, p.file.ErrorAt(e.Line, "[%s]: %v", ini.Clip(s.Name), err)
		}
		if comment := ini.TrailingComment(e); comment != "" {
			p.warn(e.Line, "%s is taken as part of the value: a comment needs a line of its own", ini.Quote(comment))
		}
		list = append(list, optionLine{o.Name, o.Value, e.Line})
	}
	return list, nil
}

// oneLine joins the lines of a value with blanks.
func oneLine(value string) string {
	lines := strings.Split(value, "\n")
	return strings.Join(slices.DeleteFunc(lines, func(line string) bool { return line == "" }), " ")
}

// nodesOfOptions returns the nodes for which a section sets options. A program in place of
// Zeek has options only if a section names it.
func (p *clusterParser) nodesOfOptions(s *ini.Section, named map[mgmt.NodeName]*mgmt.Node) ([]mgmt.NodeName, level, error) {
	_, selector, hasSelector := strings.Cut(s.Name, " ")
	if !hasSelector {
		return p.zeekNodes(), ofAll, nil
	}
	if named[mgmt.NodeName(selector)] == nil {
		selector = strings.TrimSpace(selector)
	}
	nodes, err := p.selected([]string{selector})
	if err != nil {
		return nil, 0, p.file.ErrorAt(s.Line, "[%s]: %v", ini.Clip(s.Name), err)
	}
	special := levelOf(selector, named)
	if special < ofPattern {
		nodes = slices.DeleteFunc(nodes, func(name mgmt.NodeName) bool { return len(named[name].Command) > 0 })
	}
	return nodes, special, nil
}

func (p *clusterParser) selected(selectors []string) ([]mgmt.NodeName, error) {
	chosen, err := mgmt.ParseSelectors(selectors)
	if err != nil {
		return nil, err
	}
	return chosen.Select(p.config.Nodes)
}

// zeekNodes returns the nodes that are no programs in place of Zeek.
func (p *clusterParser) zeekNodes() []mgmt.NodeName {
	var names []mgmt.NodeName
	for _, n := range p.config.Nodes {
		if len(n.Command) == 0 {
			names = append(names, n.Name)
		}
	}
	return names
}

// networks reads [networks]: the content of zeekctl's networks.cfg. A line has a network, and
// behind it, or behind an equals sign, a comment.
func (p *clusterParser) networks(s *ini.Section) ([]optionLine, error) {
	var nets []netip.Prefix
	lines := map[netip.Prefix]int{}
	for _, e := range s.Entries {
		text, _, _ := strings.Cut(strings.Join(strings.Fields(e.Key), " "), " ")
		net, err := netip.ParsePrefix(text)
		switch {
		case err != nil:
			what := "write it as 192.168.0.0/16 or fd00::/8"
			if addr, err := netip.ParseAddr(text); err == nil {
				what = "write " + netip.PrefixFrom(addr, addr.BitLen()).String() + " for this address alone"
			}
			return nil, p.file.ErrorAt(e.Line, "[%s]: %s is not a network: %s", s.Name, ini.Quote(text), what)
		case net != net.Masked():
			return nil, p.file.ErrorAt(e.Line, "[%s]: %s is an address in the network %v: write the network", s.Name, ini.Quote(text), net.Masked())
		case lines[net] > 0:
			return nil, p.file.ErrorAt(e.Line, "[%s]: %v is there already on line %d", s.Name, net, lines[net])
		}
		lines[net] = e.Line
		nets = append(nets, net)
	}
	o := mgmt.Option{Name: LocalNets, Value: networksValue(nets)}
	if err := mgmt.CheckRunOption(o); err != nil {
		return nil, p.file.ErrorAt(s.Line, "[%s]: %v", s.Name, err)
	}
	if all := p.file.ByName[ini.OptionsSection]; all != nil && all.Own && all.ByKey[LocalNets] != nil {
		return nil, p.file.ErrorAt(all.ByKey[LocalNets].Line, "[%s] sets %s, which is made from [%s]: keep one of them", all.Name, LocalNets, s.Name)
	}
	return []optionLine{{o.Name, o.Value, s.Line}}, nil
}

// networksValue returns networks as Zeek's configuration framework writes a set of them.
func networksValue(nets []netip.Prefix) string {
	nets = slices.Clone(nets)
	sort.Slice(nets, func(i, j int) bool {
		return cmp.Or(nets[i].Addr().Compare(nets[j].Addr()), nets[i].Bits()-nets[j].Bits()) < 0
	})
	var texts []string
	for _, net := range nets {
		texts = append(texts, net.String())
	}
	return strings.Join(texts, ",")
}

// networksOf is the reverse of networksValue. It returns false for any other text.
func networksOf(value string) ([]string, bool) {
	if value == "" {
		return nil, true
	}
	var nets []netip.Prefix
	for text := range strings.SplitSeq(value, ",") {
		net, err := netip.ParsePrefix(text)
		if err != nil || net != net.Masked() || slices.Contains(nets, net) {
			return nil, false
		}
		nets = append(nets, net)
	}
	return strings.Split(value, ","), networksValue(nets) == value
}
