package bus

import (
	"context"
	"net"
	"testing"
	"time"
)

// A dial has a timer of its own for the deadline of its context.
func TestADialThatNoticesTheDeadlineFirstHasTimedOut(t *testing.T) {
	_, err := (&net.Dialer{Deadline: time.Now().Add(-time.Second)}).DialContext(t.Context(), "tcp", "127.0.0.1:1")
	got := socketError(err).at(t.Context(), "ws://127.0.0.1:1")
	if got.Failure != DialTimeout || got.Err != context.DeadlineExceeded {
		t.Errorf("dialing that ended with %v: %+v", err, got)
	}
}
