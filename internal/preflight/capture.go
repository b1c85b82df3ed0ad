package preflight

import (
	"context"
	"errors"
	"os"
	"os/exec"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/run"
)

// niceness is that of the programs that check scripts: nodes that capture come
// first.
const niceness = 5

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
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.Timeout, errUnfinished)
	defer cancel()
	stdout, stderr := &run.Tail{Limit: cfg.OutputBytes}, &run.Tail{Limit: cfg.OutputBytes}
	err = run.Program{Argv: c.Argv, Env: c.Env, Dir: dir, Stdout: stdout, Stderr: stderr, Nice: niceness}.Run(ctx)
	if ended, ok := errors.AsType[*exec.ExitError](err); ok {
		err = errors.New(ended.String())
	} else if err != nil && ctx.Err() != nil {
		err = errUnfinished
	}
	return mgmt.NodeOutputs{Stdout: stdout.String(), Stderr: stderr.String()}, err
}
