package bus

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// errCrowdedOut ends a pending connection in favour of a newer one.
var errCrowdedOut = errors.New("too many unfinished handshakes")

// pendingConns are the connections of a listener whose handshake has not
// finished. When there are too many, the source address that has the most
// connections loses its oldest one. So an attacker that never finishes its
// handshakes does not keep out peers at other addresses.
type pendingConns struct {
	limit int
	left  chan struct{} // holds a token when a connection has left the list

	mu    sync.Mutex
	conns []*pendingConn     // oldest first
	from  map[netip.Addr]int // how many of them
}

type pendingConn struct {
	source netip.Addr
	began  time.Time
	evict  context.CancelCauseFunc
}

func newPendingConns(limit int) *pendingConns {
	return &pendingConns{limit: limit, left: make(chan struct{}, 1), from: map[netip.Addr]int{}}
}

// handshakeGrace is the time that a handshake has when all places are taken, each from an address
// of its own. So when thousands of peers come at once, those that have begun get ready, and the
// others wait until they are accepted: else none would ever get ready.
const handshakeGrace = 5 * time.Second

// room waits until a connection may be added without harm to one that has just begun, and is
// alone from its address. It returns early if ctx ends.
func (p *pendingConns) room(ctx context.Context) {
	for {
		wait := p.crowded(time.Now())
		if wait <= 0 {
			return
		}
		timer := time.NewTimer(wait)
		select {
		case <-p.left:
		case <-timer.C:
		case <-ctx.Done():
		}
		timer.Stop()
		if ctx.Err() != nil {
			return
		}
	}
}

// crowded returns for how long no connection may be added unless one leaves.
func (p *pendingConns) crowded(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.conns) < p.limit || len(p.from) < len(p.conns) {
		return 0
	}
	return p.conns[0].began.Add(handshakeGrace).Sub(now)
}

// enter adds a connection. It returns the context of the connection's handshake.
// The caller calls leave when the handshake has ended, with or without success.
func (p *pendingConns) enter(ctx context.Context, source netip.Addr) (handshake context.Context, leave func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	one := &pendingConn{source, time.Now(), cancel}
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
		p.forget(victim)
	}
	p.conns = append(p.conns, one)
	p.from[one.source]++
	return victim
}

func (p *pendingConns) remove(one *pendingConn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forget(one)
	select {
	case p.left <- struct{}{}:
	default:
	}
}

// forget takes a connection off the list, if it is there. The caller holds mu.
func (p *pendingConns) forget(one *pendingConn) {
	i := slices.Index(p.conns, one)
	if i < 0 {
		return
	}
	p.conns = slices.Delete(p.conns, i, i+1)
	if p.from[one.source]--; p.from[one.source] == 0 {
		delete(p.from, one.source)
	}
}

// oldestOfMany returns the oldest connection of the source that has the most. The
// caller holds mu, and there is a connection.
func (p *pendingConns) oldestOfMany() *pendingConn {
	most := 0
	for _, n := range p.from {
		most = max(most, n)
	}
	i := slices.IndexFunc(p.conns, func(one *pendingConn) bool { return p.from[one.source] == most })
	return p.conns[i]
}
