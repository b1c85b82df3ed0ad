package proc

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Control bounds what processes use, with control groups. Its methods may be called from any
// goroutine.
type Control interface {
	// Enter puts a process, which has not executed its program yet, into a group of its own with
	// these limits. If the group does not bound what they say, Enter fails.
	Enter(ctx context.Context, node string, pid int, l Limits) error
	// Limit gives the group of a process other limits. It fails as Enter does.
	Limit(ctx context.Context, node string, pid int, l Limits) error
	// Ended says whether the kernel has ended a process for lack of memory. It is called once,
	// when the process has ended and is not yet reaped.
	Ended(pid int) (outOfMemory bool)
	// Leave is called when the process is reaped.
	Leave(pid int, node string)
}

// controlTimeout bounds Enter and Limit.
const controlTimeout = 10 * time.Second

// confine puts the helper into a group. If that fails, the process gets rlimits in place of the
// group's limits, and runs: a node without a CPU weight is better than none.
func (p *process) confine(ctx context.Context) {
	control, l := p.host.cfg.Control, p.spec.Limits
	if control != nil {
		ctx, cancel := context.WithTimeout(ctx, controlTimeout)
		defer cancel()
		err := control.Enter(ctx, p.rec.Name, p.record().PID, l)
		if err == nil {
			p.grouped = true
			return
		}
		if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
			p.host.log.Warn("no control group bounds the node: rlimits bound its memory", "node", p.rec.Name, "err", err)
		}
		p.lacks = err
	}
	if l.CPUWeight != 0 && p.lacks == nil {
		p.lacks = errNoWeight
	}
	if l.CPUWeight == 0 {
		p.lacks = nil
	}
}

// launchLimits are the limits that the helper sets.
func (p *process) launchLimits() Limits {
	l := p.spec.Limits
	if p.grouped {
		l.MemoryBytes = 0
	}
	return l
}

// outOfMemory says that the kernel ended a process for lack of memory. inGroup says that it
// has ended a process of the node's group, and killed that the Host killed this one. It is
// empty if nothing says so.
func (p *process) outOfMemory(status Status, inGroup, killed bool) string {
	switch {
	case killed || status.Known && status.Signal != unix.SIGKILL:
		return ""
	case inGroup:
		return "the kernel ended it, because the node had used up its memory limit"
	case status.Known && p.host.oomKills.grew():
		return "the kernel ended a process at that time, because this host had no memory left: probably this one"
	}
	return ""
}

// killCounter is how many processes the kernel has ended for lack of memory since it was
// started, when that was looked at last.
type killCounter struct{ last atomic.Uint64 }

// look looks anew.
func (c *killCounter) look() {
	if now, err := hostOOMKills(); err == nil {
		c.last.Store(now)
	}
}

// grew reports whether the kernel has ended processes since look.
func (c *killCounter) grew() bool {
	now, err := hostOOMKills()
	return err == nil && now > c.last.Load()
}

func hostOOMKills() (uint64, error) {
	text, err := os.ReadFile("/proc/vmstat")
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "oom_kill "); ok {
			return strconv.ParseUint(strings.TrimSpace(n), 10, 64)
		}
	}
	return 0, errors.New("/proc/vmstat does not count the processes that the kernel ended for lack of memory")
}
