package proc

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"golang.org/x/sys/unix"
)

// Adoption is the result of Adopt.
type Adoption struct {
	// Running are the records of processes that still run. The Host watches them
	// again: Stop works, and Exited follows when they end.
	Running []Record

	// Ended are recorded launches that have ended, with unknown status and unknown
	// duration. The caller must call Forget for each.
	Ended []Exited

	// Unseen are nodes that may have a process which the Host can neither watch nor
	// end, because it cannot inspect the process or because no readable record names
	// the process. Start refuses such a node until Freed.
	Unseen []Unseen

	// Foreign are processes of Config.Foreign without a record.
	Foreign []Foreign

	// Problems are about files in the record directory that cannot be read. Adopt
	// leaves the files as they are.
	Problems []error
}

// Adopt finds the processes that earlier Hosts with the same records started. A
// process is the recorded one if its PID, its kernel start time and the boot are
// those of the record. Adopt never touches other processes. Call it once, before the
// first Start. After an error the caller must not start nodes: the records or /proc
// could not be read, so a node might be started twice.
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
	if err := h.findUnrecorded(&a, lost, ours); err != nil {
		return Adoption{}, err
	}
	a.Unseen = h.unseen.list()
	if a.Foreign, err = findForeign(h.cfg.Foreign, ours); err != nil {
		return Adoption{}, err
	}
	return a, nil
}

// finding is the result of adopting one record. The zero value says that its process
// has ended.
type finding struct {
	alive  bool    // the recorded process lives and is watched again
	unseen *unseen // a process with the PID lives, but it may be another process
}

// adopt looks for the process of rec. If the process lives, adopt watches it again.
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
		return finding{}, fmt.Errorf("inspect process %d: %w", rec.PID, unsure)
	case unsure != nil:
		return finding{unseen: &unseen{
			Unseen: Unseen{Name: rec.Name, Launch: rec.Launch, PID: rec.PID, Why: fmt.Sprintf(
				"process %d may be the process of node %s, but the agent cannot inspect it (%v): nothing is started in its place. "+
					"Make the process visible to the agent and restart the agent; or end the process; or, if it is not the node's, remove %s",
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

// openPidfd returns a pidfd of the process pid, in the runtime's poller. It returns
// nil if there is no such process.
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

// livesAs reports whether the process of pidfd is the process of r and lives. The
// pidfd names one process with the PID of r; the start time tells whether it is the
// recorded process. unsure says that the process cannot be inspected: a /proc with
// hidepid hides processes of other users, and processes of our user whose programs
// have capabilities. A process that can be inspected may still refuse signals.
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

// isShortage reports whether err comes from a shortage in this process or host, such
// as too many open files. A later attempt may succeed.
func isShortage(err error) bool {
	return errors.Is(err, unix.EMFILE) || errors.Is(err, unix.ENFILE) || errors.Is(err, unix.ENOMEM)
}

// hasEnded reports whether the process of a pidfd has ended.
func hasEnded(pidfd *os.File) bool {
	ended := false
	if conn, err := pidfd.SyscallConn(); err == nil {
		_ = conn.Control(func(fd uintptr) { ended = pidfdReadable(int(fd)) })
	}
	return ended
}

// ended returns the event of a launch that ended while no Host watched it.
func (h *Host) ended(rec Record) Exited {
	return Exited{
		Name: rec.Name, Launch: rec.Launch, PID: rec.PID,
		Stdout: h.outputs.tail(rec.Stdout), Stderr: h.outputs.tail(rec.Stderr),
		Fingerprint: rec.Fingerprint,
	}
}
