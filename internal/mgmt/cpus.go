package mgmt

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// CPUsEnv is the variable in a node's environment that binds the node to several
// processors; CPUAffinity can name one only. Its value is a list in the kernel's
// format, such as "0,4-7". The agent reads it and does not pass it to the node's
// process.
const CPUsEnv = "ZEEKFLEET_CPUS"

// maxCPU is the highest number of a processor in such a list.
const maxCPU = 1023

// CPUs returns the processors to which the agent binds the node, sorted. Nil means
// any processor. It is an error if CPUAffinity and CPUsEnv are both set.
func (n Node) CPUs() ([]int, error) {
	list, listed := n.Env[CPUsEnv]
	switch {
	case listed && n.CPUAffinity != nil:
		return nil, errors.New("cpu_affinity and " + CPUsEnv + " exclude each other")
	case listed:
		return parseCPUs(list)
	case n.CPUAffinity == nil:
		return nil, nil
	case *n.CPUAffinity < 0 || *n.CPUAffinity > math.MaxInt32:
		return nil, fmt.Errorf("cpu_affinity %d is no processor", *n.CPUAffinity)
	}
	return []int{int(*n.CPUAffinity)}, nil
}

func parseCPUs(list string) ([]int, error) {
	var named [maxCPU + 1]bool
	for part := range strings.SplitSeq(list, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		first, err := strconv.ParseUint(from, 10, 16)
		last, lastErr := strconv.ParseUint(to, 10, 16)
		if err != nil || lastErr != nil || first > last || last > maxCPU {
			return nil, fmt.Errorf("%s is no list of processors such as 0,4-7, none above %d: %.80q", CPUsEnv, maxCPU, list)
		}
		for cpu := first; cpu <= last; cpu++ {
			named[cpu] = true
		}
	}
	var cpus []int
	for cpu, isNamed := range named {
		if isNamed {
			cpus = append(cpus, cpu)
		}
	}
	return cpus, nil
}
