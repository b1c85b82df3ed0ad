package archive

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/run"
)

// command runs the external command if the queue has files. It runs it as an agent
// of the Management framework does (spec management-api 5.12).
func (a *Archiver) command(ctx context.Context, files int) error {
	if files == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeoutCause(ctx, a.cfg.CommandTimeout,
		fmt.Errorf("it took more than %v", a.cfg.CommandTimeout))
	defer cancel()
	argv := slices.Concat(a.cfg.Command, []string{"-1", a.cfg.Queue, a.cfg.Logs})
	output := &run.Tail{Limit: maxCommandOutput}
	err := run.Program{Argv: argv, Stdout: output, Stderr: output, As: a.cfg.As}.Run(ctx)
	if err == nil {
		return nil
	}
	said := strings.TrimSpace(strings.ToValidUTF8(output.String(), "?"))
	if text := mgmt.LastLines(said, maxOutputLines, false); text != "" {
		return fmt.Errorf("archive command %s: %w; it said: %s", a.cfg.Command[0], err, text)
	}
	return fmt.Errorf("archive command %s: %w", a.cfg.Command[0], err)
}
