package archive

import (
	"context"
	"maps"
	"sync"
	"time"
)

// Run sweeps the queue now, at each Config.Interval and, unless Config.Periodic is
// set, when a file comes into the queue. It ends when ctx is done and returns the
// cause of ctx. Logs that are then in the queue wait for Drain or the next Run.
func (a *Archiver) Run(ctx context.Context) error {
	var watcher sync.WaitGroup
	defer watcher.Wait() // deferred first, so it runs after cancel
	watched, cancel := context.WithCancel(ctx)
	defer cancel()
	wake := make(chan struct{}, 1)
	if !a.cfg.Periodic {
		watcher.Go(func() {
			if err := a.watch(watched, a.cfg.Queue, wake); err != nil {
				a.cfg.Logger.Warn("log queue cannot be watched; it is read at each interval", "err", err)
			}
		})
	}
	logged := map[string]string{}
	timer := time.NewTimer(a.cfg.Interval)
	defer timer.Stop()
	for {
		report, err := a.Sweep(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		a.logReport(report, err, logged)
		timer.Reset(a.cfg.Interval)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-wake:
		case <-timer.C:
		}
	}
}

// Drain makes one sweep and logs what it did and which files stay in the queue. It
// is for the end of the program, after Run has returned. ctx should have a deadline.
func (a *Archiver) Drain(ctx context.Context) {
	report, err := a.Sweep(ctx)
	a.logReport(report, err, map[string]string{})
}

// logReport logs what a sweep did. It logs each file that stays in the queue, and
// the error of the sweep, only when its text changes. logged holds the texts of the
// last sweep by file name; logReport replaces them by those of this sweep.
func (a *Archiver) logReport(r Report, err error, logged map[string]string) {
	log := a.cfg.Logger
	if r.Archived+r.Resumed > 0 {
		log.Info("logs archived", "logs", r.Archived+r.Resumed, "bytes", r.Bytes)
	}
	if r.Expired > 0 {
		log.Info("archived logs removed", "logs", r.Expired, "bytes", r.Freed)
	}
	before := map[string]string{}
	maps.Copy(before, logged)
	clear(logged)
	for _, l := range r.Left {
		logged[l.Name] = l.Err.Error()
		if before[l.Name] != logged[l.Name] {
			log.Warn("file left in the log queue", "file", l.Name, "err", l.Err)
		}
	}
	if err != nil {
		logged[""] = err.Error() // no file has this name
		if before[""] != logged[""] {
			log.Warn("log queue not archived", "err", err)
		}
	}
}
