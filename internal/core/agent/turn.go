package agent

import (
	"math/rand/v2"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// turn is the Step that runs. All parts of the machine share it. They take the time
// and random numbers from it, and add their effects to it.
type turn struct {
	cfg Config
	rng *rand.Rand
	now time.Time
	out []Effect

	plans   madePlans
	moments uint64 // see moment
}

// begin starts the next Step.
func (t *turn) begin(now time.Time) { t.now, t.out = now, nil }

// emit adds an effect.
func (t *turn) emit(e Effect) { t.out = append(t.out, e) }

// tell sends msg to all controllers that subscribe to the agent's topic.
func (t *turn) tell(msg mgmt.Message) { t.emit(ToController{Msg: msg}) }

// moment returns the next number. Peerings and launches get one each, so that their
// order is known.
func (t *turn) moment() uint64 {
	t.moments++
	return t.moments
}

// wake keeps the earliest of several times.
type wake struct{ next time.Time }

func (w *wake) at(t time.Time) {
	if w.next.IsZero() || t.Before(w.next) {
		w.next = t
	}
}

// after considers t if t is later than now.
func (w *wake) after(now, t time.Time) {
	if t.After(now) {
		w.at(t)
	}
}
