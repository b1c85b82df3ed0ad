package proc

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/proc/launching"
)

// Limited answers Host.Limit. Err says why the process does not have all of these limits; it
// runs on. It is nil if the process has them.
type Limited struct {
	Name   string
	Launch uint64
	Err    error
}

func (Limited) isEvent() {}

// Limit gives a running process other limits, except those of core dumps and of open files.
// It returns at once, and Limited follows, unless the process ends before. Of several calls
// only the last one counts.
func (h *Host) Limit(name string, launch uint64, l Limits) error {
	p, err := h.find(name, launch)
	if err == nil {
		err = l.check()
	}
	if err != nil {
		return fmt.Errorf("limit %s: %w", name, err)
	}
	h.mu.Lock()
	h.limits[p] = l
	h.mu.Unlock()
	select {
	case h.limitsWake <- struct{}{}:
	default: // limitAll will see these limits too
	}
	return nil
}

// limitAll gives processes their limits, one process at a time, until ctx is done.
func (h *Host) limitAll(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.limitsWake:
		}
		for p, l := range h.takeLimits() {
			err := p.limit(ctx, l)
			h.emit(ctx, Limited{Name: p.rec.Name, Launch: p.rec.Launch, Err: err})
		}
	}
}

func (h *Host) takeLimits() map[*process]Limits {
	h.mu.Lock()
	defer h.mu.Unlock()
	limits := h.limits
	h.limits = map[*process]Limits{}
	return limits
}

// limit gives a process its limits. The process cannot be reaped meanwhile: its PID is its
// own, unless it is adopted and ends at this moment.
func (p *process) limit(ctx context.Context, l Limits) error {
	pid := p.record().PID
	if pid == 0 || p.hasExited() {
		return nil
	}
	memory, weight := l.MemoryBytes, errNoWeight
	if control := p.host.cfg.Control; control != nil {
		ctx, cancel := context.WithTimeout(ctx, controlTimeout)
		defer cancel()
		if weight = control.Limit(ctx, p.rec.Name, pid, l); weight == nil {
			memory = 0 // the group bounds it
		}
	}
	if l.CPUWeight == 0 {
		weight = nil // rlimits suffice
	}
	failed := []error{setNiceOfAll(pid, l.Nice), weight, launching.SetMemory(pid, memory)}
	if errors.Is(errors.Join(failed...), unix.ESRCH) || p.hasExited() {
		return nil
	}
	var all error
	for _, err := range failed { // one line, for people
		switch {
		case err == nil:
		case all == nil:
			all = err
		default:
			all = fmt.Errorf("%w; %w", all, err)
		}
	}
	return all
}

// errNoWeight says that a process without a control group cannot have a CPU weight.
var errNoWeight = errors.New("this host has no way to give it a CPU weight: neither systemd nor a control group is at hand")
