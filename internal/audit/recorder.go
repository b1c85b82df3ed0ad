package audit

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Recorder writes the records of a daemon's parts. It turns repeated refusals into few
// records. If the log cannot be written, it says so once, and the daemon goes on. Any
// goroutine may use it. A nil Recorder records nothing.
type Recorder struct {
	log    appender
	logger *slog.Logger
	wake   chan struct{} // tells Run that there is something to do

	mu       sync.Mutex // guards what follows
	refusals *Refusals
	waiting  []mgmt.AuditRecord // for Run; at most maxWaiting
	err      error              // of the latest Append
}

type appender interface{ Append(mgmt.AuditRecord) error }

// NewRecorder returns a recorder for a log. A nil logger discards what it has to say.
func NewRecorder(log appender, logger *slog.Logger) *Recorder {
	return &Recorder{
		log: log, logger: cmp.Or(logger, slog.New(slog.DiscardHandler)),
		wake: make(chan struct{}, 1), refusals: NewRefusals(RefusalsConfig{}),
	}
}

// Record writes a record before it returns. A refusal that repeats an earlier one is
// only counted.
func (r *Recorder) Record(rec mgmt.AuditRecord) {
	if r == nil {
		return
	}
	list := []mgmt.AuditRecord{rec}
	if rec.Outcome == mgmt.AuditRefused {
		r.mu.Lock()
		list = r.refusals.Add(time.Now(), rec)
		r.mu.Unlock()
		r.poke()
	}
	r.write(list)
}

// Refused takes a refusal that Run writes. It does not wait for the disk.
func (r *Recorder) Refused(rec mgmt.AuditRecord) {
	if r == nil {
		return
	}
	r.mu.Lock()
	for _, due := range r.refusals.Add(time.Now(), rec) {
		if len(r.waiting) < maxWaiting {
			r.waiting = append(r.waiting, due)
		}
	}
	r.mu.Unlock()
	r.poke()
}

// maxWaiting bounds the refusals that wait for the disk. It is several minutes of as many
// as Refusals lets through. Later ones are lost.
const maxWaiting = 1000

func (r *Recorder) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// Run writes what Refused has taken, and the numbers of repeated refusals, until ctx is
// done. Then it writes the rest and returns the cause of ctx.
func (r *Recorder) Run(ctx context.Context) error {
	for {
		r.write(r.take(false))
		timer := time.NewTimer(r.untilNext())
		select {
		case <-ctx.Done():
			timer.Stop()
			r.write(r.take(true))
			return context.Cause(ctx)
		case <-r.wake:
			timer.Stop()
		case <-timer.C:
		}
	}
}

// take returns what is to be written now, or everything.
func (r *Recorder) take(all bool) []mgmt.AuditRecord {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := append(r.waiting, r.refusals.Due(time.Now())...)
	r.waiting = nil
	if all {
		list = append(list, r.refusals.Flush()...)
	}
	return list
}

// untilNext returns the time until a window ends. Without one it is an hour.
func (r *Recorder) untilNext() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	if at, ok := r.refusals.Next(); ok {
		return time.Until(at)
	}
	return time.Hour
}

func (r *Recorder) write(list []mgmt.AuditRecord) {
	for _, rec := range list {
		r.wrote(r.log.Append(rec))
	}
}

// wrote keeps the outcome of an Append, and logs it if it has changed.
func (r *Recorder) wrote(err error) {
	r.mu.Lock()
	before := r.err
	r.err = err
	r.mu.Unlock()
	switch {
	case err != nil && before == nil:
		r.logger.Error("the audit is not written: requests go on without it", "err", err)
	case err == nil && before != nil:
		r.logger.Info("the audit is written again")
	}
}

// Err returns why the latest record could not be written. It returns nil if that
// record was written.
func (r *Recorder) Err() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.err
}
