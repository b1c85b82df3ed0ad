package bus

import (
	"log/slog"
	"time"
)

// Throttle bounds how often something is said: Burst times at once, and once more
// for each Interval that passes. It is not safe for concurrent use.
type Throttle struct {
	Burst    int
	Interval time.Duration

	spent time.Time // when everything that was said will have been earned
	held  int       // back since something was said last
}

// Next reports whether to say it now, and how often it was not said since the
// last time.
func (t *Throttle) Next(now time.Time) (ok bool, held int) {
	if t.spent.Before(now) {
		t.spent = now
	}
	if t.spent.Sub(now) > time.Duration(t.Burst-1)*t.Interval {
		t.held++
		return false, 0
	}
	t.spent = t.spent.Add(t.Interval)
	held, t.held = t.held, 0
	return true, held
}

// Warn logs a warning, unless it was logged too often. The next one that is logged
// says in "unlogged" how many were not.
func (t *Throttle) Warn(log *slog.Logger, msg string, attrs ...any) {
	ok, unlogged := t.Next(time.Now())
	if !ok {
		return
	}
	if unlogged > 0 {
		attrs = append(attrs, "unlogged", unlogged)
	}
	log.Warn(msg, attrs...)
}
