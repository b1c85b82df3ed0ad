package controller

import (
	"math/rand/v2"
	"time"
)

// Machine is the controller's decisions.
type Machine struct {
	cfg   Config
	rng   *rand.Rand
	state State
}

// New returns the machine of a controller that saved this state when it last
// ran, or the zero State. All chance comes from rng.
func New(cfg Config, saved State, rng *rand.Rand) *Machine {
	return &Machine{cfg: cfg.withDefaults(), rng: rng, state: saved}
}

// Step applies ev and returns what must now be done, in order.
func (m *Machine) Step(now time.Time, ev Event) []Effect { return nil }

// NextWake returns when a Tick is needed if nothing happens before, and false
// if none is. Before the first Step it is the zero time: at once.
func (m *Machine) NextWake() (time.Time, bool) { return time.Time{}, false }
