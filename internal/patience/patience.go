// Package patience bounds what tests wait for, so that a test which waits for
// something that never happens fails and says what that is.
package patience

import (
	"context"
	"testing"
	"time"
)

// Limit is how long a test waits. It is far more than a busy machine takes.
const Limit = time.Minute

// Next returns what comes next over ch.
func Next[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	return Find(t, ch, what, func(T) bool { return true })
}

// Find returns the first that comes over ch and is wanted.
func Find[T any](t testing.TB, ch <-chan T, what string, wanted func(T) bool) T {
	t.Helper()
	over := time.NewTimer(Limit)
	defer over.Stop()
	for {
		select {
		case got, open := <-ch:
			if !open {
				t.Fatalf("nothing more comes while waiting for %s", what)
			}
			if wanted(got) {
				return got
			}
		case <-over.C:
			t.Fatalf("waited %v for %s", Limit, what)
		}
	}
}

// Closed waits until ch is closed.
func Closed(t testing.TB, ch <-chan struct{}, what string) {
	t.Helper()
	over := time.NewTimer(Limit)
	defer over.Stop()
	select {
	case <-ch:
	case <-over.C:
		t.Fatalf("waited %v for %s", Limit, what)
	}
}

// Context returns the context of the test, with a deadline.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Limit)
	t.Cleanup(cancel)
	return ctx
}
