package run

import (
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Program is what is run. Its zero value runs nothing: Argv is needed.
type Program struct {
	// Argv is the command. Argv[0] is a path, or a name that is looked up in PATH.
	Argv []string
	// Env is the environment. Nil means that of this process.
	Env []string
	// Dir is the working directory. Empty means that of this process.
	Dir string
	// Files are open in the program as 3, 4 and so on.
	Files []*os.File
	// Stdout and Stderr take what the program prints, as Head and Tail do. They may
	// be the same. Nil discards it.
	Stdout, Stderr io.Writer
	// Nice lowers the priority, as in nice(1). Zero means the priority of this
	// process.
	Nice int
}

// outputDelay is how long Run waits, once the program has ended, for output that a
// process outside the program's group holds open.
const outputDelay = time.Second

// Run runs the program and returns when it has ended. The end of ctx kills the
// program's whole group; the error is then the cause of ctx. An exit status other
// than 0 is an *exec.ExitError. The program does not outlive this process.
func (p Program) Run(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, p.Argv[0], p.Argv[1:]...)
	cmd.Env, cmd.Dir, cmd.ExtraFiles = p.Env, p.Dir, p.Files
	cmd.Stdout, cmd.Stderr = p.Stdout, p.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return killGroup(cmd.Process.Pid) }
	cmd.WaitDelay = outputDelay
	err := cmd.Start()
	if err == nil {
		if p.Nice != 0 {
			// An error means that the program has ended already. It had the wrong
			// priority for a moment at most.
			_ = unix.Setpriority(unix.PRIO_PGRP, cmd.Process.Pid, p.Nice)
		}
		err = cmd.Wait()
	}
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

func killGroup(leader int) error {
	err := unix.Kill(-leader, unix.SIGKILL)
	if errors.Is(err, unix.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
