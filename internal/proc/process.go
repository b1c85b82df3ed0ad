package proc

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

var (
	// errDetached says that Run has ended and left the process to itself.
	errDetached = errors.New("processes are no longer watched")

	// errStopped says that Stop came before the program was executed.
	errStopped = errors.New("stopped before its program was executed")
)

// A process is one launch on its way from Start or Adopt to its end. One
// goroutine waits for it, Host.follow. Stop and others come from any.
type process struct {
	host    *Host
	spec    Spec // zero if adopted
	adopted bool
	begun   time.Time // when its program was executed; the follower's

	mu       sync.Mutex
	state    state
	rec      Record     // Name and Launch never change and are read without mu
	pidfd    *os.File   // nil until there is a process
	blocking []*os.File // what the follower may be blocked in
	deadline time.Time  // when SIGKILL is due; zero: never
	asked    bool       // to end, by Stop
	owed     bool       // a SIGTERM, once its program runs
	killed   bool
}

type state int

const (
	preparing state = iota // no program is executed
	released               // the helper has its orders, or is about to
	running                // its program runs
	detached               // nobody waits for it any more
)

func (p *process) record() Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rec
}

// watch makes blocking calls on the files end when SIGKILL is due or the Host
// lets go of p.
func (p *process) watch(files ...*os.File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocking = append(p.blocking, files...)
	p.applyDeadline()
}

// applyDeadline is called with mu held.
func (p *process) applyDeadline() {
	at := p.deadline
	if p.state == detached {
		at = time.Unix(1, 0)
	}
	for _, f := range p.blocking {
		_ = f.SetDeadline(at) // nobody is blocked in a closed file
	}
}

// await repeats call, which blocks in a watched file, until it is not a
// deadline that ends it. At the deadline of Stop the process is killed.
func (p *process) await(call func() error) error {
	for {
		err := call()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return err
		}
		if err := p.expire(); err != nil {
			return err
		}
	}
}

// expire does what is due at the deadline.
func (p *process) expire() error {
	p.mu.Lock()
	if p.state == detached {
		p.mu.Unlock()
		return errDetached
	}
	p.deadline = time.Time{}
	p.applyDeadline()
	p.mu.Unlock()

	if p.hasExited() {
		return nil // by itself, just in time
	}
	p.mu.Lock()
	p.killed = true
	p.mu.Unlock()
	rec := p.record()
	leaderErr := p.killGroup()
	if err := errors.Join(leaderErr, killMembers(rec.PID, rec.StartTicks)); err != nil {
		p.host.log.Warn("session not killed", "node", rec.Name, "err", err)
	}
	if leaderErr != nil {
		p.host.stopFailed(rec, leaderErr)
	}
	return nil
}

// stop implements Host.Stop. A SIGTERM that meets the helper between two
// programs could be lost: its Go runtime catches it, and is gone before it can
// act. Until the program runs, it is therefore owed.
func (p *process) stop(grace time.Duration) error {
	p.mu.Lock()
	p.asked = true
	now := p.state == running
	p.owed = p.owed || !now && grace > 0
	p.mu.Unlock()
	if now && grace > 0 {
		if err := p.signal(unix.SIGTERM); err != nil {
			return err
		}
	}
	return p.endBy(time.Now().Add(max(grace, 0)))
}

// executed marks the point from which on p is stopped by signals.
func (p *process) executed() error {
	p.mu.Lock()
	if p.state == detached {
		p.mu.Unlock()
		return errDetached
	}
	p.state = running
	owed := p.owed
	p.mu.Unlock()
	if owed {
		if err := p.signal(unix.SIGTERM); err != nil {
			p.host.log.Warn("process not signalled", "node", p.rec.Name, "err", err) // SIGKILL follows
		}
	}
	return nil
}

// endBy has the process killed at the given time, or at an earlier one that
// was set before.
func (p *process) endBy(at time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == detached {
		return errDetached
	}
	p.asked = true
	if p.deadline.IsZero() || at.Before(p.deadline) {
		p.deadline = at
		p.applyDeadline()
	}
	return nil
}

// detach ends the follower's waiting for good.
func (p *process) detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = detached
	p.applyDeadline()
}

// signal sends sig to the process alone. One that has ended already is fine.
func (p *process) signal(sig unix.Signal) error {
	return p.send(sig, 0)
}

// killGroup sends SIGKILL to the process and its process group at once; kernels
// before 6.9 can reach only the process itself through a pidfd, and killMembers
// finds the others.
func (p *process) killGroup() error {
	err := p.send(unix.SIGKILL, unix.PIDFD_SIGNAL_PROCESS_GROUP)
	if errors.Is(err, unix.EINVAL) {
		err = p.send(unix.SIGKILL, 0)
	}
	return err
}

