// Package patience bounds the waits of tests. A test that waits for something that
// never happens fails, and names what it waited for. The package starts no
// goroutines.
package patience

import (
	"context"
	"testing"
	"time"
)

// Limit is the longest time for which a test waits. Even a busy machine needs far
// less.
const Limit = time.Minute

// Next returns the next value from ch. It fails t if ch is closed, or if no value
// comes within Limit. what names the value in the message.
func Next[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	return Find(t, ch, what, func(T) bool { return true })
}

// Find returns the first value from ch for which wanted returns true. It fails t if
// ch is closed, or if no such value comes within Limit. what names the value in the
// message.
func Find[T any](t testing.TB, ch <-chan T, what string, wanted func(T) bool) T {
	t.Helper()
	over := time.NewTimer(Limit)
	defer over.Stop()
	for {
		select {
		case got, open := <-ch:
			if !open {
				t.Fatalf("the channel was closed while waiting for %s", what)
			}
			if wanted(got) {
				return got
			}
		case <-over.C:
			t.Fatalf("waited %v for %s", Limit, what)
		}
	}
}

// Closed waits until ch is closed. It fails t if ch is not closed within Limit. what
// names the awaited event in the message.
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

// Context returns the context of the test with a deadline after Limit.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), Limit)
	t.Cleanup(cancel)
	return ctx
}
