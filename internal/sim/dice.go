package sim

import (
	"math/rand/v2"
	"time"
)

// dice is the chance of a world.
type dice struct {
	rng    *rand.Rand
	steady bool // times are not left to chance
}

// chance returns true with this probability.
func (d *dice) chance(p float64) bool { return p > 0 && d.rng.Float64() < p }

// between returns a time from lo to hi. Short times are more likely: half of all
// draws are in the first quarter. Steady dice always return the first quarter's
// end.
func (d *dice) between(lo, hi time.Duration) time.Duration {
	if d.steady {
		return lo + (hi-lo)/4
	}
	f := d.rng.Float64()
	return lo + time.Duration(f*f*float64(hi-lo))
}

// source returns a source of chance for a core.
func (d *dice) source() *rand.Rand { return rand.New(rand.NewPCG(d.rng.Uint64(), d.rng.Uint64())) }

// pick returns one element of a list that is not empty.
func pick[T any](d *dice, from []T) T { return from[d.rng.IntN(len(from))] }
