package loop_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/loop"
)

// recorder is a core that records its events. It needs a tick a minute after
// "begin". "save twice" has two effects.
type recorder struct {
	began time.Time
	told  []string
	wake  time.Time
}

func (r *recorder) Step(now time.Time, ev string) []string {
	r.told = append(r.told, fmt.Sprintf("%s after %v", ev, now.Sub(r.began)))
	switch ev {
	case "begin":
		r.wake = now.Add(time.Minute)
	case "tick":
		r.wake = time.Time{}
	case "save twice":
		return []string{"save one", "save two"}
	case "break":
		return []string{"break"}
	}
	return nil
}

func (r *recorder) NextWake() (time.Time, bool) { return r.wake, !r.wake.IsZero() }

var errDisk = errors.New("disk full")

func perform(_ context.Context, effect string) (*string, error) {
	if effect == "break" {
		return nil, errDisk
	}
	return new("done: " + effect), nil
}

func TestCoreIsToldEverythingInOrderAndInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		core := &recorder{began: time.Now()}
		events := make(chan string, 3)
		events <- "begin"
		events <- "" // not an event of the core
		events <- "save twice"
		ended := errors.New("ended")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Hour, func() { cancel(ended) })
		err := loop.New(core, perform).Run(ctx, func(due <-chan time.Time) (string, bool) {
			select {
			case <-ctx.Done():
				return "too late", true
			case <-due:
				return "tick", true
			case e := <-events:
				return e, e != ""
			}
		})
		want := []string{
			"begin after 0s", "save twice after 0s", "done: save two after 0s", "done: save one after 0s", "tick after 1m0s",
		}
		if !errors.Is(err, ended) || !slices.Equal(core.told, want) {
			t.Errorf("got %v, and the core was told %q, want %q", err, core.told, want)
		}
	})
}

func TestEffectThatFailsEndsTheLoop(t *testing.T) {
	err := loop.New(&recorder{}, perform).Run(t.Context(), func(<-chan time.Time) (string, bool) { return "break", true })
	if !errors.Is(err, errDisk) || err.Error() != "perform string: disk full" {
		t.Errorf("got %v", err)
	}
}
