package bus

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
)

// errCrowdedOut ends a pending connection in favour of a newer one.
var errCrowdedOut = errors.New("too many unfinished handshakes")

// pendingConns are the connections of a listener whose handshake has not
// finished. When there are too many, the source address that has the most
// connections loses its oldest one. So an attacker that never finishes its
// handshakes does not keep out peers at other addresses.
type pendingConns struct {
	limit int

	mu    sync.Mutex
	conns []*pendingConn // oldest first
}

type pendingConn struct {
	source netip.Addr
	evict  context.CancelCauseFunc
}

func newPendingConns(limit int) *pendingConns { return &pendingConns{limit: limit} }

// enter adds a connection. It returns the context of the connection's handshake.
// The caller calls leave when the handshake has ended, with or without success.
func (p *pendingConns) enter(ctx context.Context, source netip.Addr) (handshake context.Context, leave func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	one := &pendingConn{source, cancel}
	if victim := p.add(one); victim != nil {
		victim.evict(errCrowdedOut)
	}
	return ctx, func() {
		p.remove(one)
		cancel(nil)
	}
}

// add adds a connection, and removes and returns another one if there are too
// many.
func (p *pendingConns) add(one *pendingConn) (victim *pendingConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.conns) >= p.limit {
		victim = p.oldestOfMany()
		p.conns = without(p.conns, victim)
	}
	p.conns = append(p.conns, one)
	return victim
}

func (p *pendingConns) remove(one *pendingConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns = without(p.conns, one)
}

// oldestOfMany returns the oldest connection of the source that has the most. The
// caller holds mu, and there is a connection.
func (p *pendingConns) oldestOfMany() *pendingConn {
	counts := map[netip.Addr]int{}
	for _, one := range p.conns {
		counts[one.source]++
	}
	most := 0
	for _, n := range counts {
		most = max(most, n)
	}
	i := slices.IndexFunc(p.conns, func(one *pendingConn) bool { return counts[one.source] == most })
	return p.conns[i]
}
