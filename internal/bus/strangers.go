package bus

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
)

// errCrowdedOut ends an unfinished handshake in favour of a newer one.
var errCrowdedOut = errors.New("too many unfinished handshakes")

// strangers are the connections that have not finished their handshake. When
// there are too many, the source address with the most of them loses its oldest
// one: connections that never finish cannot keep out those that do, from
// wherever they come.
type strangers struct {
	limit int

	mu      sync.Mutex
	waiting []*stranger // oldest first
}

type stranger struct {
	source netip.Addr
	evict  context.CancelCauseFunc
}

func newStrangers(limit int) *strangers { return &strangers{limit: limit} }

// enter returns the context of a new connection's handshake, and what is to be
// called when that has ended, well or not.
func (s *strangers) enter(ctx context.Context, source netip.Addr) (handshake context.Context, leave func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	one := &stranger{source, cancel}
	if victim := s.add(one); victim != nil {
		victim.evict(errCrowdedOut)
	}
	return ctx, func() {
		s.remove(one)
		cancel(nil)
	}
}

// add takes one in, and returns the one to go, or nil.
func (s *strangers) add(one *stranger) (victim *stranger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) >= s.limit {
		victim = s.oldestOfMany()
		s.waiting = without(s.waiting, victim)
	}
	s.waiting = append(s.waiting, one)
	return victim
}

func (s *strangers) remove(one *stranger) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.waiting = without(s.waiting, one)
}

// oldestOfMany returns the oldest stranger of the most frequent source. The
// caller holds mu, and there is a stranger.
func (s *strangers) oldestOfMany() *stranger {
	counts := map[netip.Addr]int{}
	for _, one := range s.waiting {
		counts[one.source]++
	}
	most := 0
	for _, n := range counts {
		most = max(most, n)
	}
	i := slices.IndexFunc(s.waiting, func(one *stranger) bool { return counts[one.source] == most })
	return s.waiting[i]
}
