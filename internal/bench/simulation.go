package bench

import (
	"context"
	"fmt"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/sim"
)

// simulateFor is how long the simulator is measured, on one core.
const simulateFor = 3 * time.Second

// simulation measures how fast clusters are simulated, one cluster per seed. A
// broken promise that a simulation finds is an error.
func simulation(context.Context, string) ([]figure, error) {
	seeds, steps := 0, 0
	began := time.Now()
	for ; time.Since(began) < simulateFor; seeds++ {
		r := sim.Run(uint64(seeds+1), sim.Config{})
		if r.Failure != nil {
			return nil, fmt.Errorf("simulate: %w", r.Failure)
		}
		steps += r.Steps
	}
	took := time.Since(began).Seconds()
	return []figure{
		{what: "simulated cluster, one core", value: float64(seeds) / took, unit: "seeds/s"},
		{what: "simulated cluster, one core", value: float64(steps) / took, unit: "steps/s"},
	}, nil
}
