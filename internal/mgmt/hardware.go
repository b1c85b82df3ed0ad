package mgmt

import "sort"

// Hardware is what an agent has found out about its host, as far as workers depend on it. An
// agent of an earlier version does not tell it.
type Hardware struct {
	// Processors are those that are online, sorted by number.
	Processors []Processor `json:"processors,omitempty"`
	// Interfaces are the network interfaces, sorted by name.
	Interfaces []NIC `json:"interfaces,omitempty"`
	// MoreInterfaces says how many were left out, because there are more than MaxNICs.
	MoreInterfaces int `json:"more_interfaces,omitempty"`
}

// These constants bound a Hardware. A processor with a higher number than maxCPU cannot be
// named in a configuration anyway.
const (
	MaxProcessors = maxCPU + 1
	MaxNICs       = 256
)

// NoNUMANode is the NUMA node of what belongs to no node, or to one that the kernel does not
// know.
const NoNUMANode = -1

// Processor is a logical processor: a thread of a core.
type Processor struct {
	Number   int `json:"number"`
	NUMANode int `json:"numa_node"`
	// Core is the lowest number of all threads of the same core.
	Core int `json:"core"`
	// Isolated says that the kernel runs only processes there that ask for it (isolcpus).
	Isolated bool `json:"isolated,omitempty"`
}

// NIC is a network interface.
type NIC struct {
	Name     string `json:"name"`
	NUMANode int    `json:"numa_node"`
	Driver   string `json:"driver,omitempty"` // empty: unknown, or none
	Queues   int    `json:"queues,omitempty"` // for received packets
}

// Bound makes what an agent has told a Hardware: an agent that was taken over can tell
// anything. Texts have at most so many bytes.
func (h *Hardware) Bound(most int) {
	seen := map[int]bool{}
	processors := h.Processors
	h.Processors = nil
	for _, p := range processors {
		if p.Number < 0 || p.Number > maxCPU || seen[p.Number] {
			continue
		}
		seen[p.Number] = true
		p.NUMANode = max(NoNUMANode, p.NUMANode)
		h.Processors = append(h.Processors, p)
	}
	sort.Slice(h.Processors, func(i, j int) bool { return h.Processors[i].Number < h.Processors[j].Number })
	h.MoreInterfaces = max(0, h.MoreInterfaces) + max(0, len(h.Interfaces)-MaxNICs)
	h.Interfaces = h.Interfaces[:min(len(h.Interfaces), MaxNICs)]
	for i := range h.Interfaces {
		nic := &h.Interfaces[i]
		nic.Name, nic.Driver = LineText(nic.Name, most), LineText(nic.Driver, most)
		nic.NUMANode, nic.Queues = max(NoNUMANode, nic.NUMANode), max(0, nic.Queues)
	}
	sort.SliceStable(h.Interfaces, func(i, j int) bool { return h.Interfaces[i].Name < h.Interfaces[j].Name })
}

// None reports whether h says nothing.
func (h Hardware) None() bool { return len(h.Processors) == 0 && len(h.Interfaces) == 0 }

// NIC returns the interface with that name, and whether there is one.
func (h Hardware) NIC(name string) (NIC, bool) {
	for _, nic := range h.Interfaces {
		if nic.Name == name {
			return nic, true
		}
	}
	return NIC{}, false
}

// ForWorkers returns the processors on which workers run that capture from an interface of
// that NUMA node, best first: one thread of each core, and then the other threads. Isolated
// processors were set apart for this, and the workers get those alone. Otherwise the core
// with the lowest number is left free: the kernel and all other programs need one.
func (h Hardware) ForWorkers(numa int) (first, others []int) {
	near := h.near(numa, true)
	if len(near) == 0 {
		near = h.near(numa, false)
		housekeeping := -1
		for _, p := range near {
			if housekeeping < 0 || p.Core < housekeeping {
				housekeeping = p.Core
			}
		}
		var rest []Processor
		for _, p := range near {
			if p.Core != housekeeping {
				rest = append(rest, p)
			}
		}
		near = rest
	}
	seen := map[int]bool{}
	for _, p := range near {
		if seen[p.Core] {
			others = append(others, p.Number)
		} else {
			first = append(first, p.Number)
		}
		seen[p.Core] = true
	}
	return first, others
}

// near returns the processors of a NUMA node, or all if the node is not known.
func (h Hardware) near(numa int, isolated bool) []Processor {
	var near []Processor
	for _, p := range h.Processors {
		if (numa == NoNUMANode || p.NUMANode == numa) && (!isolated || p.Isolated) {
			near = append(near, p)
		}
	}
	return near
}
