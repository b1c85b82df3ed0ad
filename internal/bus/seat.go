package bus

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// errIdle ends a newcomer that has nothing to say, in favour of another peer.
var errIdle = errors.New("too many peers, and this newcomer is idle")

// answerTime is how long a client that has made a request is not idle: it waits
// for its answer. The longest takes 18 seconds.
const answerTime = 30 * time.Second

// seat is one peer's right to be there. Seats are limited. When all are taken, an
// idle newcomer's goes to whoever comes next.
type seat struct {
	own    bool         // of this endpoint's own user, or dialed: some are reserved for those
	known  *atomic.Bool // the peer is no newcomer
	give   func(error)  // ends the peer; does not block
	since  time.Time
	spoken atomic.Int64 // when the peer has last said something that counts, in Unix nanoseconds; zero: never
}

// heard says that the peer has just said something that counts. A native peer is
// introduced as soon as it says who it is, so nothing else counts.
func (s *seat) heard() { s.spoken.Store(time.Now().UnixNano()) }

// idleSince returns since when the peer is idle, and whether it is.
func (s *seat) idleSince(now time.Time, idleAfter time.Duration) (time.Time, bool) {
	if s.own || s.known.Load() {
		return time.Time{}, false
	}
	since := s.since
	if nanos := s.spoken.Load(); nanos != 0 {
		since = time.Unix(0, nanos)
		idleAfter = max(idleAfter, answerTime)
	}
	return since, now.Sub(since) >= idleAfter
}

// seats are those of one kind that are taken.
type seats struct {
	limit, reserved int
	idleAfter       time.Duration

	mu    sync.Mutex
	taken []*seat
}

// room reports whether take would succeed.
func (s *seats) room(own bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free(own) || s.idlest() >= 0
}

// take takes a seat, at the cost of an idle newcomer if need be. It reports false
// if there is none.
func (s *seats) take(one *seat) bool {
	victim, ok := s.swap(one)
	if victim != nil {
		victim.give(errIdle)
	}
	return ok
}

func (s *seats) swap(one *seat) (victim *seat, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.free(one.own) {
		i := s.idlest()
		if i < 0 {
			return nil, false
		}
		victim = s.taken[i]
		s.taken = slices.Delete(s.taken, i, i+1)
	}
	s.taken = append(s.taken, one)
	return victim, true
}

// leave gives the seat back, unless somebody else has it already.
func (s *seats) leave(one *seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.taken = without(s.taken, one)
}

// free reports whether there is a seat that nobody has. The caller holds mu.
func (s *seats) free(own bool) bool {
	limit := s.limit
	if !own {
		limit -= s.reserved
	}
	return len(s.taken) < limit
}

// idlest returns the index of the seat whose peer is idle longest, or -1. The
// caller holds mu.
func (s *seats) idlest() int {
	now, found, oldest := time.Now(), -1, time.Time{}
	for i, one := range s.taken {
		if since, idle := one.idleSince(now, s.idleAfter); idle && (found < 0 || since.Before(oldest)) {
			found, oldest = i, since
		}
	}
	return found
}
