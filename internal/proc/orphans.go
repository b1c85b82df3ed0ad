package proc

import (
	"errors"
	"os"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"golang.org/x/sys/unix"
)

// orphans are ended children of this process for which nobody seems to wait: the
// processes that nodes have started and left behind, which the kernel gives to
// the first process. Without it they would keep their numbers for ever.
type orphans struct {
	seen map[int]uint64 // the kernel start time of each at the last look, by PID
}

// reap reaps those that were there at the last look already. Whoever waits for a
// child of its own has had the time to do so.
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
