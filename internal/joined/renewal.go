package joined

import (
	"fmt"
	"time"
)

// RenewalConfig has the times of a Renewal. Its zero value works.
type RenewalConfig struct {
	// Answer is how long an answer may take. Zero means 10 s.
	Answer time.Duration
	// FirstRetry is the pause after the first failure. It doubles with each further
	// failure, up to MaxRetry, and is at most a tenth of the life that is left. Zero
	// means 1 s and 1 h.
	FirstRetry, MaxRetry time.Duration
	// Chance returns a number from 0 up to 1, by chance. A renewal comes earlier by up to a
	// twentieth of the life, and a retry later by up to half of its pause, so that many
	// agents do not ask in the same second. Nil means 0.
	Chance func() float64
}

// leastRetry is the shortest pause between two attempts.
const leastRetry = 500 * time.Millisecond

func (c RenewalConfig) withDefaults() RenewalConfig {
	if c.Answer == 0 {
		c.Answer = 10 * time.Second
	}
	if c.FirstRetry == 0 {
		c.FirstRetry = time.Second
	}
	if c.MaxRetry == 0 {
		c.MaxRetry = time.Hour
	}
	if c.Chance == nil {
		c.Chance = func() float64 { return 0 }
	}
	return c
}

// Renewal decides when an agent asks for a new certificate: before two thirds of the life
// of the one that it has are over, at once when the cluster has a new authority, and again after
// a failure.
type Renewal struct {
	cfg               RenewalConfig
	received, expires time.Time
	due               time.Time // of the next attempt
	connected         bool
	deadline          time.Time // of the answer; zero: nobody was asked
	failures          int
	why               string    // the last failure
	warn              time.Time // of the next warning; zero: there is none
}

// RenewalEvent is something that happened. The set is closed.
type RenewalEvent interface{ isRenewalEvent() }

type (
	// Holds says which certificate the agent has from now on. Outdated says that it must
	// be renewed at once.
	Holds struct {
		Received, Expires time.Time
		Outdated          bool
	}
	// Connected says whether somebody can be asked.
	Connected struct{ Yes bool }
	// Failed says that an attempt failed.
	Failed struct{ Why string }
	// Urgent says that the certificate must be renewed at once.
	Urgent struct{}
	// TimePassed says that the time of NextWake has come.
	TimePassed struct{}
)

func (Holds) isRenewalEvent()      {}
func (Connected) isRenewalEvent()  {}
func (Failed) isRenewalEvent()     {}
func (Urgent) isRenewalEvent()     {}
func (TimePassed) isRenewalEvent() {}

// RenewalEffect is what must now be done.
type RenewalEffect struct {
	// Ask says that the agent asks for a new certificate.
	Ask bool
	// Failed is why the last attempt has failed, for the log. It is empty unless an
	// attempt has just failed.
	Failed string
	// Warning is what somebody should look at. It is empty if there is nothing.
	Warning string
}

// NewRenewal returns a machine that knows no certificate yet.
func NewRenewal(cfg RenewalConfig) *Renewal { return &Renewal{cfg: cfg.withDefaults()} }

// Step applies ev and returns what must now be done.
func (r *Renewal) Step(now time.Time, ev RenewalEvent) (done RenewalEffect) {
	switch ev := ev.(type) {
	case Holds:
		r.holds(now, ev)
	case Connected:
		if r.connected && !ev.Yes && !r.deadline.IsZero() {
			r.deadline = time.Time{} // whoever is asked next answers; nothing has failed
		}
		r.connected = ev.Yes
	case Failed:
		if !r.deadline.IsZero() {
			done.Failed = r.fail(now, ev.Why)
		}
	case Urgent:
		r.due = now
	case TimePassed:
		if !r.deadline.IsZero() && !now.Before(r.deadline) {
			done.Failed = r.fail(now, "the controller does not answer")
		}
	default:
		panic(fmt.Sprintf("joined: unhandled event %T", ev))
	}
	if r.connected && r.deadline.IsZero() && !r.due.IsZero() && !now.Before(r.due) {
		r.deadline = now.Add(r.cfg.Answer)
		done.Ask = true
	}
	done.Warning = r.warning(now)
	return done
}

// holds begins the life of a certificate.
func (r *Renewal) holds(now time.Time, c Holds) {
	renewed := !r.deadline.IsZero()
	life := c.Expires.Sub(c.Received)
	r.received, r.expires = c.Received, c.Expires
	r.due = c.Received.Add(life*2/3 - r.upTo(life/20))
	if c.Outdated && !renewed { // a controller that gives outdated ones is not asked again and again
		r.due = now
	}
	r.deadline, r.failures, r.why = time.Time{}, 0, ""
	r.warn = c.Expires.Add(-life / 6)
}

func (r *Renewal) fail(now time.Time, why string) string {
	r.deadline, r.why = time.Time{}, why
	r.failures++
	pause := r.cfg.MaxRetry
	if doubled := r.cfg.FirstRetry << min(r.failures-1, 20); doubled > 0 {
		pause = min(pause, doubled)
	}
	if left := r.expires.Sub(now); left > 0 {
		pause = min(pause, max(left/10, leastRetry))
	}
	pause = max(pause, leastRetry)
	r.due = now.Add(pause + r.upTo(pause/2))
	return why
}

// upTo returns a time between 0 and most, by chance.
func (r *Renewal) upTo(most time.Duration) time.Duration {
	return time.Duration(r.cfg.Chance() * float64(most))
}

// warning returns the warning that is due, and sets the time of the next one.
func (r *Renewal) warning(now time.Time) string {
	if r.warn.IsZero() || now.Before(r.warn) {
		return ""
	}
	left := r.expires.Sub(now)
	why := "no controller is connected"
	if r.connected {
		why = "the controller has not renewed it"
		if r.why != "" {
			why = r.why
		}
	}
	if left <= 0 {
		r.warn = time.Time{}
		return fmt.Sprintf("the certificate of this agent has expired, and this agent cannot connect any more: %s; "+
			"make a token on the controller (zeekfleet token create) and join again with --replace", why)
	}
	r.warn = now.Add(max(left*3/4, time.Second))
	if r.warn.After(r.expires) {
		r.warn = r.expires
	}
	return fmt.Sprintf("the certificate of this agent expires in %s and was not renewed: %s", brief(left), why)
}

// brief returns a time in the unit that fits.
func brief(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return fmt.Sprintf("%d days", int(d/(24*time.Hour)))
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", int(d/time.Hour))
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", int(d/time.Minute))
	}
	return d.Round(time.Second).String()
}

// NextWake returns when TimePassed must be told.
func (r *Renewal) NextWake() (time.Time, bool) {
	var next time.Time
	consider := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	consider(r.warn)
	switch {
	case !r.deadline.IsZero():
		consider(r.deadline)
	case r.connected:
		consider(r.due)
	}
	return next, !next.IsZero()
}
