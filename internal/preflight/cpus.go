package preflight

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

const onlineCPUs = "/sys/devices/system/cpu/online"

// checkCPUs compares the processors to which nodes are bound with those of the host.
func checkCPUs(checks []Check) []mgmt.Finding {
	if !slices.ContainsFunc(checks, func(c Check) bool { return len(c.CPUs) > 0 }) {
		return nil
	}
	text, err := os.ReadFile(onlineCPUs)
	if err != nil {
		return nil // without sysfs, the launch reports missing processors
	}
	var found []mgmt.Finding
	for _, c := range checks {
		if problem := cpuProblem(c.CPUs, strings.TrimSpace(string(text))); problem != "" {
			found = append(found, mgmt.Finding{Node: c.Node, Problem: problem})
		}
	}
	return found
}

// cpuProblem returns a problem that names the processors that are not in online, a
// list such as "0-3,8". It returns "" if none is missing.
func cpuProblem(cpus []int, online string) string {
	missing := slices.DeleteFunc(slices.Clone(cpus), func(cpu int) bool { return inCPUList(cpu, online) })
	if len(missing) == 0 {
		return ""
	}
	return fmt.Sprintf("CPU affinity: this host has no CPU %s; it has %s", cpuList(missing), online)
}

// cpuList renders sorted processors as the kernel does, such as "0-3,8".
func cpuList(cpus []int) string {
	var parts []string
	for i := 0; i < len(cpus); {
		end := i + 1
		for end < len(cpus) && cpus[end] == cpus[end-1]+1 {
			end++
		}
		part := strconv.Itoa(cpus[i])
		if end > i+1 {
			part += "-" + strconv.Itoa(cpus[end-1])
		}
		parts = append(parts, part)
		i = end
	}
	return strings.Join(parts, ",")
}

func inCPUList(cpu int, list string) bool {
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.Atoi(from)
		last, lastErr := strconv.Atoi(to)
		if err == nil && lastErr == nil && first <= cpu && cpu <= last {
			return true
		}
	}
	return false
}
