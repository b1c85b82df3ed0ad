package preflight

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"syscall"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/run"
)

// niceness is the niceness of programs that check scripts. It gives nodes that capture
// a higher priority.
const niceness = 5

// faults are the signals with which the kernel ends a program that has made a mistake.
var faults = []syscall.Signal{syscall.SIGABRT, syscall.SIGBUS, syscall.SIGFPE, syscall.SIGILL, syscall.SIGSEGV, syscall.SIGTRAP}

// faultError says that a fault of the program has ended it.
type faultError struct{ error }

// captureTwice is capture. It runs a program again, once, that a fault of its own has ended
// before it has said a word about the scripts: Zeek's threads can fall over each other at the
// end of a check, and that happens to the best scripts.
func captureTwice(ctx context.Context, cfg Config, c Check) (mgmt.NodeOutputs, error) {
	out, err := capture(ctx, cfg, c)
	if _, fault := errors.AsType[faultError](err); fault && out.TellingLine() == "" {
		return capture(ctx, cfg, c)
	}
	return out, err
}

// capture runs the program that checks a node's scripts and captures its output. The
// program runs in a directory of its own, because Zeek writes a status file into its
// working directory: in the node's directory it would overwrite the node's. The error
// is nil if the program exits with 0, and errUnfinished if it is interrupted.
func capture(ctx context.Context, cfg Config, c Check) (mgmt.NodeOutputs, error) {
	dir, err := os.MkdirTemp(cfg.ScratchDir, "preflight-")
	if err != nil {
		return mgmt.NodeOutputs{}, err
	}
	defer os.RemoveAll(dir)
	if as := c.Credential; as != nil {
		if err := os.Chown(dir, int(as.Uid), int(as.Gid)); err != nil {
			return mgmt.NodeOutputs{}, err
		}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Timeout, errUnfinished)
	defer cancel()
	stdout, stderr := &run.Tail{Limit: cfg.OutputBytes}, &run.Tail{Limit: cfg.OutputBytes}
	err = run.Program{Argv: c.Argv, Env: c.Env, Dir: dir, Stdout: stdout, Stderr: stderr, Nice: niceness, As: c.Credential}.Run(ctx)
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		err = errors.New(ended.String())
		if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() && slices.Contains(faults, status.Signal()) {
			err = faultError{err}
		}
	} else if err != nil && ctx.Err() != nil {
		err = errUnfinished
	}
	return mgmt.NodeOutputs{Stdout: stdout.String(), Stderr: stderr.String()}, err
}
