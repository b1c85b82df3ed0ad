package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/proc/launching"
	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"golang.org/x/sys/unix"
)

// launch executes the program of p.spec, in the steps that doc.go describes. After an
// error no process and no record of the launch is left. The exception is errDetached
// after the release: that process runs on and has its record.
func (p *process) launch(ctx context.Context) error {
	if err := p.spec.check(); err != nil {
		return err
	}
	program, err := findProgram(p.spec.Argv[0])
	if err != nil {
		return err
	}
	if err := os.MkdirAll(p.spec.Dir, 0o755); err != nil {
		return fmt.Errorf("working directory: %w", err)
	}
	g, err := p.startHelper(program)
	if err != nil {
		return err
	}
	defer g.close()
	if err := p.release(ctx, g, program); err != nil {
		p.undo()
		return err
	}
	return p.awaitExec(g)
}

// findProgram returns the absolute path of a program.
func findProgram(name string) (string, error) {
	if filepath.IsAbs(name) {
		return name, nil
	}
	if strings.Contains(name, "/") {
		return "", fmt.Errorf("program %q is neither an absolute path nor a bare name", name)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		return "", fmt.Errorf("program %q is not in PATH", name)
	}
	return filepath.Abs(path)
}

// helperPipes are this process's ends of the pipes to the helper.
type helperPipes struct {
	orders *os.File // for orders; if it is closed before them, the helper exits
	status *os.File // from the helper; its end right after the sign that it is ready says that the program runs
}

func (g *helperPipes) close() {
	g.orders.Close()
	g.status.Close()
}

// startHelper starts this executable as helper, in a session of its own. The helper
// then waits for its orders.
func (p *process) startHelper(program string) (_ *helperPipes, err error) {
	var theirs []*os.File // the helper's descriptors 0 to 4
	defer func() {
		for _, f := range theirs {
			f.Close()
		}
	}()
	stdin, err := os.Open(os.DevNull)
	if err != nil {
		return nil, err
	}
	theirs = append(theirs, stdin)
	stdout, stdoutAt, err := p.host.outputs.open(p.spec.Dir, p.spec.Stdout)
	if err != nil {
		return nil, fmt.Errorf("stdout file: %w", err)
	}
	theirs = append(theirs, stdout)
	stderr, stderrAt, err := p.host.outputs.open(p.spec.Dir, p.spec.Stderr)
	if err != nil {
		return nil, fmt.Errorf("stderr file: %w", err)
	}
	theirs = append(theirs, stderr)

	ordersOut, orders, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	status, statusIn, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, ordersOut.Close(), orders.Close())
	}
	theirs = append(theirs, ordersOut, statusIn)
	g := &helperPipes{orders: orders, status: status}

	p.mu.Lock()
	p.rec.Executable, p.rec.Stdout, p.rec.Stderr = program, stdoutAt, stderrAt
	p.mu.Unlock()
	if err := p.fork(theirs); err != nil {
		g.close()
		return nil, err
	}
	p.watch(g.orders, g.status, p.pidfd)
	return g, nil
}

func (p *process) fork(files []*os.File) error {
	fds := make([]uintptr, len(files))
	for i, f := range files {
		fds[i] = f.Fd()
	}
	pidfd := -1
	pid, err := syscall.ForkExec("/proc/self/exe", []string{launching.Name, p.spec.Name}, &syscall.ProcAttr{
		Files: fds,
		Sys:   &syscall.SysProcAttr{Setsid: true, PidFD: &pidfd},
	})
	if err != nil {
		return fmt.Errorf("start the launch helper: %w", err)
	}
	// The runtime's poller takes only descriptors that do not block.
	if err := unix.SetNonblock(pidfd, true); err != nil {
		panic(fmt.Sprintf("proc: pidfd of %d: %v", pid, err))
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pidfd = os.NewFile(uintptr(pidfd), "pidfd")
	p.rec.PID = pid
	return nil
}

// release writes the record and sends the helper its orders.
func (p *process) release(ctx context.Context, g *helperPipes, program string) error {
	s, err := procfs.Root.Stat(p.rec.PID)
	if err != nil {
		return fmt.Errorf("identify its process: %w", err)
	}
	p.mu.Lock()
	p.rec.StartTicks, p.rec.BootID, p.rec.Started = s.Ticks, p.host.bootID, time.Now().UTC()
	p.mu.Unlock()
	if err := p.host.records.save(p.record()); err != nil {
		return fmt.Errorf("record its process: %w", err)
	}
	p.confine(ctx)
	if err := p.setReleased(); err != nil {
		return err
	}
	// If the writing fails, the launch fails: the helper ignores incomplete orders.
	if _, err := g.orders.Write(p.orders(program).Encode()); err != nil {
		return p.launchError(fmt.Errorf("send the launch helper its orders: %w", err))
	}
	g.orders.Close()
	return nil
}

// orders are those of the helper.
func (p *process) orders(program string) launching.Orders {
	s := &p.spec
	return launching.Orders{
		Program: program, Argv: s.Argv, Env: s.Env, Dir: s.Dir, CPUs: s.CPUs,
		Limits: p.launchLimits().forHelper(), User: (*launching.User)(s.User), Captures: s.Captures,
	}
}

// setReleased sets the state to released, unless Stop was called or p is detached.
// A later Stop can no longer prevent the launch.
func (p *process) setReleased() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.state == detached:
		return errDetached
	case p.stopping:
		return errStopped
	}
	p.state = released
	return nil
}

// launchError returns the reason of a failed launch: errDetached or errStopped if
// these were the cause, otherwise err.
func (p *process) launchError(err error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.state == detached:
		return errDetached
	case p.stopping:
		return errStopped
	}
	return err
}

// undo kills a helper that has no complete orders, and removes its record.
func (p *process) undo() {
	if err := p.signal(unix.SIGKILL); err != nil {
		p.host.log.Warn("launch helper could not be killed", "node", p.rec.Name, "err", err)
		return
	}
	p.reap()
	if err := p.host.records.remove(p.record()); err != nil {
		p.host.log.Warn("process record not removed", "node", p.rec.Name, "err", err)
	}
}

// awaitExec waits until the program runs. If it does not, the error says why.
func (p *process) awaitExec(g *helperPipes) error {
	var said bytes.Buffer
	err := p.await(func() error {
		_, err := said.ReadFrom(io.LimitReader(g.status, launching.MaxStatus))
		return err
	})
	if errors.Is(err, errDetached) {
		return err
	}
	p.begun = time.Now()
	ready, failure := launching.ParseStatus(said.Bytes())
	if err == nil && ready && failure == nil {
		return p.executed()
	}
	if err := p.awaitExit(); err != nil {
		return err
	}
	if status := p.reap(); failure == nil {
		failure = fmt.Errorf("the launch helper ended with %v", status)
	}
	return p.launchError(failure)
}
