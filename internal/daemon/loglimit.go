package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"
	"unicode/utf8"
)

// Strangers can cause log lines, and must not fill a disk with them. The constant
// message of a line is its kind. Each kind has a budget of lines and a budget of
// bytes. All kinds together have a budget of bytes. A budget is full at first,
// and something is added to it in each interval. The next line that is written
// says how many lines were left out.
const (
	logInterval   = time.Second
	logLines      = 1000      // of a kind at once; one more is earned per interval
	logBytes      = 512 << 10 // of a kind at once
	logBytesEarn  = 1 << 10   // of a kind, per interval
	logTotal      = 4 << 20   // of all kinds at once
	logTotalEarn  = 4 << 10   // of all kinds, per interval
	logOwn        = 16 << 10  // of a kind, even if other kinds have used up the total
	logMaxKinds   = 1000      // beyond, all others count as one
	logAttribute  = 1 << 10   // bytes of one attribute; the rest is cut off
	logLineBytes  = 64        // what time and level add to a line
	logMaxMembers = 64        // attributes of one line, and of one group
)

// limitedLog returns a logger with these limits. Lines of level Debug have no
// budget. Attributes are cut at every level.
func limitedLog(log *slog.Logger) *slog.Logger {
	budgets := &logBudgets{kinds: map[string]*logBudget{}}
	budgets.total.fill(logTotal)
	return slog.New(logLimiter{log.Handler(), budgets, 0})
}

// logLimiter is a slog.Handler.
type logLimiter struct {
	slog.Handler
	budgets *logBudgets
	given   int // bytes of the attributes of WithAttrs, which every line has
}

type logBudgets struct {
	mu    sync.Mutex
	kinds map[string]*logBudget // by message
	total amount                // bytes
}

type logBudget struct {
	lines, bytes amount
	suppressed   int64
}

// amount is the rest of a budget.
type amount struct {
	left  int
	since time.Time // when left was right; zero before the first earn
}

func (a *amount) fill(n int) { a.left = n }

// earn adds what was earned since the last call, up to full.
func (a *amount) earn(now time.Time, each, full int) {
	if a.since.IsZero() {
		a.since = now
	}
	if n := int(now.Sub(a.since) / logInterval); n > 0 {
		a.left = min(a.left+min(n, full)*each, full)
		a.since = a.since.Add(time.Duration(n) * logInterval)
	}
}

func (l logLimiter) Handle(ctx context.Context, r slog.Record) error {
	r, size := cutRecord(r)
	if r.Level > slog.LevelDebug {
		ok, suppressed := l.budgets.spend(r.Message, size+l.given, r.Time)
		if !ok {
			return nil
		}
		if suppressed > 0 {
			r.AddAttrs(slog.Int64("suppressed", suppressed))
		}
	}
	return l.Handler.Handle(ctx, r)
}

// spend reports whether a line of that many bytes may be written, and how many
// lines of its kind were left out since the last one.
func (b *logBudgets) spend(kind string, size int, now time.Time) (ok bool, suppressed int64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.kind(kind)
	k.lines.earn(now, 1, logLines)
	k.bytes.earn(now, logBytesEarn, logBytes)
	b.total.earn(now, logTotalEarn, logTotal)
	// A kind that is seldom logged is not lost because of a kind that is often
	// logged.
	own := k.bytes.left > logBytes-logOwn
	if k.lines.left <= 0 || k.bytes.left <= 0 || b.total.left <= 0 && !own {
		k.suppressed++
		return false, 0
	}
	k.lines.left--
	k.bytes.left -= size
	b.total.left = max(b.total.left-size, -logTotal)
	suppressed, k.suppressed = k.suppressed, 0
	return true, suppressed
}

func (b *logBudgets) kind(name string) *logBudget {
	k := b.kinds[name]
	if k == nil && len(b.kinds) >= logMaxKinds {
		name = ""
		k = b.kinds[name]
	}
	if k == nil {
		k = new(logBudget)
		k.lines.fill(logLines)
		k.bytes.fill(logBytes)
		b.kinds[name] = k
	}
	return k
}

func (l logLimiter) WithAttrs(attrs []slog.Attr) slog.Handler {
	cut, size := cutAttrs(attrs)
	return logLimiter{l.Handler.WithAttrs(cut), l.budgets, l.given + size}
}

func (l logLimiter) WithGroup(name string) slog.Handler {
	return logLimiter{l.Handler.WithGroup(name), l.budgets, l.given}
}

// cutRecord returns r with attributes of limited length, and the approximate
// length of its line in bytes.
func cutRecord(r slog.Record) (slog.Record, int) {
	all := make([]slog.Attr, 0, r.NumAttrs())
	r.Attrs(func(a slog.Attr) bool {
		all = append(all, a)
		return true
	})
	all, size := cutAttrs(all)
	short := slog.NewRecord(r.Time, r.Level, r.Message, r.PC)
	short.AddAttrs(all...)
	return short, logLineBytes + len(r.Message) + size
}

func cutAttrs(attrs []slog.Attr) (cut []slog.Attr, size int) {
	if len(attrs) > logMaxMembers {
		left := len(attrs) - logMaxMembers
		attrs = append(attrs[:logMaxMembers:logMaxMembers], slog.Int("omitted", left))
	}
	cut = make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		var n int
		cut[i].Key = a.Key
		cut[i].Value, n = cutValue(a.Value.Resolve())
		size += len(a.Key) + n
	}
	return cut, size
}

func cutValue(v slog.Value) (slog.Value, int) {
	switch v.Kind() {
	case slog.KindString:
		text := cutText(v.String())
		return slog.StringValue(text), len(text)
	case slog.KindGroup:
		members, size := cutAttrs(v.Group())
		return slog.GroupValue(members...), size
	case slog.KindAny:
		// Any other value is written as text, if the text is long.
		text := fmt.Sprint(v.Any())
		if len(text) <= logAttribute {
			return v, len(text)
		}
		text = cutText(text)
		return slog.StringValue(text), len(text)
	}
	return v, len(v.String())
}

// cutText returns the beginning of a text that is too long, and says how much is
// missing.
func cutText(s string) string {
	if len(s) <= logAttribute {
		return s
	}
	n := logAttribute
	for n > logAttribute-utf8.UTFMax && !utf8.RuneStart(s[n]) {
		n--
	}
	return fmt.Sprintf("%s… (%d bytes cut)", s[:n], len(s)-n)
}
