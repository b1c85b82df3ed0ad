package patience_test

import (
	"context"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// failing is a test that keeps the message with which it fails.
type failing struct {
	testing.TB
	why string
}

func (f *failing) Helper() {}

func (f *failing) Fatalf(format string, args ...any) {
	f.why = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failureOf returns the message with which a test that calls do fails.
func failureOf(do func(t testing.TB)) string {
	f := &failing{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		do(f)
	}()
	<-done
	return f.why
}

func TestWaitingEnds(t *testing.T) {
	closed := make(chan int)
	close(closed)
	for name, tt := range map[string]struct {
		wait func(testing.TB)
		why  string
		took time.Duration
	}{
		"no value comes":              {func(t testing.TB) { patience.Next(t, make(chan int), "a number") }, "waited 1m0s for a number", patience.Limit},
		"the channel is closed":       {func(t testing.TB) { patience.Next(t, closed, "a number") }, "the channel was closed while waiting for a number", 0},
		"the channel is never closed": {func(t testing.TB) { patience.Closed(t, make(chan struct{}), "the end") }, "waited 1m0s for the end", patience.Limit},
		"no value is wanted": {func(t testing.TB) {
			patience.Find(t, time.NewTicker(time.Second).C, "a number", func(time.Time) bool { return false })
		}, "waited 1m0s for a number", patience.Limit},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				if why := failureOf(tt.wait); why != tt.why {
					t.Errorf("fails with %q, want %q", why, tt.why)
				}
				if took := time.Since(began); took != tt.took {
					t.Errorf("fails after %v, want %v", took, tt.took)
				}
			})
		})
	}
}

func TestValuesThatComeAreReturned(t *testing.T) {
	ch := make(chan int, 3)
	ch <- 1
	ch <- 2
	ch <- 3
	if got := patience.Next(t, ch, "a number"); got != 1 {
		t.Errorf("got %d, want 1", got)
	}
	if got := patience.Find(t, ch, "a three", func(n int) bool { return n == 3 }); got != 3 {
		t.Errorf("got %d, want 3", got)
	}
	end := make(chan struct{})
	close(end)
	patience.Closed(t, end, "the end")
}

func TestAContextOfATestHasADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx := patience.Context(t)
		<-ctx.Done()
		if took := time.Since(began); took != patience.Limit || ctx.Err() != context.DeadlineExceeded {
			t.Errorf("ended after %v: %v", took, ctx.Err())
		}
	})
}
