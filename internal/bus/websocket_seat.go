package bus

import (
	"sync"
	"sync/atomic"
	"time"
)

// wsSeat is the seat of a WebSocket client, both at its listener and at its
// endpoint, from its upgrade on.
type wsSeat struct {
	seat
	met atomic.Bool

	mu    sync.Mutex
	end   func(error) // nil until there is a client
	given error       // why the seat was given away before that
}

func newWSSeat(caller Caller) *wsSeat {
	s := new(wsSeat)
	s.own, s.known, s.since, s.give = caller.Own, &s.met, time.Now(), s.giveAway
	return s
}

func (s *wsSeat) giveAway(why error) {
	s.mu.Lock()
	end := s.end
	s.given = why
	s.mu.Unlock()
	if end != nil {
		end(why)
	}
}

// bind says what ends the client, which it does at once if another has the seat
// already.
func (s *wsSeat) bind(end func(error)) {
	s.mu.Lock()
	given := s.given
	s.end = end
	s.mu.Unlock()
	if given != nil {
		end(given)
	}
}
