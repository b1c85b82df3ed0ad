package bus

import (
	"log/slog"
	"regexp"
	"slices"
	"time"
)

// Contact logs what becomes of one connection that is tried again and again: every
// failure to make it, but no more than a few times an hour. It belongs to one
// goroutine.
type Contact struct {
	Log *slog.Logger
	// With is what there is a connection with, "peer" or "node": the first word of
	// what is logged.
	With string

	outage outage
	// fleeting says that the last connection was over at once. The next one counts
	// for nothing before it has lasted, or both would be logged again and again.
	fleeting bool
}

// lasting is how long a connection has to last to be one.
const lasting = 5 * time.Second

// Missed says that an attempt has failed.
func (c *Contact) Missed(err error) { c.failed(" not reached", err) }

func (c *Contact) failed(how string, err error) {
	if tell, lasted := c.outage.failed(time.Now(), err); tell {
		c.Log.Warn(c.With+how, "for", lasted.Round(time.Second), "err", err)
	}
}

// Moot says that the connection is not needed at present.
func (c *Contact) Moot() { c.outage, c.fleeting = outage{}, false }

// Made says that the connection is there. The function returned is to be called
// when it is over, and says why, and whether this side wanted it so.
func (c *Contact) Made(attrs ...any) (ended func(err error, wanted bool)) {
	began := time.Now()
	before := c.outage
	say := func() {
		if told, lasted := before.over(time.Now()); told {
			c.Log.Warn(c.With+" reached after all", append(attrs, "for", lasted.Round(time.Second))...)
		} else {
			c.Log.Info(c.With+" connected", attrs...)
		}
	}
	settle := func() {}
	if c.fleeting {
		said := make(chan struct{})
		timer := time.AfterFunc(lasting, func() {
			defer close(said)
			say()
		})
		settle = func() {
			if !timer.Stop() {
				<-said
			}
		}
	} else {
		c.outage = outage{}
		say()
	}
	return func(err error, wanted bool) {
		settle()
		switch lasted := time.Since(began) >= lasting; {
		case wanted:
		case lasted || !c.fleeting:
			c.outage, c.fleeting = outage{}, !lasted
			c.Log.Info(c.With+" disconnected", endKey(err), err)
		default:
			c.failed(" does not stay connected", err)
		}
	}
}

// outage is the time for which a connection is not made, however often that is
// tried. It says which of the failures are worth telling: the first, others at
// growing intervals, and each of another kind. The zero outage is over.
type outage struct {
	since time.Time // zero: it is over
	next  time.Time // when the next failure is told, whatever it is
	told  int       // failures at such times
	kinds []string  // of failures that were told
}

// The intervals from one failure that is told to the next; the last is repeated.
var outageIntervals = []time.Duration{time.Minute, 10 * time.Minute, time.Hour}

// maxKinds bounds the kinds of failures that are told of one outage for being new.
const maxKinds = 5

// failed says that an attempt has failed. It reports whether that is to be told,
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

// over reports whether there was an outage of which something was told, and how
// long it has lasted.
func (o *outage) over(now time.Time) (told bool, lasted time.Duration) {
	return !o.since.IsZero(), now.Sub(o.since)
}

var numbers = regexp.MustCompile(`[0-9]+`)

// failureKind is what two failures have in common that differ in ports or times.
func failureKind(err error) string { return numbers.ReplaceAllString(err.Error(), "#") }
