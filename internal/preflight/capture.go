package preflight

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// capture runs the program that checks a node's scripts, in a directory of its
// own: Zeek writes its status file there, which in the node's directory would
// be that of the node. It returns what the program printed, and an error unless
// that exited with 0: errUnfinished if it did not exit in time.
func capture(ctx context.Context, cfg Config, c Check) (mgmt.NodeOutputs, error) {
	dir, err := os.MkdirTemp(cfg.ScratchDir, "preflight-")
	if err != nil {
		return mgmt.NodeOutputs{}, err
	}
	defer os.RemoveAll(dir)
	ctx, cancel := context.WithTimeout(ctx, cfg.Timeout)
	defer cancel()

	stdout, stderr := tail{limit: cfg.OutputBytes}, tail{limit: cfg.OutputBytes}
	cmd := exec.CommandContext(ctx, c.Argv[0])
	cmd.Args, cmd.Env, cmd.Dir = c.Argv, c.Env, dir
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	// A group of its own, so that nothing that the program starts stays behind.
	// The program itself does not outlive this one either.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second // for a descendant in yet another group that holds the pipes
	if err = cmd.Start(); err == nil {
		// Nodes that capture come first. Whether that can be said is no matter.
		_ = syscall.Setpriority(syscall.PRIO_PGRP, cmd.Process.Pid, niceness)
		err = cmd.Wait()
	}
	if err != nil && ctx.Err() != nil {
		err = errUnfinished
	}
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		err = errors.New(ended.String())
	}
	return mgmt.NodeOutputs{Stdout: stdout.String(), Stderr: stderr.String()}, err
}

// niceness is that of the programs that check scripts.
const niceness = 5

// tail keeps the end of what is written to it.
type tail struct {
	limit int
	text  []byte
	cut   bool
}

// Write implements io.Writer.
func (t *tail) Write(p []byte) (int, error) {
	t.text = append(t.text, p...)
	if over := len(t.text) - t.limit; over > 0 {
		t.text = append(t.text[:0], t.text[over:]...)
		t.cut = true
	}
	return len(p), nil
}

// String returns the text without a newline at its end. The part of a line
// that is left of a longer text is dropped, unless it is all there is.
func (t *tail) String() string {
	text := string(t.text)
	if _, rest, ok := strings.Cut(text, "\n"); t.cut && ok && rest != "" {
		text = rest
	}
	return strings.TrimRight(text, "\n")
}
