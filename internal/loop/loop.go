// Package loop runs a core. It gives the core one event after the other, with the
// time, and performs the effects that the core returns. It starts no goroutines.
package loop

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Core is a pure state machine. It decides which effects follow an event, and
// performs none of them.
type Core[Event, Effect any] interface {
	// Step returns the effects of an event at the time now.
	Step(now time.Time, ev Event) []Effect
	// NextWake returns when the core next needs a tick. It returns false if the core
	// needs none.
	NextWake() (time.Time, bool)
}

// Loop calls a core's Step. It reads the clock for the core, which must not. Only
// one goroutine may use a Loop.
type Loop[Event, Effect any] struct {
	core    Core[Event, Effect]
	perform Perform[Event, Effect]
	wake    *time.Timer
}

// Perform performs an effect. If it returns an outcome, the outcome is the core's
// next event. If it returns an error, the loop ends.
type Perform[Event, Effect any] func(ctx context.Context, effect Effect) (outcome *Event, err error)

// New returns a loop for core.
func New[Event, Effect any](core Core[Event, Effect], perform Perform[Event, Effect]) *Loop[Event, Effect] {
	l := &Loop[Event, Effect]{core: core, perform: perform, wake: time.NewTimer(0)}
	l.rearm()
	return l
}

// Run calls next again and again, and gives the core the event that next returns. It
// ends when ctx is done or an effect fails, and returns the cause of ctx or the
// error of the effect.
//
// next must wait until something happens, until due delivers a value, or until ctx
// is done. It returns an event for the core. After a value of due this is a tick. It
// returns false if there is no event for the core.
func (l *Loop[Event, Effect]) Run(ctx context.Context, next func(due <-chan time.Time) (Event, bool)) error {
	for {
		ev, ok := next(l.wake.C)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if !ok {
			continue
		}
		if err := l.Step(ctx, ev); err != nil {
			return err
		}
	}
}

// Step gives one event to the core and performs the effects.
func (l *Loop[Event, Effect]) Step(ctx context.Context, ev Event) error {
	for queue := []Event{ev}; len(queue) > 0; {
		effects := l.core.Step(time.Now(), queue[0])
		queue = queue[1:]
		for _, effect := range effects {
			outcome, err := l.perform(ctx, effect)
			if err != nil {
				return fmt.Errorf("perform %T: %w", effect, err)
			}
			if outcome != nil {
				// If several effects have outcomes, the outcome of the last effect
				// comes first. A Save is the last effect, and its Saved must be the
				// core's very next event.
				queue = slices.Insert(queue, 0, *outcome)
			}
		}
	}
	l.rearm()
	return nil
}

func (l *Loop[Event, Effect]) rearm() {
	if at, ok := l.core.NextWake(); ok {
		l.wake.Reset(time.Until(at))
		return
	}
	l.wake.Stop()
}
