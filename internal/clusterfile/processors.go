package clusterfile

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/ini"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// processors says how many workers each group has, and binds them to processors. What the
// file says comes first. Groups that leave the number of workers open share what is left, and
// no processor is given to two workers.
func (x *expander) processors() error {
	for _, n := range x.config.Nodes {
		cpus, err := n.CPUs()
		if err != nil {
			continue // the controller says so
		}
		for _, cpu := range cpus {
			x.bind(n.Instance, cpu, x.file.ByName[string(n.Name)].Line)
		}
	}
	for _, t := range x.templates {
		if len(t.pins) > 0 {
			x.pinned(t)
		}
	}
	for _, g := range x.groups {
		if !g.autoPins || g.count == 0 {
			continue
		}
		if err := x.pinAutomatically(g); err != nil && !errors.Is(err, ErrElsewhere) {
			return err
		}
	}
	return x.countAutomatically()
}

func (x *expander) bind(instance mgmt.InstanceName, cpu, line int) {
	if x.bound[instance] == nil {
		x.bound[instance] = map[int]int{}
	}
	x.bound[instance][cpu] = line
}

// pinned gives the workers of a template the processors that it lists: on each instance the
// first interface gets the first ones, and the next interface goes on.
func (x *expander) pinned(t *template) {
	line := x.file.Lookup(t.section, "pin_cpus").Line
	if t.workers == 0 {
		if left := len(t.pins) % len(t.interfaces); left > 0 && len(t.pins) > len(t.interfaces) {
			x.warn(line, "[%s]: %d processors cannot be divided among %d interfaces: %d stay free", ini.Clip(t.section.Name), len(t.pins), len(t.interfaces), left)
		}
	}
	at, warned := map[mgmt.InstanceName]int{}, false
	for _, g := range x.groups {
		if g.template != t {
			continue
		}
		if g.count == 0 {
			g.count = max(1, len(t.pins)/len(t.interfaces))
		}
		var twice []string
		for range g.count {
			cpu := t.pins[at[g.Instance]%len(t.pins)]
			at[g.Instance]++
			g.Processors = append(g.Processors, cpu)
			if other := x.bound[g.Instance][cpu]; other > 0 {
				twice = append(twice, strconv.Itoa(cpu))
			}
			x.bind(g.Instance, cpu, line)
		}
		if len(twice) > 0 && !warned {
			warned = true
			slices.Sort(twice)
			x.warn(line, "[%s]: more than one node is bound to processor %s of instance '%s'", ini.Clip(t.section.Name),
				strings.Join(slices.Compact(twice), ", "), g.Instance)
		}
	}
}

// nearby is what there is for a group.
type nearby struct {
	hardware mgmt.Hardware
	numa     int
}

// lookNear finds out what there is for a group.
func (x *expander) lookNear(g *group) error {
	if g.near != nil {
		return nil
	}
	key := "pin_cpus"
	if !g.autoPins {
		key = "workers"
	}
	instead := "write numbers in place of auto"
	if x.Hardware == nil {
		return x.errorIn(g.template, key, "what \"%s = auto\" means depends on the host of instance '%s', which is not asked here: %s", key, g.Instance, instead)
	}
	h, ok := x.hardware[g.Instance]
	if !ok {
		var err error
		if h, err = x.Hardware(g.Instance); errors.Is(err, ErrElsewhere) {
			return err
		} else if err != nil {
			return x.errorIn(g.template, key, "what \"%s = auto\" means depends on the host of instance '%s': %v; or %s", key, g.Instance, err, instead)
		}
		x.hardware[g.Instance] = h
	}
	device := deviceOf(g.Interface)
	nic, ok := h.NIC(device)
	if !ok && h.MoreInterfaces == 0 {
		var names []string
		for _, nic := range h.Interfaces {
			names = append(names, nic.Name)
		}
		return x.errorIn(g.template, "interface", "instance '%s' has no interface %s; there are %s", g.Instance, ini.Quote(device), mgmt.FewNames(names, maxInterfaces))
	}
	if !ok {
		nic.NUMANode = mgmt.NoNUMANode
	}
	g.near = &nearby{h, nic.NUMANode}
	return nil
}

// shares reports whether two groups have processors to choose from that are the same. Both have
// looked near.
func (g *group) shares(other *group) bool {
	a, b := g.near.numa, other.near.numa
	return g.Instance == other.Instance && (a == b || a == mgmt.NoNUMANode || b == mgmt.NoNUMANode)
}

// maxInterfaces bounds the interfaces in a message.
const maxInterfaces = 20

// deviceOf returns the interface in the name of a packet source.
func deviceOf(name string) string {
	name = name[strings.LastIndex(name, ":")+1:]
	name, _, _ = strings.Cut(name, "@")
	return name
}

// freeFor returns the processors for a group to which no node is bound: one thread of each
// core, and the other threads.
func (x *expander) freeFor(g *group) (first, others []int, err error) {
	if err := x.lookNear(g); err != nil {
		return nil, nil, err
	}
	h := g.near.hardware
	first, others = h.ForWorkers(g.near.numa)
	if len(h.Processors) == 1 {
		first = []int{h.Processors[0].Number} // there is nothing to leave free
	}
	bound := func(cpu int) bool { return x.bound[g.Instance][cpu] > 0 }
	return slices.DeleteFunc(first, bound), slices.DeleteFunc(others, bound), nil
}

// pinAutomatically binds the workers of a group, whose number is known.
func (x *expander) pinAutomatically(g *group) error {
	first, others, err := x.freeFor(g)
	if err != nil {
		return err
	}
	free := slices.Concat(first, others)
	if len(free) < g.count {
		return x.errorIn(g.template, "pin_cpus", "%d workers on %s of instance '%s' need a processor each, and %d are free near that interface: write fewer workers, or list processors in place of auto",
			g.count, ini.Quote(g.Interface), g.Instance, len(free))
	}
	g.Processors = slices.Clone(free[:g.count])
	for _, cpu := range g.Processors {
		x.bind(g.Instance, cpu, g.section.Line)
	}
	return nil
}

// countAutomatically gives each group with an open number of workers its share of the
// processors: groups that have the same ones to choose from share them evenly.
func (x *expander) countAutomatically() error {
	var left []*group
	for _, g := range x.groups {
		if g.count > 0 {
			continue
		}
		switch err := x.lookNear(g); {
		case errors.Is(err, ErrElsewhere):
			g.count = 1
		case err != nil:
			return err
		default:
			left = append(left, g)
		}
	}
	for i, g := range left {
		first, _, err := x.freeFor(g)
		if err != nil {
			return err
		}
		sharing := 0
		for _, other := range left[i:] {
			if g.shares(other) {
				sharing++
			}
		}
		if len(first) < sharing {
			return x.errorIn(g.template, "workers", "no processor near %s of instance '%s' is left for it: write numbers in place of auto, or fewer workers elsewhere",
				ini.Quote(g.Interface), g.Instance)
		}
		g.count = len(first) / sharing
		for _, cpu := range first[:g.count] {
			x.bind(g.Instance, cpu, g.section.Line)
		}
		if g.autoPins {
			g.Processors = slices.Clone(first[:g.count])
		}
	}
	return nil
}
