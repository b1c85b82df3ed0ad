package daemon

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// Strangers can have much logged, and must not fill a disk with it. So each kind
// of line, which its constant message names, is logged so many times, and once
// per interval from then on. The next line that passes says how many did not.
const (
	logBurst    = 1000
	logInterval = time.Second
)

// limitedLog returns a logger that obeys these limits. Lines of level Debug have
// none.
func limitedLog(log *slog.Logger) *slog.Logger {
	return slog.New(logLimiter{log.Handler(), &logBudgets{kinds: map[string]*logBudget{}}})
}

// logLimiter is a slog.Handler.
type logLimiter struct {
	slog.Handler
	budgets *logBudgets
}

type logBudgets struct {
	mu    sync.Mutex
	kinds map[string]*logBudget // by message
}

type logBudget struct {
	left       int
	since      time.Time // when left was right
	suppressed int64
}

func (l logLimiter) Handle(ctx context.Context, r slog.Record) error {
	if r.Level > slog.LevelDebug {
		ok, suppressed := l.budgets.spend(r.Message, r.Time)
		if !ok {
			return nil
		}
		if suppressed > 0 {
			r = r.Clone()
			r.AddAttrs(slog.Int64("suppressed", suppressed))
		}
	}
	return l.Handler.Handle(ctx, r)
}

// spend reports whether a line may be logged, and how many like it were not
// since the last one.
func (b *logBudgets) spend(kind string, now time.Time) (ok bool, suppressed int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.kinds[kind]
	if k == nil {
		k = &logBudget{left: logBurst, since: now}
		b.kinds[kind] = k
	}
	if earned := int(now.Sub(k.since) / logInterval); earned > 0 {
		k.left = min(k.left+earned, logBurst)
		k.since = k.since.Add(time.Duration(earned) * logInterval)
	}
	if k.left <= 0 {
		k.suppressed++
		return false, 0
	}
	k.left--
	suppressed, k.suppressed = k.suppressed, 0
	return true, suppressed
}

func (l logLimiter) WithAttrs(attrs []slog.Attr) slog.Handler {
	return logLimiter{l.Handler.WithAttrs(attrs), l.budgets}
}

func (l logLimiter) WithGroup(name string) slog.Handler {
	return logLimiter{l.Handler.WithGroup(name), l.budgets}
}
