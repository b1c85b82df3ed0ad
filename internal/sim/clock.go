package sim

import "time"

// epoch is the time at which every world begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// clock is the wall clock of a program from its start to its end. It does not jump
// meanwhile, because programs measure with the monotonic clock.
type clock struct{ offset time.Duration }

// read returns the wall clock's time at a time of the world.
func (c clock) read(now time.Duration) time.Time { return epoch.Add(now + c.offset) }

// newClock returns the clock of a program that starts. Somebody may have set the
// clock since the program ran last.
func (e *environment) newClock(c clock) clock {
	if e.chance(e.mood.clockJumps) {
		return clock{e.between(0, 2*time.Hour) - time.Hour}
	}
	return c
}

// alarm calls a core's Tick when it is due.
type alarm struct {
	armed time.Duration // when the alarm asks the core next, if it is set
	set   bool
}

// arm sets the alarm for the time that m wants to be woken at. Then tick is called,
// if alive still holds.
func (e *environment) arm(a *alarm, c clock, m interface{ NextWake() (time.Time, bool) }, alive func() bool, tick func()) {
	wake, ok := m.NextWake()
	if !ok {
		return
	}
	at := e.now + max(0, wake.Sub(c.read(e.now)))
	if a.set && a.armed <= at {
		return
	}
	if e.mood.lateTicks > 0 {
		at += e.between(0, e.mood.lateTicks)
	}
	a.armed, a.set = at, true
	e.at(at, func() {
		if !alive() || !a.set || a.armed != at {
			return
		}
		a.set = false
		if wake, ok := m.NextWake(); !ok || wake.After(c.read(e.now)) {
			e.arm(a, c, m, alive, tick)
			return
		}
		tick()
	})
}
