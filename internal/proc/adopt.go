package proc

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
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

	// Unseen are nodes that may have a process which can be neither watched nor
	// ended: it cannot be looked at, or no readable record names it. Nothing is
	// started in its place until Freed.
	Unseen []Unseen

	// Foreign are processes of Config.Foreign that are none of ours.
	Foreign []Foreign

	// Problems are files that are no records. They are left as they are.
	Problems []error
}

// Adopt finds the processes that earlier Hosts with the same records have left
// behind. A process is ours if its PID, its kernel start time and the boot are
// the recorded ones; all others are never touched. Call it once, before the
// first Start. Its error says that the records or /proc cannot be read at all, or
// not now: whoever went on regardless would start nodes twice.
func (h *Host) Adopt(ctx context.Context) (Adoption, error) {
	records, lost, problems, err := h.records.load()
	if err != nil {
		return Adoption{}, fmt.Errorf("process records: %w", err)
	}
	a := Adoption{Problems: problems}
	ours := map[int]bool{}
	for _, rec := range records {
		if err := context.Cause(ctx); err != nil {
			return Adoption{}, err
		}
		found, err := h.adopt(rec)
		switch {
		case err != nil:
			return Adoption{}, fmt.Errorf("adopt %s: %w", rec.Name, err)
		case found.alive:
			a.Running = append(a.Running, rec)
			ours[rec.PID] = true
		case found.unseen != nil:
			h.unseen.add(found.unseen)
			ours[rec.PID] = true
		default:
			a.Ended = append(a.Ended, h.ended(rec))
		}
	}
	if err := h.lookAround(&a, lost, ours); err != nil {
		return Adoption{}, err
	}
	a.Unseen = h.unseen.list()
	if a.Foreign, err = findForeign(h.cfg.Foreign, ours); err != nil {
		return Adoption{}, err
	}
	return a, nil
}

// finding is what became of the process of a record.
type finding struct {
	alive  bool    // it is ours, and watched again
	unseen *unseen // it lives, and nobody can tell whether it is ours
}

// adopt watches the process of rec again, and reports whether it lives.
func (h *Host) adopt(rec Record) (finding, error) {
	if rec.BootID != h.bootID {
		return finding{}, nil
	}
	pidfd, err := openPidfd(rec.PID)
	if err != nil || pidfd == nil {
		return finding{}, err
	}
	alive, unsure := h.livesAs(rec, pidfd)
	switch {
	case isShortage(unsure):
		pidfd.Close()
		return finding{}, fmt.Errorf("look at process %d: %w", rec.PID, unsure)
	case unsure != nil:
		return finding{unseen: &unseen{
			Unseen: Unseen{Name: rec.Name, Launch: rec.Launch, PID: rec.PID, Why: fmt.Sprintf(
				"process %d may be that of node %s and cannot be looked at (%v): nothing is started in its place. "+
					"Make it visible to the agent and restart the agent; or end that process; or, if it is another one, remove %s",
				rec.PID, rec.Name, unsure, h.records.path(rec))},
			pidfd: pidfd, file: h.records.path(rec),
		}}, nil
	case !alive:
		pidfd.Close()
		return finding{}, nil
	}
	p := &process{host: h, rec: rec, adopted: true, state: running, begun: rec.Started}
	p.pidfd = pidfd
	p.watch(p.pidfd)
	if err := h.add(p); err != nil {
		p.close()
		return finding{}, err
	}
	return finding{alive: true}, nil
}

// openPidfd returns what holds on to the process of that number, in the
// runtime's poller; nil if there is none.
func openPidfd(pid int) (*os.File, error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil, nil
	}
	if err == nil {
		err = unix.SetNonblock(fd, true)
	}
	if err != nil {
		return nil, fmt.Errorf("watch process %d: %w", pid, err)
	}
	return os.NewFile(uintptr(fd), "pidfd"), nil
}

// livesAs reports whether the process of the pidfd, which has the PID of r, is
// that of r and lives. The pidfd holds on to one process; the start time tells
// whether it is the right one. The error says that nobody can tell: a /proc with
// hidepid hides processes of other users, and of our own those of programs with
// capabilities. Whether it may be signalled says nothing about that.
func (h *Host) livesAs(r Record, pidfd *os.File) (alive bool, unsure error) {
	s, err := procfs.Dir(h.cfg.ProcDir).Stat(r.PID)
	if hasEnded(pidfd) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return s.Ticks == r.StartTicks, nil
}

// isShortage reports whether err says more of this process than of what it looked
// at, which a later look may find in order.
func isShortage(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

// hasEnded reports whether the process of a pidfd has.
func hasEnded(pidfd *os.File) bool {
	ended := false
	if conn, err := pidfd.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { ended = pidfdReadable(int(fd)) })
	}
	return ended
}

// ended describes a launch that ended unseen.
func (h *Host) ended(rec Record) Exited {
	return Exited{
		Name: rec.Name, Launch: rec.Launch, PID: rec.PID,
		Stdout: h.outputs.tail(rec.Stdout), Stderr: h.outputs.tail(rec.Stderr),
		Fingerprint: rec.Fingerprint,
	}
}
