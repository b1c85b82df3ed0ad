package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/store"
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

// document keeps a core's state in a store as JSON.
type document struct {
	store    store.Store
	revision store.Revision
	// unsure says that nobody could tell whether the latest save took place, and
	// so what revision is stored.
	unsure  bool
	timeout time.Duration
}

// loadDocument reads the state that was saved last into state, and leaves it
// alone if there is none.
func loadDocument(ctx context.Context, s store.Store, timeout time.Duration, state any) (*document, error) {
	text, rev, err := s.Load(ctx)
	if err != nil {
		return nil, fmt.Errorf("load state: %w", err)
	}
	if text != nil {
		if err := json.Unmarshal(text, state); err != nil {
			return nil, fmt.Errorf("load state, revision %d: %w", rev, err)
		}
	}
	return &document{store: s, revision: rev, timeout: timeout}, nil
}

// save replaces the state. Its error is for the client whose request it was.
func (d *document) save(ctx context.Context, state any) error {
	text, err := json.Marshal(state)
	if err != nil {
		panic(fmt.Sprintf("daemon: marshal %T: %v", state, err)) // states hold plain data only
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.timeout)
	defer cancel()
	if d.unsure {
		if _, err := d.reload(ctx); err != nil {
			return fmt.Errorf("save state: %w", err)
		}
	}
	rev, err := d.store.Save(ctx, text, d.revision)
	if err == nil {
		d.revision = rev
		return nil
	}
	// Save leaves open whether it took place. If it did, it counts: what is
	// stored must be what the core goes on with.
	before := d.revision
	stored, loadErr := d.reload(ctx)
	if loadErr == nil && d.revision > before && bytes.Equal(stored, text) {
		return nil
	}
	return fmt.Errorf("save state: %w", err)
}

// reload reads what is stored, in order to learn its revision.
func (d *document) reload(ctx context.Context) ([]byte, error) {
	stored, rev, err := d.store.Load(ctx)
	d.unsure = err != nil
	if err == nil {
		d.revision = rev
	}
	return stored, err
}
