package agent

import (
	"math/rand/v2"
	"time"
)

// delay returns how long to wait after this number of failures in a row. The
// number is at least one.
func (b Backoff) delay(failures int, rng *rand.Rand) time.Duration {
	if failures >= b.GiveUp {
		return b.Retry
	}
	d := b.First
	for range (failures - 1) / 3 {
		d = min(2*d, b.Max) // cannot overflow before it is capped
	}
	if b.Jitter > 0 {
		d += time.Duration(float64(d) * b.Jitter * (2*rng.Float64() - 1))
	}
	return min(d, b.Max)
}
