package bus

import (
	"sync"
	"sync/atomic"
	"time"
)

// wsSeat is the seat of a WebSocket client, from its upgrade on. The client has
// the same seat at its listener and at the endpoint.
type wsSeat struct {
	seat
	met atomic.Bool

	mu      sync.Mutex
	end     func(error) // ends the client; nil until bind
	dropped error       // why the seat was given to another client before bind
}

func newWSSeat(caller Caller) *wsSeat {
	s := new(wsSeat)
	s.own, s.known, s.since, s.seat.drop = caller.Own, &s.met, time.Now(), s.giveUp
	return s
}

func (s *wsSeat) giveUp(why error) {
	s.mu.Lock()
	end := s.end
	s.dropped = why
	s.mu.Unlock()
	if end != nil {
		end(why)
	}
}

// bind sets the function that ends the client. If the seat was given to another
// client already, bind calls the function at once.
func (s *wsSeat) bind(end func(error)) {
	s.mu.Lock()
	dropped := s.dropped
	s.end = end
	s.mu.Unlock()
	if dropped != nil {
		end(dropped)
	}
}
