package bus

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"
)

// errIdle drops an idle newcomer in favour of another peer.
var errIdle = errors.New("too many peers, and this newcomer is idle")

// answerTime is the time for which a client that has made a request is not idle:
// it waits for its answer. The longest answer takes 18 seconds.
const answerTime = 30 * time.Second

// seat is the place of one peer among a limited number of peers.
type seat struct {
	own   bool         // the peer was dialed, or is root or the endpoint's own user; it may have a reserved seat
	known *atomic.Bool // the peer is no newcomer
	drop  func(error)  // drops the peer; does not block
	since time.Time    // when the peer has come
	heard atomic.Int64 // when the peer has made its last request, in Unix nanoseconds; zero: never
}

// request says that the peer has just made a request. Only WebSocket clients make
// requests: a native peer stops being a newcomer with the message in which it says
// who it is.
func (s *seat) request() { s.heard.Store(time.Now().UnixNano()) }

// idleSince reports whether the peer is idle, and since when.
func (s *seat) idleSince(now time.Time, idleAfter time.Duration) (time.Time, bool) {
	if s.own || s.known.Load() {
		return time.Time{}, false
	}
	since := s.since
	if nanos := s.heard.Load(); nanos != 0 {
		since = time.Unix(0, nanos)
		idleAfter = max(idleAfter, answerTime)
	}
	return since, now.Sub(since) >= idleAfter
}

// seats is a limited number of seats. Some of them are reserved.
type seats struct {
	limit, reserved int
	idleAfter       time.Duration

	mu    sync.Mutex
	taken map[*seat]uint64 // the number of each
	count uint64
}

// available reports whether take would succeed now.
func (s *seats) available(own bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.free(own) || s.idlest() != nil
}

// take takes a seat. If no seat is free, take drops the peer that is idle longest.
// It reports false if no peer is idle.
func (s *seats) take(one *seat) bool {
	victim, ok := s.swap(one)
	if victim != nil {
		victim.drop(errIdle)
	}
	return ok
}

func (s *seats) swap(one *seat) (victim *seat, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.free(one.own) {
		if victim = s.idlest(); victim == nil {
			return nil, false
		}
		delete(s.taken, victim)
	}
	if s.taken == nil {
		s.taken = map[*seat]uint64{}
	}
	s.count++
	s.taken[one] = s.count
	return victim, true
}

// leave makes the seat free, unless it was given to another peer.
func (s *seats) leave(one *seat) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.taken, one)
}

// free reports whether a seat is free. The caller holds mu.
func (s *seats) free(own bool) bool {
	limit := s.limit
	if !own {
		limit -= s.reserved
	}
	return len(s.taken) < limit
}

// idlest returns the seat whose peer is idle longest, or nil if no peer is idle. The
// caller holds mu.
func (s *seats) idlest() (found *seat) {
	now, oldest := time.Now(), time.Time{}
	for one, number := range s.taken {
		since, idle := one.idleSince(now, s.idleAfter)
		if idle && (found == nil || since.Before(oldest) || since.Equal(oldest) && number < s.taken[found]) {
			found, oldest = one, since
		}
	}
	return found
}
