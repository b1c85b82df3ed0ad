package bus

import (
	"log/slog"
	"sync"
	"time"
)

// Throttle bounds how often a message is logged. It allows Burst messages at
// once, and one more for each Interval that passes. It is safe for concurrent use
// and must not be copied.
type Throttle struct {
	Burst    int
	Interval time.Duration

	mu    sync.Mutex
	spent time.Time // the time at which all messages so far will be paid for
	held  int       // messages that were not logged since the last that was
}

// next reports whether the next message is to be logged. If so, held is the
// number of messages that were not logged since the last one that was.
func (t *Throttle) next(now time.Time) (ok bool, held int) {
	t.mu.Lock()
	defer t.mu.Unlock()
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

// Warn logs a warning, if the bounds allow it. The attribute "unlogged" says how many
// warnings were not logged since the last one that was.
func (t *Throttle) Warn(log *slog.Logger, msg string, attrs ...any) {
	ok, unlogged := t.next(time.Now())
	if !ok {
		return
	}
	if unlogged > 0 {
		attrs = append(attrs, "unlogged", unlogged)
	}
	log.Warn(msg, attrs...)
}
