package daemon

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// machine is the shape of a core: it decides, and does nothing.
type machine[Event, Effect any] interface {
	Step(now time.Time, ev Event) []Effect
	NextWake() (time.Time, bool)
}

// stepper is the only caller of a core's Step, and of the clock on its behalf.
// It belongs to one goroutine.
type stepper[Event, Effect any] struct {
	core machine[Event, Effect]
	// perform does what effect asks for. If that has an outcome at once, it
	// precedes whatever else happens.
	perform func(ctx context.Context, effect Effect) (outcome *Event, err error)
	wake    *time.Timer
}

func newStepper[Event, Effect any](
	core machine[Event, Effect],
	perform func(context.Context, Effect) (*Event, error),
) *stepper[Event, Effect] {
	s := &stepper[Event, Effect]{core: core, perform: perform, wake: time.NewTimer(0)}
	s.rearm()
	return s
}

// step hands ev to the core, performs what comes back, and sees to it that wake
// fires when the core next wants a tick.
func (s *stepper[Event, Effect]) step(ctx context.Context, ev Event) error {
	for queue := []Event{ev}; len(queue) > 0; {
		effects := s.core.Step(time.Now(), queue[0])
		queue = queue[1:]
		for _, effect := range effects {
			outcome, err := s.perform(ctx, effect)
			if err != nil {
				return fmt.Errorf("perform %T: %w", effect, err)
			}
			if outcome != nil {
				// The outcome of the last effect comes first: a Save is that,
				// and its Saved must be the core's very next event.
				queue = slices.Insert(queue, 0, *outcome)
			}
		}
	}
	s.rearm()
	return nil
}

func (s *stepper[Event, Effect]) rearm() {
	if at, ok := s.core.NextWake(); ok {
		s.wake.Reset(time.Until(at))
		return
	}
	s.wake.Stop()
}
