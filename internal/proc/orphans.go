package proc

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"golang.org/x/sys/unix"
)

// orphanPause is the time between two looks at an ended child. A goroutine that waits for the
// child needs less.
const orphanPause = time.Second

// ReapOrphans reaps orphans until ctx is done, and returns ctx's cause then. It looks for them
// when the kernel says that a child has ended. log may be nil. The first process of a container
// calls it: orphans become the children of that process.
func ReapOrphans(ctx context.Context, log *slog.Logger) error {
	log = cmp.Or(log, slog.New(slog.DiscardHandler))
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	defer signal.Stop(ended)
	var dead orphans
	look, due := time.NewTimer(0), true // some may have ended before
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ended:
			if !due {
				look.Reset(orphanPause)
			}
			due = true
			continue
		case <-look.C:
		}
		if err := dead.reap(); err != nil {
			log.Warn("orphans not reaped", "err", err)
		}
		if due = len(dead.seen) > 0; due {
			look.Reset(orphanPause)
		}
	}
}

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
