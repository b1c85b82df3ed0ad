package proc

import (
	"errors"
	"os"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"golang.org/x/sys/unix"
)

// orphans reaps orphans: ended processes that nodes started and did not wait for. The
// kernel makes them children of the first process of the container. If nobody reaps
// them, they keep their PIDs for ever.
type orphans struct {
	seen map[int]uint64 // the ended children at the last call of reap: start time by PID
}

// reap reaps ended children that were already there at the last call. In the time
// between two calls, a goroutine that waits for its own child has reaped that child.
func (o *orphans) reap() error {
	pids, err := procfs.Root.PIDs()
	if err != nil {
		return err
	}
	found := map[int]uint64{}
	var errs []error
	for _, pid := range pids {
		s, err := procfs.Root.Stat(pid)
		if err != nil || s.State != 'Z' || s.Parent != os.Getpid() {
			continue
		}
		if ticks, again := o.seen[pid]; !again || ticks != s.Ticks {
			found[pid] = s.Ticks
			continue
		}
		if _, err := unix.Wait4(pid, nil, unix.WNOHANG, nil); err != nil && !errors.Is(err, unix.ECHILD) {
			errs = append(errs, err)
		}
	}
	o.seen = found
	return errors.Join(errs...)
}
