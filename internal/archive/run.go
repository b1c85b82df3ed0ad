package archive

import (
	"context"
	"maps"
	"sync"
	"time"
)

// Run archives what is in the queue, then whatever comes into it, at once unless
// Config.Periodic, until ctx is done, and returns ctx's cause then. What is in
// the queue at the end waits for the next run, or for Drain.
func (a *Archiver) Run(ctx context.Context) error {
	var watcher sync.WaitGroup
	defer watcher.Wait() // deferred first, so it runs after cancel
	watched, cancel := context.WithCancel(ctx)
	defer cancel()
	wake := make(chan struct{}, 1)
	if !a.cfg.Periodic {
		watcher.Go(func() {
			if err := a.watch(watched, a.cfg.Queue, wake); err != nil {
				a.cfg.Logger.Warn("log queue is not watched, only looked at from time to time", "err", err)
			}
		})
	}
	told := map[string]string{}
	timer := time.NewTimer(a.cfg.Interval)
	defer timer.Stop()
	for {
		report, err := a.Sweep(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		a.tell(report, err, told)
		timer.Reset(a.cfg.Interval)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-wake:
		case <-timer.C:
		}
	}
}

// Drain archives what is in the queue now, and logs what it did and what is left.
// It is for the end, when Run has returned and nobody comes back soon; ctx is to
// have a deadline.
func (a *Archiver) Drain(ctx context.Context) {
	report, err := a.Sweep(ctx)
	a.tell(report, err, map[string]string{})
}

// tell logs what a sweep did. What is left is told once; told has, by its name,
// what was told of each file that is still there.
func (a *Archiver) tell(r Report, err error, told map[string]string) {
	log := a.cfg.Logger
	if r.Archived+r.Resumed > 0 {
		log.Info("logs archived", "logs", r.Archived+r.Resumed, "bytes", r.Bytes)
	}
	if r.Expired > 0 {
		log.Info("archived logs removed", "logs", r.Expired, "bytes", r.Freed)
	}
	before := map[string]string{}
	maps.Copy(before, told)
	clear(told)
	for _, l := range r.Left {
		told[l.Name] = l.Err.Error()
		if before[l.Name] != told[l.Name] {
			log.Warn("file left in the log queue", "file", l.Name, "err", l.Err)
		}
	}
	if err != nil {
		told[""] = err.Error() // no file has this name
		if before[""] != told[""] {
			log.Warn("log queue not archived", "err", err)
		}
	}
}
