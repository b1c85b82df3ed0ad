package bus

import (
	"log/slog"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/lazy"
)

// RetryLog logs the attempts to keep one connection. If attempts keep failing, it
// logs only a few failures an hour. One goroutine at a time may use it.
type RetryLog struct {
	Log *slog.Logger
	// With is the kind of the other side, "peer" or "node". Each message begins
	// with it.
	With string

	outage outage
	// brief says that the last connection has ended within minConnected. Then the
	// next connection is logged only after it has lasted. Otherwise each attempt
	// would be logged if the other side ends every connection at once.
	brief bool
}

// minConnected is the time that a connection must last to end an outage.
const minConnected = 5 * time.Second

// Failed says that an attempt has failed.
func (l *RetryLog) Failed(err error) { l.failed(" not reached", err) }

func (l *RetryLog) failed(how string, err error) {
	if tell, lasted := l.outage.failed(time.Now(), err); tell {
		l.Log.Warn(l.With+how, "for", lasted.Round(time.Second), "err", err)
	}
}

// NotNeeded says that the connection is not needed now. The next failure begins a
// new outage.
func (l *RetryLog) NotNeeded() { l.outage, l.brief = outage{}, false }

// Connected says that an attempt has succeeded. The caller calls ended when the
// connection is over, with the reason and whether this side wanted the end.
func (l *RetryLog) Connected(attrs ...any) (ended func(err error, wanted bool)) {
	began := time.Now()
	settle := l.logConnected(attrs)
	return func(err error, wanted bool) {
		settle()
		switch lasted := time.Since(began) >= minConnected; {
		case wanted:
		case lasted || !l.brief:
			l.outage, l.brief = outage{}, !lasted
			l.Log.Info(l.With+" disconnected", endKey(err), err)
		default:
			l.failed(" does not stay connected", err)
		}
	}
}

// logConnected logs a new connection: at once, or after minConnected if the last
// connection was brief. The caller calls settle at the end of the connection;
// settle stops the timer, or waits until it has logged.
func (l *RetryLog) logConnected(attrs []any) (settle func()) {
	before := l.outage
	log := func() {
		if told, lasted := before.over(time.Now()); told {
			l.Log.Warn(l.With+" reached after all", append(attrs, "for", lasted.Round(time.Second))...)
		} else {
			l.Log.Info(l.With+" connected", attrs...)
		}
	}
	if !l.brief {
		l.outage = outage{}
		log()
		return func() {}
	}
	logged := make(chan struct{})
	timer := time.AfterFunc(minConnected, func() {
		defer close(logged)
		log()
	})
	return func() {
		if !timer.Stop() {
			<-logged
		}
	}
}

// outage is a time in which every attempt fails. It decides which failures are
// logged: the first, later ones at growing intervals, and the first ones of each
// new kind. The zero outage has not begun.
type outage struct {
	since time.Time // zero: it has not begun
	next  time.Time // from then on the next failure of any kind is logged
	told  int       // failures that were logged because next had come
	kinds []string  // of the failures that were logged
}

// outageIntervals are the intervals between two failures that are logged. The
// last one is repeated.
var outageIntervals = []time.Duration{time.Minute, 10 * time.Minute, time.Hour}

// maxKinds bounds the failures of one outage that are logged because their kind is
// new.
const maxKinds = 5

// failed says that an attempt has failed. It reports whether to log the failure,
// and how long the outage has lasted.
func (o *outage) failed(now time.Time, err error) (tell bool, lasted time.Duration) {
	if o.since.IsZero() {
		o.since, o.next = now, now
	}
	lasted = now.Sub(o.since)
	due := !now.Before(o.next)
	kind := failureKind(err)
	if fresh := !slices.Contains(o.kinds, kind) && len(o.kinds) < maxKinds; fresh {
		o.kinds = append(o.kinds, kind)
	} else if !due {
		return false, lasted
	}
	if due {
		o.next = now.Add(outageIntervals[min(o.told, len(outageIntervals)-1)])
		o.told++
	}
	return true, lasted
}

// over reports whether the outage has begun, and how long it has lasted. The first
// failure of an outage is always logged.
func (o *outage) over(now time.Time) (told bool, lasted time.Duration) {
	return !o.since.IsZero(), now.Sub(o.since)
}

var numbers = lazy.Regexp(`[0-9]+`)

// failureKind returns the text of err without its numbers. So failures that differ
// only in ports or times have the same kind.
func failureKind(err error) string { return numbers().ReplaceAllString(err.Error(), "#") }
