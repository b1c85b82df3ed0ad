package sim

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// A controller that takes every user for an admin must be found out, by each of its
// effects. Otherwise the check of warrants is worth nothing.
func TestEffectsThatNobodyWasAllowedToAskForAreFoundOut(t *testing.T) {
	missing := map[string]bool{
		"is staged by": true, "has begun to deploy": true, "has begun to restart": true,
		"asks nodes": true, "controller answers": true,
	}
	for seed := uint64(0); len(missing) > 0; seed++ {
		if seed == 1000 {
			t.Fatalf("1000 seeds have not shown that these are noticed: %v", missing)
		}
		w := newWorld(rand.New(rand.NewPCG(seed, 0)), terms{})
		w.gullible = true
		r := run(w, seed, Config{Steps: 500})
		if r.Failure == nil {
			continue // nobody asked for what they may not do
		}
		if !strings.Contains(r.Failure.What, "without a request") {
			t.Errorf("seed %d: %s", seed, r.Failure.What)
		}
		for effect := range missing {
			if strings.Contains(r.Failure.What, effect) {
				delete(missing, effect)
			}
		}
	}
}
