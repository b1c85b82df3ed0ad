package quorumtest

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/pause"
)

var (
	errClosed = errors.New("the engine is closed")
	errBroken = errors.New("the watch has broken")
	// ErrLost is the error of a call whose answer was lost. The call has taken effect.
	ErrLost = errors.New("the answer of the store was lost")
)

// faults are what is wrong with the way of an engine to its cluster. Any goroutine may call
// the methods. Nothing is wrong at first.
type faults struct {
	mu     sync.Mutex
	cut    bool
	losing bool
	slow   time.Duration
	err    error
	stir   chan struct{} // closed when one of them changes
	broken chan struct{} // closed when watches break
}

func newFaults() *faults {
	return &faults{stir: make(chan struct{}), broken: make(chan struct{})}
}

// Cut cuts the engine off from the others, or mends that. A call that begins meanwhile waits.
func (f *faults) Cut(off bool) { f.set(func() { f.cut = off }) }

// LoseAnswers lets calls take effect whose answers do not come. Such a call returns when its
// ctx is done, or with ErrLost when answers come again.
func (f *faults) LoseAnswers(on bool) { f.set(func() { f.losing = on }) }

// Slow lets each call take this time, half of it before it takes effect.
func (f *faults) Slow(by time.Duration) { f.set(func() { f.slow = by }) }

// Fail lets each call fail at once. Nil ends that.
func (f *faults) Fail(err error) { f.set(func() { f.err = err }) }

// Break breaks the watches that run.
func (f *faults) Break() {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.broken)
	f.broken = make(chan struct{})
}

func (f *faults) set(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
	close(f.stir)
	f.stir = make(chan struct{})
}

func (f *faults) breaks() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.broken
}

// reachable reports whether the cluster can be asked.
func (f *faults) reachable() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return !f.cut && f.err == nil
}

// there is the way of a call to the cluster.
func (f *faults) there(ctx context.Context) error {
	for {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		f.mu.Lock()
		cut, slow, err, stir := f.cut, f.slow, f.err, f.stir
		f.mu.Unlock()
		switch {
		case err != nil:
			return err
		case !cut:
			return lag(ctx, slow/2)
		}
		select {
		case <-stir:
		case <-ctx.Done():
		}
	}
}

// back is the way of an answer.
func (f *faults) back(ctx context.Context) error {
	lost := false
	for {
		f.mu.Lock()
		away, slow, stir := f.losing || f.cut, f.slow, f.stir
		f.mu.Unlock()
		switch {
		case away:
			lost = true
		case lost:
			return ErrLost
		default:
			return lag(ctx, slow/2)
		}
		select {
		case <-stir:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// lag waits for d. No time is no wait: what has come back then counts, even if ctx has ended.
func lag(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return nil
	}
	return pause.For(ctx, d)
}
