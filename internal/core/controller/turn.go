package controller

import (
	"math/rand/v2"
	"time"
)

// turn is the Step that runs. All parts of a Machine share it.
type turn struct {
	now time.Time // of the Step that runs, or the last; zero before the first
	out []Effect  // of the Step that runs
	rng *rand.Rand
}

func (t *turn) emit(e Effect) { t.out = append(t.out, e) }

func (t *turn) note(n Note) { t.emit(n) }
