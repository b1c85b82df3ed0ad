package bus

import (
	"errors"
	"sync"
	"sync/atomic"
)

// The reasons for which a peer is dropped that has the largest share of a budget.
var (
	errTooMuch = errors.New("too many large messages at a time, and this is the largest")
	errUnsent  = errors.New("too much waits to be sent, and most of it to this peer")
)

// budget bounds the bytes that all peers together may take up. When the peers
// exceed the limit, the peer with the largest share is dropped.
type budget struct {
	limit    int
	exceeded error // why a peer is dropped

	mu     sync.Mutex
	used   int                 // the sum of all shares
	shares map[*share]struct{} // those that are not zero
}

// share is the part of a budget that one peer takes up.
type share struct {
	of   *budget
	drop func(error) // drops the peer; does not block
	some atomic.Bool // bytes may not be zero

	// Guarded by of.mu.
	bytes int
	ended bool // the peer was dropped, or has ended; the share stays out of the budget
}

func newBudget(limit int, exceeded error) *budget {
	return &budget{limit: limit, exceeded: exceeded, shares: map[*share]struct{}{}}
}

func (b *budget) newShare(drop func(error)) *share { return &share{of: b, drop: drop} }

// set changes the share to that many bytes. If the budget is exceeded then, set
// drops the peers with the largest shares. It never drops the only peer that has
// a share.
func (s *share) set(bytes int) {
	if bytes == 0 && !s.some.Load() {
		return
	}
	s.of.mu.Lock()
	dropped := s.of.change(s, bytes)
	s.of.mu.Unlock()
	for _, d := range dropped {
		d.drop(s.of.exceeded)
	}
}

// follow is set for a number of bytes that several goroutines change. Each
// goroutine calls follow after its change. The last call to return has set the
// bytes that the last change has left.
func (s *share) follow(bytes func() int) {
	for n := bytes(); ; {
		s.set(n)
		now := bytes()
		if now == n {
			return
		}
		n = now
	}
}

// end takes the share out of the budget for good.
func (s *share) end() {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.of.change(s, 0)
	s.ended = true
}

// change changes a share and returns the shares of the peers to drop. The caller
// holds mu.
func (b *budget) change(s *share, bytes int) (drop []*share) {
	if s.ended || bytes == s.bytes {
		return nil
	}
	b.used += bytes - s.bytes
	s.bytes = bytes
	s.some.Store(bytes > 0)
	if bytes > 0 {
		b.shares[s] = struct{}{}
	} else {
		delete(b.shares, s)
	}
	for b.used > b.limit && len(b.shares) > 1 {
		most := s
		for other := range b.shares {
			if other.bytes > most.bytes {
				most = other
			}
		}
		most.ended = true
		b.used -= most.bytes
		delete(b.shares, most)
		drop = append(drop, most)
	}
	return drop
}
