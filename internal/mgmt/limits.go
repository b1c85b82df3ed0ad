package mgmt

import (
	"fmt"
	"math"
)

// Limits bound what a node takes of its host. The zero value of a field leaves it to the
// host. Other limits need no restart: the agent applies them to the running process.
type Limits struct {
	// Memory bounds the memory of the node and of the programs that it starts, in bytes.
	// Zero means the host's zeek.memory_limit.
	Memory uint64
	// CPUWeight is the node's share of the processors when they are all busy, from 1 to
	// 10000. Zero means the share that everybody has, which is 100.
	CPUWeight uint64
	// Nice is the scheduling priority, from -20, the highest, to 19.
	Nice int
}

// LimitsOption is the option in which Limits travel, as CommandOption does for Command.
const LimitsOption = "Fleet::limits"

// The bounds of Limits.
const (
	MinMemoryLimit = 16 << 20 // bytes; no program starts with less
	MaxCPUWeight   = 10000
	MinNice        = -20
	MaxNice        = 19
)

// Check returns an error unless a node can have these limits.
func (l Limits) Check() error {
	switch {
	case l.Memory != 0 && (l.Memory < MinMemoryLimit || l.Memory > math.MaxInt64):
		return fmt.Errorf("the memory limit of %d bytes is below %s or too large", l.Memory, SizeText(MinMemoryLimit))
	case l.CPUWeight > MaxCPUWeight:
		return fmt.Errorf("the CPU weight %d is not from 1 to %d", l.CPUWeight, MaxCPUWeight)
	case l.Nice < MinNice || l.Nice > MaxNice:
		return fmt.Errorf("the nice value %d is not from %d to %d", l.Nice, MinNice, MaxNice)
	}
	return nil
}

// limits refuses limits that no node can have.
func (k *checker) limits() {
	for _, n := range k.nodes {
		if err := n.Limits.Check(); err != nil {
			k.refuse("node '%s': %v", printable(string(n.Name)), err)
		}
	}
}

// LimitsDifference returns a text for each of the limits that two descriptions of a node
// have not in common. A running node gets other limits without a restart.
func LimitsDifference(before, after Node) []string {
	var d difference
	size := func(n uint64) string {
		if n == 0 {
			return ""
		}
		return SizeText(n)
	}
	number := func(n int64) string {
		if n == 0 {
			return ""
		}
		return fmt.Sprint(n)
	}
	was, is := before.Limits, after.Limits
	d.value("the memory limit", size(was.Memory), size(is.Memory))
	d.value("the CPU weight", number(int64(was.CPUWeight)), number(int64(is.CPUWeight)))
	d.value("the nice value", number(int64(was.Nice)), number(int64(is.Nice)))
	return d
}

// WhileRunning returns what happens to a node that runs on, from the differences of its
// options and of its limits.
func WhileRunning(options, limits []string) (action NodeAction, because []string) {
	switch {
	case len(options) > 0:
		return ActionOptions, append(options, limits...)
	case len(limits) > 0:
		return ActionLimits, limits
	}
	return ActionNone, nil
}
