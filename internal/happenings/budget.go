package happenings

import "time"

// budget says how many happenings an instance may still have.
type budget struct {
	left      float64
	at        time.Time // when left was right
	burst     float64
	perSecond float64
}

func newBudget(now time.Time, burst, perSecond int) *budget {
	return &budget{left: float64(burst), at: now, burst: float64(burst), perSecond: float64(perSecond)}
}

func (b *budget) refill(now time.Time) {
	if passed := now.Sub(b.at); passed > 0 {
		b.left = min(b.burst, b.left+passed.Seconds()*b.perSecond)
		b.at = now
	}
}

func (b *budget) full(now time.Time) bool {
	b.refill(now)
	return b.left >= b.burst
}

// take takes n from the budget. It takes nothing and returns false if there is too little.
func (b *budget) take(now time.Time, n int) bool {
	b.refill(now)
	if b.left < float64(n) {
		return false
	}
	b.left -= float64(n)
	return true
}

// owe takes n from the budget, even if there is too little. It returns how long it takes
// until there is something again.
func (b *budget) owe(now time.Time, n int) time.Duration {
	b.refill(now)
	b.left -= float64(n)
	if b.left >= 0 {
		return 0
	}
	return time.Duration(-b.left / b.perSecond * float64(time.Second))
}
