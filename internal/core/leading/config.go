package leading

import (
	"cmp"
	"time"
)

// Config has the times of a Machine. Name is required; the rest has defaults.
type Config struct {
	// Name is the name of this controller.
	Name string
	// SessionTTL is how long the store believes that this controller lives after a renewal.
	// Zero means 5 s.
	SessionTTL time.Duration
	// Renew is how often the session is renewed. Zero means 1 s.
	Renew time.Duration
	// Margin is how long before the session could have ended the own lead counts as lost. Zero
	// means 1 s.
	Margin time.Duration
	// Pulse is how often the controller that leads is asked. Zero means 500 ms.
	Pulse time.Duration
	// Silence is after what time without an answer this controller doubts the one that leads.
	// Zero means 1.5 s.
	Silence time.Duration
	// RefusedInARow is how many refusals in a row have the same effect. Zero means 2.
	RefusedInARow int
	// Count is how often members are counted while the one that leads is doubted. Zero means
	// 500 ms.
	Count time.Duration
	// Rest is how long this controller does not take the lead after it has resigned. After a
	// term that failed the time doubles each time, up to MaxRest. Zero means 5 s and 30 s.
	Rest, MaxRest time.Duration
	// Heir is how long a lead is left to the controller that the last one has named. Zero means
	// 1 s.
	Heir time.Duration
	// Distrust is how long this controller does not doubt others after enough members have doubted
	// it, unless it hears the one that leads: so two that cannot hear each other do not take turns.
	// Zero means 30 s.
	Distrust time.Duration
	// Unfit is how long nobody leads before a controller takes the lead that has no vote or
	// whose copies are behind. Zero means 5 s.
	Unfit time.Duration
	// Retry is the pause after a call that failed. It doubles with each failure, up to MaxRetry.
	// A part of it is by chance. Zero means 100 ms and 1 s.
	Retry, MaxRetry time.Duration
	// Close is how long a term may take to close before the lead is resigned all the same.
	// Zero means 2 s.
	Close time.Duration
	// Stop is how long the end of the Machine may take. Zero means 5 s.
	Stop time.Duration
	// Sound is how long a term lasts that makes up for those that failed. Zero means 1 min.
	Sound time.Duration
}

func (c Config) withDefaults() Config {
	c.SessionTTL = cmp.Or(c.SessionTTL, 5*time.Second)
	c.Renew = cmp.Or(c.Renew, time.Second)
	c.Margin = cmp.Or(c.Margin, time.Second)
	c.Pulse = cmp.Or(c.Pulse, 500*time.Millisecond)
	c.Silence = cmp.Or(c.Silence, 1500*time.Millisecond)
	c.RefusedInARow = cmp.Or(c.RefusedInARow, 2)
	c.Count = cmp.Or(c.Count, 500*time.Millisecond)
	c.Rest = cmp.Or(c.Rest, 5*time.Second)
	c.MaxRest = cmp.Or(c.MaxRest, 30*time.Second)
	c.Heir = cmp.Or(c.Heir, time.Second)
	c.Distrust = cmp.Or(c.Distrust, 30*time.Second)
	c.Unfit = cmp.Or(c.Unfit, 5*time.Second)
	c.Retry = cmp.Or(c.Retry, 100*time.Millisecond)
	c.MaxRetry = cmp.Or(c.MaxRetry, time.Second)
	c.Close = cmp.Or(c.Close, 2*time.Second)
	c.Stop = cmp.Or(c.Stop, 5*time.Second)
	c.Sound = cmp.Or(c.Sound, time.Minute)
	return c
}

// MaxTerm bounds the terms that agents may name. A greater one is ignored, so that nobody can
// use up all terms.
const MaxTerm = 1 << 62

// freshWatch is how long the watch may disagree with an answer of the store before it begins anew.
const freshWatch = time.Second

// slowClose is after what time it is noted that a term does not close.
const slowClose = 10 * time.Second

// Needed returns how many members must doubt a lead before it is ended. live counts the members
// with a session, without the one that leads.
func Needed(voters, live int) int { return max(1, min(live, voters/2+1)) }
