package daemon

import (
	"context"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/removed"
)

// firstSweep is how long after the agent's start it looks for directories of removed nodes.
// A controller may have other orders by then.
const firstSweep = time.Minute

// beginSweeps has the directories of removed nodes looked for.
func (a *agentShell) beginSweeps() {
	if a.cfg.Removed != nil {
		a.sweep = time.After(min(firstSweep, a.cfg.SweepEvery))
	}
}

// sweepRemoved takes the directories of removed nodes out of the way, and has them deleted.
// The deletion may take long. The next sweep waits for it.
func (a *agentShell) sweepRemoved(ctx context.Context, now time.Time) {
	a.sweep = nil
	done := make(chan time.Time, 1)
	present, known := a.present()
	if !known || !a.cfg.Removed.Sweep(now, present) {
		a.sweep = time.After(a.cfg.SweepEvery)
		return
	}
	a.sweep = done
	every := a.cfg.SweepEvery
	a.parts.task(func() {
		a.cfg.Removed.Empty(ctx)
		wait := time.NewTimer(every)
		defer wait.Stop()
		select {
		case now := <-wait.C:
			done <- now
		case <-ctx.Done():
		}
	})
}

// RescueLogs puts the logs in the directory of a removed node into the queue of the archive.
func (c AgentConfig) RescueLogs(ctx context.Context, dir string, logs removed.Logs) error {
	clock, err := clockOf(launch.Facts{Zone: logs.Zone})
	if err != nil {
		c.Logger.Warn("left-over logs are named in UTC", "dir", dir, "err", err)
	}
	_, err = c.Archive.Rescue(ctx, dir, logs.Suffix, clock)
	return err
}
