package sim_test

import (
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/sim"
)

// TestPromisesHoldWhateverHappens runs the same seeds every time, and one that
// nobody has run before.
func TestPromisesHoldWhateverHappens(t *testing.T) {
	fresh := rand.Uint64()
	t.Logf("fresh seed: %d", fresh)
	seeds := []uint64{fresh}
	for seed := range uint64(fixedSeeds()) {
		seeds = append(seeds, seed)
	}
	steps := 0
	for _, seed := range seeds {
		r := sim.Run(seed, sim.Config{})
		steps += r.Steps
		if r.Failure != nil {
			t.Fatal("\n" + r.Failure.Text())
		}
	}
	t.Logf("%d steps of %d seeds", steps, len(seeds))
}

// Each of these seeds has broken a promise.
func TestSeedsThatHaveFailedPass(t *testing.T) {
	for _, seed := range []uint64{
		2019,    // an agent did not hear of a term that rose while a connection came up
		1000838, // a controller was paused between the answer of the store and the beginning of its term
		1000904, // a controller that was paused gave the number of an operation of another controller to its own
	} {
		if r := sim.Run(seed, sim.Config{Controllers: 3}); r.Failure != nil {
			t.Error("\n" + r.Failure.Text())
		}
	}
}

// fixedSeeds is how many seeds every test runs.
func fixedSeeds() int {
	if testing.Short() {
		return 20
	}
	return 120
}

func TestSameSeedIsSameRun(t *testing.T) {
	for seed := range uint64(8) {
		first, second := sim.Trace(seed, sim.Config{}), sim.Trace(seed, sim.Config{})
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatalf("seed %d, two runs (-first +second):\n%s", seed, diff)
		}
	}
}

func TestOtherSeedIsOtherRun(t *testing.T) {
	if a, b := sim.Run(1, sim.Config{}), sim.Run(2, sim.Config{}); a.Steps == b.Steps && a.Time == b.Time {
		t.Errorf("seeds 1 and 2 both have %d steps in %v", a.Steps, a.Time)
	}
}

func BenchmarkSteps(b *testing.B) {
	steps, seed := 0, uint64(0)
	for b.Loop() {
		steps += sim.Run(seed, sim.Config{}).Steps
		seed++
	}
	b.ReportMetric(float64(steps)/b.Elapsed().Seconds(), "steps/s")
	b.ReportMetric(float64(seed)/b.Elapsed().Seconds(), "seeds/s")
}
