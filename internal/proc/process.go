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

// A process is one launch, from Start or Adopt to its end. Its goroutine is
// Host.follow. Other goroutines call stop, detach and trimOutput.
type process struct {
	host    *Host
	spec    Spec // zero if adopted
	adopted bool
	begun   time.Time // when its program was executed; only follow uses it
	grouped bool      // it has a control group; only follow uses it
	lacks   error     // why it was started without some of its limits; only follow uses it

	mu       sync.Mutex
	state    state
	rec      Record     // Name and Launch never change and are read without mu
	pidfd    *os.File   // nil until there is a process
	blocking []*os.File // the files in whose calls follow may be blocked
	deadline time.Time  // when SIGKILL is due; zero means never
	stopping bool       // Stop was called
	termDue  bool       // SIGTERM must be sent when the program runs
	killed   bool
}

type state int

const (
	preparing state = iota // no program is executed
	released               // the helper has its orders, or gets them now
	running                // its program runs
	detached               // the Host no longer watches it
)

func (p *process) record() Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.rec
}

// watch adds files to p.blocking: blocking calls on them end when SIGKILL is due or
// when p is detached.
func (p *process) watch(files ...*os.File) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.blocking = append(p.blocking, files...)
	p.setDeadlines()
}

// setDeadlines sets the deadline of all files in p.blocking. The caller holds mu.
func (p *process) setDeadlines() {
	at := p.deadline
	if p.state == detached {
		at = time.Unix(1, 0)
	}
	for _, f := range p.blocking {
		_ = f.SetDeadline(at) // fails only for a closed file, in which no call is blocked
	}
}

// await runs call, which blocks in a file of p.blocking. When the deadline ends the
// call, await handles the deadline (expire) and runs the call again.
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

// expire handles a passed deadline: it kills the process and its session. If the
// deadline passed because p is detached, it returns errDetached.
func (p *process) expire() error {
	p.mu.Lock()
	if p.state == detached {
		p.mu.Unlock()
		return errDetached
	}
	p.deadline = time.Time{}
	p.setDeadlines()
	p.mu.Unlock()

	if p.hasExited() {
		return nil // it ended before the kill
	}
	p.mu.Lock()
	p.killed = true
	p.mu.Unlock()
	rec := p.record()
	leaderErr := p.killGroup()
	if err := errors.Join(leaderErr, killMembers(rec.PID, rec.StartTicks)); err != nil {
		p.host.log.Warn("session could not be killed", "node", rec.Name, "err", err)
	}
	if leaderErr != nil {
		p.host.stopFailed(rec, leaderErr)
	}
	return nil
}

// stop implements Host.Stop. While the helper runs, it does not send SIGTERM: the
// helper's Go runtime could catch the signal and lose it when the helper executes
// the program. So stop sets termDue, and executed sends the signal.
func (p *process) stop(grace time.Duration) error {
	p.mu.Lock()
	p.stopping = true
	now := p.state == running
	p.termDue = p.termDue || !now && grace > 0
	p.mu.Unlock()
	if now && grace > 0 {
		if err := p.signal(unix.SIGTERM); err != nil {
			return err
		}
	}
	return p.endBy(time.Now().Add(max(grace, 0)))
}

// executed sets the state to running. From then on stop sends signals at once.
func (p *process) executed() error {
	p.mu.Lock()
	if p.state == detached {
		p.mu.Unlock()
		return errDetached
	}
	p.state = running
	termDue := p.termDue
	p.mu.Unlock()
	if termDue {
		if err := p.signal(unix.SIGTERM); err != nil {
			p.host.log.Warn("process could not be signalled", "node", p.rec.Name, "err", err) // SIGKILL follows
		}
	}
	return nil
}

// endBy sets the deadline of p to at, unless p has an earlier one.
func (p *process) endBy(at time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.state == detached {
		return errDetached
	}
	p.stopping = true
	if p.deadline.IsZero() || at.Before(p.deadline) {
		p.deadline = at
		p.setDeadlines()
	}
	return nil
}

// detach makes the goroutine of p return errDetached.
func (p *process) detach() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = detached
	p.setDeadlines()
}

// signal sends sig to the process but not to its children. It returns nil if the
// process has ended.
func (p *process) signal(sig unix.Signal) error {
	return p.send(sig, 0)
}

// killGroup sends SIGKILL to the process and its process group. Kernels before 6.9
// can signal only the process itself through a pidfd; killMembers kills the others.
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

// onPidfd calls f with the descriptor. The descriptor stays open until f returns.
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

// awaitExit waits for the end of the process, but does not reap it. It returns
// errDetached if p is detached.
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

// wait waits for the end of the process, reaps it and returns its event. It returns
// errDetached if p is detached.
func (p *process) wait() (Exited, error) {
	if err := p.awaitExit(); err != nil {
		return Exited{}, err
	}
	ran := time.Since(p.begun)
	rec := p.record()
	p.mu.Lock()
	killed := p.killed
	p.mu.Unlock()
	// This comes before the reaping, after which another process can get the number
	// of the session.
	left, err := sessionMembers(rec.PID, rec.StartTicks)
	if err != nil {
		p.host.log.Warn("members of the session are not known", "node", rec.Name, "err", err)
	}
	control := p.host.cfg.Control
	grouped := control != nil && control.Ended(rec.PID)
	status := p.reap()
	if control != nil {
		control.Leave(rec.PID, rec.Name)
	}
	stdout, stderr := p.output()
	return Exited{
		Name: rec.Name, Launch: rec.Launch, PID: rec.PID,
		Status: status, Ran: max(ran, 0), Killed: killed,
		Left:   left[:min(len(left), maxLeft)],
		Memory: p.outOfMemory(status, grouped, killed),
		Stdout: stdout, Stderr: stderr,
		Fingerprint: rec.Fingerprint,
	}, nil
}

// maxLeft bounds Exited.Left.
const maxLeft = 100

// reap waits for the process, which has ended or is about to, and returns its status.
func (p *process) reap() Status {
	if p.adopted {
		// It is a child of this process only if an earlier Host in this process
		// started it. Then it must be reaped through its pidfd, because another process
		// may have its number by now.
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
			return Status{} // the kernel has reaped it, because this process ignores SIGCHLD
		}
		break
	}
	if ws.Signaled() {
		return Status{Known: true, Signal: ws.Signal(), CoreDumped: ws.CoreDump()}
	}
	return Status{Known: true, Code: ws.ExitStatus()}
}

// output returns the last lines that the process has written since the launch.
func (p *process) output() (stdout, stderr string) {
	rec := p.record()
	return p.host.outputs.tail(rec.Stdout), p.host.outputs.tail(rec.Stderr)
}

// trimOutput trims the output files that exceed their limit. It does not change the
// record on disk, which keeps the old offset. So a Host that adopts the process can
// miss output before that offset.
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

// restartOutput sets the offset of a truncated output file to zero.
func (p *process) restartOutput(path string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, out := range []*Output{&p.rec.Stdout, &p.rec.Stderr} {
		if out.Path == path {
			out.Offset = 0
		}
	}
}

// close closes the pidfd.
func (p *process) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pidfd != nil {
		p.pidfd.Close()
	}
}
