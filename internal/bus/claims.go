package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// probeTimeout is how long an existing peering may take to answer before a
// second connection of the same peer replaces it. It leaves time for the rest of
// the handshake.
const probeTimeout = 3 * time.Second

var errReplaced = errors.New("replaced by a new connection of the same peer")

// claims sees to it that of all connections with one native peer at most one
// survives (spec broker-wire 3.7), however they came about.
type claims struct {
	mu   sync.Mutex
	byID map[ID]*claim
}

// claim is one connection's right to the peering with one peer, from the middle
// of its handshake to the end of its peering.
type claim struct {
	claims  *claims
	id      ID
	link    *nativeLink   // set before settled is closed, if there is a peering
	settled chan struct{} // closed when the handshake has ended, well or not
	ended   chan struct{} // closed when the claim is given back
	settle  sync.Once
}

// take returns a new claim to id, or the one that exists.
func (c *claims) take(id ID) (mine, other *claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if other := c.byID[id]; other != nil {
		return nil, other
	}
	mine = &claim{claims: c, id: id, settled: make(chan struct{}), ended: make(chan struct{})}
	c.byID[id] = mine
	return mine, nil
}

// get returns the claim to id, or nil.
func (c *claims) get(id ID) *claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byID[id]
}

// established says that the claim has led to a peering.
func (c *claim) established(l *nativeLink) {
	c.settle.Do(func() {
		c.link = l
		close(c.settled)
	})
}

// release gives the claim back.
func (c *claim) release() {
	c.settle.Do(func() { close(c.settled) })
	c.claims.mu.Lock()
	delete(c.claims.byID, c.id)
	c.claims.mu.Unlock()
	close(c.ended)
}

// refusal is why a connection may not become a peering. The peer has been, or
// has to be, told code and text.
type refusal struct {
	code wire.DropCode
	text string
	// existing is the peering that is kept instead, or nil.
	existing *claim
}

func (r *refusal) Error() string { return r.text }

// claim obtains the peering with the peer of handshake h. While another
// handshake with it is running it waits; an existing peering it puts to the
// test, and ends it if it is dead. own says that reserved seats are for it. The
// error is a *refusal, or ctx's cause.
func (e *Endpoint) claim(ctx context.Context, h *wire.Handshake, own bool) (*claim, error) {
	for {
		mine, other := e.claims.take(h.Remote())
		if mine != nil {
			if !e.hub.seats.room(own) {
				mine.release()
				return nil, &refusal{code: wire.DropPeerUnavailable, text: ErrTooManyPeers.Error()}
			}
			return mine, nil
		}
		if err := wait(ctx, other.settled); err != nil {
			return nil, err
		}
		if other.link != nil {
			if other.link.alive(ctx) {
				return nil, redundant(h.Originator(), other)
			}
			other.link.close(errReplaced)
		}
		if err := wait(ctx, other.ended); err != nil {
			return nil, err
		}
	}
}

func redundant(originator bool, existing *claim) *refusal {
	if originator {
		return &refusal{wire.DropRedundant, "redundant connection", existing}
	}
	return &refusal{wire.DropLogicError, "detected redundant connection at the responder", existing}
}

// wait waits for done to be closed. The error is ctx's cause.
func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