func (p *process) send(sig unix.Signal, flags int) error {
	var err error
	control := p.onPidfd(func(fd int) { err = unix.PidfdSendSignal(fd, sig, nil, flags) })
	if err = errors.Join(control, err); errors.Is(err, os.ErrClosed) || errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("send %s: %w", unix.SignalName(sig), err)
	}
	return nil
}

// onPidfd calls f with the descriptor, which stays open meanwhile.
func (p *process) onPidfd(f func(fd int)) error {
	p.mu.Lock()
	pidfd := p.pidfd
	p.mu.Unlock()
	if pidfd == nil {
		return os.ErrClosed
	}
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return err
	}
	return conn.Control(func(fd uintptr) { f(int(fd)) })
}

func (p *process) hasExited() bool {
	exited := false
	err := p.onPidfd(func(fd int) { exited = pidfdReadable(fd) })
	return exited || err != nil
}

// pidfdReadable reports whether the process of a pidfd has ended.
func pidfdReadable(fd int) bool {
	fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, 0)
	return err == nil && n > 0
}

// awaitExit returns when the process has ended, or errDetached. A child is not
// reaped yet then.
func (p *process) awaitExit() error {
	p.mu.Lock()
	pidfd := p.pidfd
	p.mu.Unlock()
	conn, err := pidfd.SyscallConn()
	if err != nil {
		return err
	}
	return p.await(func() error {
		return conn.Read(func(fd uintptr) bool { return pidfdReadable(int(fd)) })
	})
}

// wait returns how the process ended, once it has, or errDetached.
func (p *process) wait() (Exited, error) {
	if err := p.awaitExit(); err != nil {
		return Exited{}, err
	}
	ran := time.Since(p.begun)
	rec := p.record()
	p.mu.Lock()
	killed := p.killed
	p.mu.Unlock()
	// Before the reaping, because it frees the number of the session.
	left, err := sessionMembers(rec.PID, rec.StartTicks)
	if err != nil {
		p.host.log.Warn("session not looked through", "node", rec.Name, "err", err)
	}
	status := p.reap()
	stdout, stderr := p.output()
	return Exited{
		Name: rec.Name, Launch: rec.Launch, PID: rec.PID,
		Status: status, Ran: max(ran, 0), Killed: killed,
		Left:   left[:min(len(left), maxLeft)],
		Stdout: stdout, Stderr: stderr,
		Fingerprint: rec.Fingerprint,
	}, nil
}

// maxLeft bounds Exited.Left.
const maxLeft = 100

// reap returns the status of the process, which has ended or is about to.
func (p *process) reap() Status {
	if p.adopted {
		// It is ours to reap only if a former Host of this very process
		// started it. Its number may be another's by now, so that the status
		// is not worth the risk.
		_ = p.onPidfd(func(fd int) { _ = unix.Waitid(unix.P_PIDFD, fd, nil, unix.WEXITED|unix.WNOHANG, nil) })
		return Status{}
	}
	var ws unix.WaitStatus
	for {
		_, err := unix.Wait4(p.rec.PID, &ws, 0, nil)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return Status{} // this process ignores SIGCHLD, so the kernel has reaped it
		}
		break
	}
	if ws.Signaled() {
		return Status{Known: true, Signal: ws.Signal(), CoreDumped: ws.CoreDump()}
	}
	return Status{Known: true, Code: ws.ExitStatus()}
}

// output returns the last lines written since the launch.
func (p *process) output() (stdout, stderr string) {
	rec := p.record()
	return p.host.outputs.tail(rec.Stdout), p.host.outputs.tail(rec.Stderr)
}

// trimOutput keeps the output files within their limit. The record on disk
// keeps the old offset: whoever adopts the process misses at most what comes
// to stand before it.
func (p *process) trimOutput() error {
	rec := p.record()
	var errs []error
	for _, path := range []string{rec.Stdout.Path, rec.Stderr.Path} {
		trimmed, err := p.host.outputs.trim(path)
		errs = append(errs, err)
		if trimmed {
			p.restartOutput(path)
		}
	}
	return errors.Join(errs...)
}

func (p *process) restartOutput(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, out := range []*Output{&p.rec.Stdout, &p.rec.Stderr} {
		if out.Path == path {
			out.Offset = 0
		}
	}
}

// close releases what was held for a process that has ended.
func (p *process) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pidfd != nil {
		p.pidfd.Close()
	}
}
