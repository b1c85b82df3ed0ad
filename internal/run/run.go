package run

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Program is a program to run. Argv is required.
type Program struct {
	// Argv is the command. Argv[0] is a path, or a name to find in PATH.
	Argv []string
	// Env is the environment. Nil means that of this process.
	Env []string
	// Dir is the working directory. Empty means that of this process.
	Dir string
	// Stdin is the program's input. Nil means that there is none.
	Stdin io.Reader
	// Files are the program's descriptors 3, 4 and so on.
	Files []*os.File
	// Stdout and Stderr receive the program's output, such as a Head or a Tail. They
	// may be the same. Nil discards the output.
	Stdout, Stderr io.Writer
	// Nice lowers the priority, as in nice(1), as soon as the program has begun. Zero means
	// the priority of this process.
	Nice int
	// As is the user as whom the program runs. Nil means the user of this process.
	As *syscall.Credential
}

// outputDelay is how long Run waits for the end of the output after the program has
// ended. A process outside the program's group may still have the output open.
const outputDelay = time.Second

// Run runs the program and returns when it has ended. When ctx is done, Run kills the
// program's whole group and returns the cause of ctx. An exit status other than 0 is an
// *exec.ExitError. If this process dies, the kernel kills the program. Run leaves
// processes alone that outlive the program, even if they have its output open.
func (p Program) Run(ctx context.Context) error {
	// The kernel kills the program when the thread ends that started it. No other
	// goroutine gets a locked thread and ends it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	cmd := exec.CommandContext(ctx, p.Argv[0], p.Argv[1:]...)
	cmd.Env, cmd.Dir, cmd.ExtraFiles = p.Env, p.Dir, p.Files
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.Stdin, p.Stdout, p.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL, Credential: p.As}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = outputDelay
	err := cmd.Start()
	if err == nil {
		if p.Nice != 0 {
			// The error is ignored: it means that the program has already ended.
			_ = unix.Setpriority(unix.PRIO_PGRP, cmd.Process.Pid, p.Nice)
		}
		err = cmd.Wait()
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if errors.Is(err, exec.ErrWaitDelay) {
		return nil // the exit status is 0, and a process that the program started has the output open
	}
	return err
}

// killGroup kills the process group of leader.
func killGroup(leader int) error {
	err := unix.Kill(-leader, unix.SIGKILL)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
