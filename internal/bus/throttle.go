package bus

import "time"

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
