package proc

import (
	"context"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// Adoption is what Adopt found.
type Adoption struct {
	// Running are the processes that live on and are watched again: Stop, Kill
	// and Output work, and Exited follows when they end.
	Running []Record

	// Ended are launches that were recorded and have ended since, of unknown
	// status and unknown duration. They are to be forgotten.
	Ended []Exited

	// Foreign are processes of Config.Foreign that are none of ours.
	Foreign []Foreign

	// Problems are files that are no records. They are left as they are.
	Problems []error
}

// Adopt finds the processes that earlier Hosts with the same records have left
// behind. A process is ours if its PID, its kernel start time and the boot are
// the recorded ones; all others are never touched. Call it once, before the
// first Start. Its error says that the records or /proc cannot be read, or that
// a process may be ours and cannot be watched: whoever went on regardless would
// start its node twice.
func (h *Host) Adopt(ctx context.Context) (Adoption, error) {
	records, problems, err := h.records.load()
	if err != nil {
		return Adoption{}, fmt.Errorf("process records: %w", err)
	}
	a := Adoption{Problems: problems}
	ours := map[int]bool{}
	for _, rec := range records {
		if err := context.Cause(ctx); err != nil {
			return Adoption{}, err
		}
		alive, err := h.adopt(rec)
		switch {
		case err != nil:
			return Adoption{}, fmt.Errorf("adopt %s: %w", rec.Name, err)
		case alive:
			a.Running = append(a.Running, rec)
			ours[rec.PID] = true
		default:
			a.Ended = append(a.Ended, h.ended(rec))
		}
	}
	if a.Foreign, err = findForeign(h.cfg.Foreign, ours); err != nil {
		return Adoption{}, err
	}
	return a, nil
}

// adopt watches the process of rec again, and reports whether it lives.
func (h *Host) adopt(rec Record) (bool, error) {
	if rec.BootID != h.bootID {
		return false, nil
	}
	fd, err := unix.PidfdOpen(rec.PID, 0)
	if errors.Is(err, unix.ESRCH) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("watch process %d: %w", rec.PID, err)
	}
	alive, err := rec.livesAs(fd)
	if err != nil || !alive {
		unix.Close(fd)
		return false, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return false, err
	}
	p := &process{host: h, rec: rec, adopted: true, state: running, begun: rec.Started}
	p.pidfd = os.NewFile(uintptr(fd), "pidfd")
	p.watch(p.pidfd)
	if err := h.add(p); err != nil {
		p.close()
		return false, err
	}
	return true, nil
}

// livesAs reports whether the process of the pidfd, which has the PID of r, is
// that of r and lives. The pidfd holds on to one process; the start time tells
// whether it is the right one.
func (r Record) livesAs(pidfd int) (bool, error) {
	s, err := readStat(r.PID)
	switch {
	case pidfdReadable(pidfd):
		return false, nil
	case err == nil:
		return s.ticks == r.StartTicks, nil
	case errors.Is(unix.PidfdSendSignal(pidfd, 0, nil, 0), unix.EPERM):
		return false, nil // another user's
	}
	// A /proc with hidepid hides processes even of our own user, those of
	// programs with capabilities.
	return false, fmt.Errorf("process %d lives, but not to be seen: %w", r.PID, err)
}

// ended describes a launch that ended unseen.
func (h *Host) ended(rec Record) Exited {
	return Exited{
		Name: rec.Name, Launch: rec.Launch, PID: rec.PID,
		Stdout: h.outputs.tail(rec.Stdout), Stderr: h.outputs.tail(rec.Stderr),
		PlanHash: rec.PlanHash,
	}
}
