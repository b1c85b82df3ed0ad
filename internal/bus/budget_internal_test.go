package bus

import "testing"

// Two goroutines change the bytes that wait for a peer: the one that sends, and
// the one that writes.
func TestTheLastChangeOfAShareCounts(t *testing.T) {
	b := newBudget(100, errUnsent)
	s := b.newShare(func(error) { t.Error("dropped") })
	waiting, late := 50, true
	s.follow(func() int {
		seen := waiting
		if late { // meanwhile the other goroutine writes all of it
			late, waiting = false, 0
			s.follow(func() int { return waiting })
		}
		return seen
	})
	if b.used != 0 || s.bytes != 0 {
		t.Errorf("%d bytes are used, %d by the peer for which nothing waits", b.used, s.bytes)
	}
}
