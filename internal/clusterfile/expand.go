package clusterfile

import (
	"fmt"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// group is a Group while it is made.
type group struct {
	Group
	*template
	count     int
	clusterID int // of PF_RING
	// near are the hardware of the host and the NUMA node of the interface, once they are
	// asked for.
	near *nearby
}

// expander makes the nodes of all templates. Templates may stand before the sections of nodes
// that they must respect, so it works when the whole file is read.
type expander struct {
	*clusterParser
	groups   []*group // in the order of the file
	hardware map[mgmt.InstanceName]mgmt.Hardware
	// bound has the processors of each instance to which a node is bound, and the line of
	// that node or template.
	bound map[mgmt.InstanceName]map[int]int
}

// expand replaces the templates by their nodes.
func (p *clusterParser) expand() error {
	if len(p.templates) == 0 {
		return nil
	}
	x := expander{
		clusterParser: p, hardware: map[mgmt.InstanceName]mgmt.Hardware{}, bound: map[mgmt.InstanceName]map[int]int{},
	}
	for _, t := range p.templates {
		if len(x.groups)+len(t.instances)*len(t.interfaces) > mgmt.DefaultMaxNodes {
			return p.tooMany(t)
		}
		for _, instance := range t.instances {
			for _, name := range t.interfaces {
				x.groups = append(x.groups, &group{Group: Group{Instance: instance, Interface: name}, template: t, count: t.workers})
			}
		}
	}
	for _, step := range []func() error{x.processors, x.fanouts, x.clusters, x.nodes} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (p *clusterParser) tooMany(t *template) error {
	return p.errorIn(t, "workers", "with it the file has more than %d nodes", mgmt.DefaultMaxNodes)
}

// errorIn returns an error about a key of a template.
func (p *clusterParser) errorIn(t *template, key, format string, args ...any) error {
	line := t.section.Line
	if e := p.file.Lookup(t.section, key); e != nil {
		line = e.Line
	}
	return p.file.ErrorAt(line, "[%s]: %s", ini.Clip(t.section.Name), fmt.Sprintf(format, args...))
}

// nodes gives the groups their nodes, and puts all nodes in the order of the file.
func (x *expander) nodes() error {
	byHand := x.config.Nodes
	x.config.Nodes = nil
	x.makers = map[mgmt.NodeName]*ini.Section{}
	for _, n := range byHand {
		x.makers[n.Name] = x.file.ByName[string(n.Name)]
	}
	done, total, left := 0, len(byHand), x.groups
	for _, t := range x.templates {
		x.config.Nodes = append(x.config.Nodes, byHand[done:t.at]...)
		done = t.at
		made := Template{Name: t.section.Name, Line: t.section.Line}
		numbered := 0
		for ; len(left) > 0 && left[0].template == t; left = left[1:] {
			g := left[0]
			if total += g.count; total > mgmt.DefaultMaxNodes {
				return x.tooMany(t)
			}
			if g.Instance != t.instances[0] && g.Interface == t.interfaces[0] {
				numbered = 0
			}
			if err := x.members(g, numbered); err != nil {
				return err
			}
			numbered += g.count
			made.Groups = append(made.Groups, g.Group)
		}
		x.expanded = append(x.expanded, made)
	}
	x.config.Nodes = append(x.config.Nodes, byHand[done:]...)
	return nil
}

// members makes the nodes of a group. before counts the workers that the template has on
// other interfaces of the instance.
func (x *expander) members(g *group, before int) error {
	for i := range g.count {
		g.Nodes = append(g.Nodes, g.nodeName(i+1, before+i+1))
	}
	for i, name := range g.Nodes {
		if err := mgmt.CheckName(string(name)); err != nil {
			return x.errorIn(g.template, "name", "node %s: %v", ini.Quote(string(name)), err)
		}
		if other := x.makers[name]; other != nil {
			do := `set "name" to another text`
			if g.template.section.ByKey["instance"] != nil && g.template.section.ByKey["name"] == nil {
				do += `, or write "instances" in place of "instance", and names begin with that of the instance`
			}
			return x.errorIn(g.template, "name", "it makes node %s, which [%s] on line %d is or makes, too: %s",
				ini.Quote(string(name)), ini.Clip(other.Name), other.Line, do)
		}
		x.makers[name] = g.section
		n := g.node.Clone()
		n.Name, n.Instance = name, g.Instance
		n.Options = append(n.Options, g.options...)
		if g.Processors != nil {
			n.CPUAffinity = new(int64(g.Processors[i]))
		}
		g.capture(&n, g, i)
		sortOptions(n.Options)
		if err := x.count(g.section.Line, workersSection, nodeBytes(n)); err != nil {
			return err
		}
		x.config.Nodes = append(x.config.Nodes, n)
	}
	return nil
}

// nodeBytes counts the bytes of a node's values.
func nodeBytes(n mgmt.Node) int {
	bytes := len(n.Name) + len(n.Instance) + len(*n.Interface)
	for _, script := range n.Scripts {
		bytes += len(script)
	}
	for name, value := range n.Env {
		bytes += len(name) + len(value)
	}
	for _, o := range n.Options {
		bytes += len(o.Name) + len(o.Value)
	}
	return bytes
}

// nodeName returns the name of a worker: number counts the workers of its interface, and all
// those of the template on its instance.
func (g *group) nodeName(number, all int) mgmt.NodeName {
	name := g.prefix
	switch {
	case name == "":
		name = "worker-" + nameOfInterface(g.Interface)
	case g.method == byInterfaces:
		number = all
	case len(g.interfaces) > 1:
		name += "-" + nameOfInterface(g.Interface)
	}
	if g.named {
		name = string(g.Instance) + "-" + name
	}
	return mgmt.NodeName(name + "-" + strconv.Itoa(number))
}

// nameOfInterface returns an interface as a part of a name.
func nameOfInterface(name string) string {
	return strings.Trim(strings.Map(func(r rune) rune {
		if r == '.' || r == '_' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, name), "-")
}

// idsOf has the fan-out IDs, or the clusters of PF_RING, of one instance.
type idsOf struct {
	uses map[int64]idUse
	of   map[string][]int64 // the IDs of an interface, in the order of the file
}

// idUse is the interface that has an ID, and the line that says so.
type idUse struct {
	device string
	line   int
}

// use notes that an interface has an ID.
func (ids *idsOf) use(id int64, device string, line int) {
	if _, ok := ids.uses[id]; !ok {
		ids.uses[id] = idUse{device, line}
		ids.of[device] = append(ids.of[device], id)
	}
}

// elsewhere returns who has an ID, if that is another interface.
func (ids *idsOf) elsewhere(id int64, device string) (idUse, bool) {
	other, ok := ids.uses[id]
	return other, ok && other.device != device
}

// fanouts gives each group of AF_PACKET its fan-out ID: that of the template, or that of
// other workers on the same interface, or one made from the interface's name. The kernel has
// one set of IDs for all interfaces of a host, and refuses an ID on a second one.
func (x *expander) fanouts() error {
	used, zeeks := x.fanoutsByHand()
	for _, g := range x.groups {
		if g.method != byAFPacket || g.fanout == 0 {
			continue
		}
		ids := used.of(g.Instance)
		if other, ok := ids.elsewhere(g.fanout, g.Interface); ok {
			return x.errorIn(g.template, "fanout_id", "fan-out ID %d is that of interface %s (line %d) on instance '%s': the kernel refuses it for two interfaces",
				g.fanout, ini.Quote(other.device), other.line, g.Instance)
		}
		ids.use(g.fanout, g.Interface, g.section.Line)
	}
	for _, g := range x.groups {
		if g.method != byAFPacket {
			continue
		}
		ids, id := used.of(g.Instance), g.fanout
		if id == 0 {
			var err error
			if id, err = x.fanoutOf(g, ids, zeeks); err != nil {
				return err
			}
			ids.use(id, g.Interface, g.section.Line)
		}
		g.FanoutID = int(id)
	}
	return nil
}

// fanoutOf returns the fan-out ID of a group that names none.
func (x *expander) fanoutOf(g *group, ids *idsOf, zeeks map[instanceDevice]bool) (int64, error) {
	switch there := ids.of[g.Interface]; {
	case len(there) > 1:
		return 0, x.errorIn(g.template, "interface", "other workers on %s of instance '%s' have the fan-out IDs %d and %d: set \"fanout_id\" to one of them, or to another one",
			ini.Quote(g.Interface), g.Instance, there[0], there[1])
	case len(there) == 1:
		return there[0], nil
	case zeeks[instanceDevice{g.Instance, g.Interface}]:
		return zeeksFanoutID, nil
	}
	return free(g.Interface, 65535, func(id int64) bool {
		_, isUsed := ids.uses[id]
		return isUsed || id == zeeksFanoutID
	}), nil
}

// free returns the ID of an interface: a hash of its name, or the next one that is not used.
// Counting would give an interface another ID when one is added before it, and its workers
// would be restarted for that.
func free(name string, most int64, used func(int64) bool) int64 {
	h := fnv.New32a()
	h.Write([]byte(name))
	id := int64(h.Sum32())%most + 1
	for range most {
		if !used(id) {
			return id
		}
		id = id%most + 1
	}
	return id // all are used: preflight finds the ones that are used twice
}

type idsByInstance map[mgmt.InstanceName]*idsOf

func (b idsByInstance) of(instance mgmt.InstanceName) *idsOf {
	if b[instance] == nil {
		b[instance] = &idsOf{map[int64]idUse{}, map[string][]int64{}}
	}
	return b[instance]
}

type instanceDevice struct {
	instance mgmt.InstanceName
	device   string
}

// fanoutsByHand returns the fan-out IDs that sections of nodes set, and the interfaces of
// nodes that set none and have Zeek's.
func (x *expander) fanoutsByHand() (idsByInstance, map[instanceDevice]bool) {
	used, zeeks := idsByInstance{}, map[instanceDevice]bool{}
	for _, n := range x.config.Nodes {
		if n.Interface == nil || !strings.HasPrefix(*n.Interface, "af_packet::") {
			continue
		}
		device := strings.TrimPrefix(*n.Interface, "af_packet::")
		id := int64(0)
		for _, o := range n.Options {
			if o.Name == fanoutID {
				id, _ = ini.Int(o.Value)
			}
		}
		if id == 0 {
			zeeks[instanceDevice{n.Instance, device}] = true
		} else {
			used.of(n.Instance).use(id, device, x.file.ByName[string(n.Name)].Line)
		}
	}
	return used, zeeks
}

// clusters gives each group of PF_RING the ID of its cluster, one for each interface of an
// instance.
func (x *expander) clusters() error {
	const most = 255 // PF_RING has no more
	used := idsByInstance{}
	for pass := range 2 {
		for i, g := range x.groups {
			if g.method != byPFRing || (g.cluster > 0) != (pass == 0) {
				continue
			}
			ids := used.of(g.Instance)
			id := g.cluster + int64(slices.Index(g.interfaces, g.Interface))
			if there := ids.of[g.Interface]; pass == 1 && len(there) > 0 {
				id = there[0]
			} else if pass == 1 {
				id = free(g.Interface, most, func(id int64) bool { _, isUsed := ids.uses[id]; return isUsed })
			}
			if other, ok := ids.elsewhere(id, g.Interface); ok {
				return x.errorIn(g.template, "cluster_id", "PF_RING cluster %d is that of interface %s (line %d) on instance '%s'", id, ini.Quote(other.device), other.line, g.Instance)
			}
			ids.use(id, g.Interface, g.section.Line)
			x.groups[i].clusterID = int(id)
		}
	}
	return nil
}
