package agent

import (
	"cmp"
	"time"
)

// lastStop has the times of a Shutdown that must end in time. The zero value sets no time.
type lastStop struct {
	gate time.Duration // as Config.StopGate, if that is longer
	kill time.Time     // when processes are killed that have not ended
	end  time.Time     // when the agent ends even if a process has not
}

// endBy returns the times of a Shutdown. Each tier may hold up the next one for a quarter of
// the time, so that loggers are asked before it is over. The last tenth is for the ends of
// processes that are killed.
func endBy(now time.Time, within time.Duration) lastStop {
	if within <= 0 {
		return lastStop{}
	}
	return lastStop{within / tierCount, now.Add(within - within/10), now.Add(within)}
}

// within returns the time that a process may still take to end. Zero means that the Shutdown
// does not bound it.
func (l lastStop) within(now time.Time) time.Duration {
	if l.kill.IsZero() {
		return 0
	}
	return max(l.kill.Sub(now), time.Millisecond)
}

// stopGate returns how long a process that is to end may hold up others.
func (l lastStop) stopGate(cfg *Config) time.Duration {
	return min(cmp.Or(l.gate, cfg.StopGate), cfg.StopGate)
}

// over reports whether the agent must end now.
func (l lastStop) over(now time.Time) bool { return !l.end.IsZero() && !now.Before(l.end) }
