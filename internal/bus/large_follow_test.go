package bus

import "testing"

// Two goroutines change what waits for a peer: the one that sends, and the one
// that writes.
func TestTheLastChangeCountsWhoeverIsLateToSayIt(t *testing.T) {
	l := newLargeMessages(100, errUnsent)
	h := l.newHolding(func(error) { t.Error("given up") })
	waiting := 50
	late := true
	h.follow(func() int {
		seen := waiting
		if late { // meanwhile all of it is written
			late, waiting = false, 0
			h.follow(func() int { return waiting })
		}
		return seen
	})
	if l.held != 0 || h.bytes != 0 {
		t.Errorf("%d bytes are held, %d by the peer for which nothing waits", l.held, h.bytes)
	}
}
