// Package loop runs a core: it hands the core one event after the other, together
// with the time, and has performed what the core asks for.
package loop

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Core decides, and does nothing.
type Core[Event, Effect any] interface {
	Step(now time.Time, ev Event) []Effect
	// NextWake says when the core next wants a tick, if it wants one.
	NextWake() (time.Time, bool)
}

// Loop is the only caller of a core's Step, and of the clock on its behalf. It
// belongs to one goroutine.
type Loop[Event, Effect any] struct {
	core    Core[Event, Effect]
	perform Perform[Event, Effect]
	wake    *time.Timer
}

// Perform does what effect asks for. An outcome that is known at once precedes
// whatever else happens. An error ends the loop.
type Perform[Event, Effect any] func(ctx context.Context, effect Effect) (outcome *Event, err error)

// New returns the loop around core.
func New[Event, Effect any](core Core[Event, Effect], perform Perform[Event, Effect]) *Loop[Event, Effect] {
	l := &Loop[Event, Effect]{core: core, perform: perform, wake: time.NewTimer(0)}
	l.rearm()
	return l
}

// Run hands the core what next returns, until ctx is done or an effect fails. It
// returns the cause of ctx, or why the effect failed. next waits until something
// happens, and returns the core's event for it, or false if the core has nothing to
// do with it. It also waits for due, which says that the core wants a tick, and for
// ctx.
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

// Step hands one event to the core and has performed what comes back.
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
				// The outcome of the last effect comes first: a Save is that,
				// and its Saved must be the core's very next event.
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
