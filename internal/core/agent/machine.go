package agent

import (
	"math/rand/v2"
	"time"
)

// Machine is one agent's decisions.
type Machine struct {
	cfg Config
	rng *rand.Rand
}

// New returns the machine of an agent that saved this state when it last ran,
// or the zero State. All chance comes from rng.
func New(cfg Config, saved State, rng *rand.Rand) *Machine {
	return &Machine{cfg: cfg.withDefaults(), rng: rng}
}

// Step applies ev and returns what must now be done, in order.
func (m *Machine) Step(now time.Time, ev Event) []Effect { return nil }

// NextWake returns when a Tick is needed if nothing happens before, and false
// if none is.
func (m *Machine) NextWake() (time.Time, bool) { return time.Time{}, false }
