package bus

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// probeTimeout is the time in which an existing peering must answer a ping before
// a second connection of the same peer replaces it. It leaves time for the rest of
// the handshake.
const probeTimeout = 3 * time.Second

var errReplaced = errors.New("replaced by a new connection of the same peer")

// claims allows at most one peering with each native peer, whichever side has
// dialed (spec broker-wire 3.7).
type claims struct {
	mu   sync.Mutex
	byID map[ID]*claim
}

// claim is the right of one connection to the peering with one peer. It lasts from
// the middle of the handshake to the end of the peering.
type claim struct {
	claims  *claims
	id      ID
	link    *nativeLink   // set before settled is closed; nil if the handshake has failed
	settled chan struct{} // closed when the handshake has ended, with or without success
	ended   chan struct{} // closed when the claim is released
	settle  sync.Once
}

// take returns a new claim to id, or the claim that another connection has.
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

// established says that the handshake has succeeded.
func (c *claim) established(l *nativeLink) {
	c.settle.Do(func() {
		c.link = l
		close(c.settled)
	})
}

// release ends the claim. If the handshake has not ended yet, it has failed.
func (c *claim) release() {
	c.settle.Do(func() { close(c.settled) })
	c.claims.mu.Lock()
	delete(c.claims.byID, c.id)
	c.claims.mu.Unlock()
	close(c.ended)
}

// refusal is the reason why a connection may not become a peering. Code and text
// are what the peer is told.
type refusal struct {
	code wire.DropCode
	text string
	// existing is the claim of the peering that is kept instead, or nil.
	existing *claim
}

func (r *refusal) Error() string { return r.text }

// claim obtains the claim to the peer of handshake h. While another handshake with
// the peer is running, claim waits. If there is a peering with the peer, claim
// pings the peer on it: claim refuses h if the peer answers, and closes the
// peering if the peer does not. own says that the connection may have a reserved
// seat. The error is a *refusal, or ctx's cause.
func (e *Endpoint) claim(ctx context.Context, h *wire.Handshake, own bool) (*claim, error) {
	for {
		mine, other := e.claims.take(h.Remote())
		if mine != nil {
			if !e.hub.seats.available(own) {
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

// wait waits until done is closed. The error is ctx's cause.
func wait(ctx context.Context, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
