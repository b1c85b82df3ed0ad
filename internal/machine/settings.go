package machine

import (
	"maps"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// kernelFiles are the settings of the kernel that matter to capture and to many processes,
// below the root of the file system.
var kernelFiles = []string{
	"proc/cmdline", "proc/pressure/cpu", "proc/pressure/io", "proc/pressure/memory", "proc/net/softnet_stat",
	"proc/sys/fs/file-max", "proc/sys/kernel/core_pattern", "proc/sys/kernel/numa_balancing", "proc/sys/kernel/osrelease",
	"proc/sys/kernel/perf_event_paranoid", "proc/sys/kernel/pid_max", "proc/sys/kernel/sched_rt_runtime_us", "proc/sys/kernel/threads-max",
	"proc/sys/net/core/bpf_jit_enable", "proc/sys/net/core/dev_weight", "proc/sys/net/core/netdev_budget",
	"proc/sys/net/core/netdev_budget_usecs", "proc/sys/net/core/netdev_max_backlog", "proc/sys/net/core/optmem_max",
	"proc/sys/net/core/rmem_default", "proc/sys/net/core/rmem_max", "proc/sys/net/core/somaxconn", "proc/sys/net/core/wmem_max",
	"proc/sys/net/ipv4/ip_local_port_range", "proc/sys/net/ipv4/tcp_rmem", "proc/sys/net/ipv4/tcp_wmem",
	"proc/sys/vm/max_map_count", "proc/sys/vm/nr_hugepages", "proc/sys/vm/overcommit_memory", "proc/sys/vm/swappiness",
	"sys/kernel/mm/transparent_hugepage/enabled", "sys/devices/system/cpu/isolated", "sys/devices/system/cpu/online",
	"sys/devices/system/clocksource/clocksource0/current_clocksource", "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
}

// cardFiles are the settings and counters of a network card.
var cardFiles = []string{
	"mtu", "operstate", "speed", "duplex", "flags", "carrier_changes", "tx_queue_len", "gro_flush_timeout", "napi_defer_hard_irqs",
	"device/numa_node", "device/vendor", "device/device",
}

// maxSetting bounds one text, in bytes.
const maxSetting = 4 << 10

// Settings returns settings of the kernel and of network cards, as the kernel shows them below
// root, which is "/" except in tests. What is not there is left out.
func Settings(root string) mgmt.HostSettings {
	s := mgmt.HostSettings{Files: map[string]string{}, Cards: map[string]map[string]string{}}
	for _, name := range kernelFiles {
		note(s.Files, "/"+name, filepath.Join(root, name))
	}
	dir := filepath.Join(root, "sys/class/net")
	entries, _ := os.ReadDir(dir)
	s.More = max(0, len(entries)-mgmt.MaxNICs)
	for _, e := range entries[:len(entries)-s.More] {
		s.Cards[e.Name()] = card(filepath.Join(dir, e.Name()))
	}
	return s
}

func card(dir string) map[string]string {
	c := map[string]string{}
	for _, name := range cardFiles {
		note(c, name, filepath.Join(dir, name))
	}
	if driver, err := os.Readlink(filepath.Join(dir, "device/driver")); err == nil {
		c["driver"] = filepath.Base(driver)
	}
	counters, _ := filepath.Glob(filepath.Join(dir, "statistics/*"))
	sort.Strings(counters)
	for _, path := range counters {
		if text := strings.TrimSpace(read(path)); text != "0" {
			note(c, "statistics/"+filepath.Base(path), path)
		}
	}
	for what, pattern := range map[string]string{"rx_queues": "queues/rx-*", "tx_queues": "queues/tx-*"} {
		queues, _ := filepath.Glob(filepath.Join(dir, pattern))
		if len(queues) > 0 {
			c[what] = number(len(queues))
		}
	}
	maps.Copy(c, offloads(filepath.Base(dir)))
	return c
}

// note puts the text of a file into m, if there is one.
func note(m map[string]string, name, path string) {
	if text := strings.TrimSpace(read(path)); text != "" {
		m[name] = strings.ToValidUTF8(text[:min(len(text), maxSetting)], "?")
	}
}
