package machine

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Sys is where the kernel shows hardware.
const Sys = "/sys"

// ThisHardware returns the processors and the network interfaces of this host.
func ThisHardware() mgmt.Hardware {
	var names []string
	if links, err := net.Interfaces(); err == nil {
		for _, link := range links {
			names = append(names, link.Name)
		}
	}
	return Hardware(Sys, names)
}

// Hardware returns the processors and the network interfaces of a host, as the kernel shows them
// in the directory sys. The directory can be that of another network namespace, so names has the
// interfaces that there are.
func Hardware(sys string, names []string) mgmt.Hardware {
	var h mgmt.Hardware
	h.Processors = processors(sys)
	h.Interfaces = nics(filepath.Join(sys, "class/net"), names)
	h.MoreInterfaces = max(0, len(h.Interfaces)-mgmt.MaxNICs)
	if h.MoreInterfaces > 0 { // those of cards come first
		sort.SliceStable(h.Interfaces, func(i, j int) bool { return h.Interfaces[i].Driver != "" && h.Interfaces[j].Driver == "" })
		h.Interfaces = h.Interfaces[:mgmt.MaxNICs]
		sort.SliceStable(h.Interfaces, func(i, j int) bool { return h.Interfaces[i].Name < h.Interfaces[j].Name })
	}
	return h
}

// processors returns the processors that are online. Of a kernel that shows none there are none.
func processors(sys string) []mgmt.Processor {
	cpus := filepath.Join(sys, "devices/system/cpu")
	numa := map[int]int{}
	nodes, _ := filepath.Glob(filepath.Join(sys, "devices/system/node/node[0-9]*/cpulist"))
	for _, path := range nodes {
		number, err := strconv.Atoi(strings.TrimPrefix(filepath.Base(filepath.Dir(path)), "node"))
		if err != nil {
			continue
		}
		for _, cpu := range numbers(read(path)) {
			numa[cpu] = number
		}
	}
	isolated := map[int]bool{}
	for _, cpu := range numbers(read(filepath.Join(cpus, "isolated"))) {
		isolated[cpu] = true
	}
	var list []mgmt.Processor
	for _, cpu := range numbers(read(filepath.Join(cpus, "online"))) {
		p := mgmt.Processor{Number: cpu, NUMANode: mgmt.NoNUMANode, Core: cpu, Isolated: isolated[cpu]}
		if node, ok := numa[cpu]; ok {
			p.NUMANode = node
		}
		if threads := numbers(read(filepath.Join(cpus, "cpu"+strconv.Itoa(cpu), "topology/thread_siblings_list"))); len(threads) > 0 {
			p.Core = threads[0]
		}
		list = append(list, p)
	}
	return list
}

// numbers reads a list of the kernel such as "0-3,8". It leaves out what cannot be the number of
// a processor.
func numbers(list string) []int {
	var all []int
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, lastErr := strconv.Atoi(to)
		if err != nil || lastErr != nil {
			continue
		}
		for cpu := max(first, 0); cpu <= last && cpu < mgmt.MaxProcessors; cpu++ {
			all = append(all, cpu)
		}
	}
	return all
}

// nics returns the network interfaces with these names, sorted.
func nics(dir string, names []string) []mgmt.NIC {
	var list []mgmt.NIC
	for _, name := range slices.Sorted(slices.Values(names)) {
		path := filepath.Join(dir, name)
		queues, _ := filepath.Glob(filepath.Join(path, "queues/rx-*"))
		nic := mgmt.NIC{Name: name, NUMANode: mgmt.NoNUMANode, Queues: len(queues)}
		if node, err := strconv.Atoi(strings.TrimSpace(read(filepath.Join(path, "device/numa_node")))); err == nil && node >= 0 {
			nic.NUMANode = node
		}
		if driver, err := os.Readlink(filepath.Join(path, "device/driver")); err == nil {
			nic.Driver = filepath.Base(driver)
		}
		list = append(list, nic)
	}
	return list
}
