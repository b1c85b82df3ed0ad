package bus

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
)

// largeMessage is the length in bytes from which on a message counts as large.
const largeMessage = 32 << 10

// errTooMuch drops a peer whose large message there is no room for, and errUnsent
// one that does not take what is sent to it.
var (
	errTooMuch = errors.New("too many large messages at a time, and this is the largest")
	errUnsent  = errors.New("too much waits to be sent, and most of it to this peer")
)

// largeMessages bounds what large messages cost an endpoint, however many peers
// send them: in memory while they come in, and in time and memory while they
// are decoded and delivered, which many times their length may be needed for.
type largeMessages struct {
	turn  chan struct{} // holds a token while one is decoded and delivered
	limit int
	over  error // what those are told that are given up

	mu    sync.Mutex
	held  int                   // in all shares
	parts map[*holding]struct{} // that are not empty
}

// holding is what one peer has sent of large messages that are not handled yet.
type holding struct {
	of     *largeMessages
	giveUp func(error) // drops the peer; does not block
	some   atomic.Bool // bytes may not be zero

	// Guarded by of.mu.
	bytes int
	over  bool // it was given up, or has ended; it counts no more
}

func newLargeMessages(limit int, over error) *largeMessages {
	return &largeMessages{turn: make(chan struct{}, 1), limit: limit, over: over, parts: map[*holding]struct{}{}}
}

func (l *largeMessages) newHolding(giveUp func(error)) *holding {
	return &holding{of: l, giveUp: giveUp}
}

// take waits until it is the caller's turn with a message of that many bytes,
// which it is at once if the message is not large. It returns what ends the
// turn, or ctx's cause if ctx ends first.
func (l *largeMessages) take(ctx context.Context, bytes int) (done func(), err error) {
	if bytes < largeMessage {
		return func() {}, nil
	}
	select {
	case l.turn <- struct{}{}:
		return func() { <-l.turn }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// set says how many bytes h holds now. Where all peers together hold more than
// the limit, those that hold most are given up; one alone never is.
func (h *holding) set(bytes int) {
	if bytes == 0 && !h.some.Load() {
		return
	}
	h.of.mu.Lock()
	victims := h.of.change(h, bytes)
	h.of.mu.Unlock()
	for _, v := range victims {
		v.giveUp(h.of.over)
	}
}

// follow is set for what several goroutines change: each calls it after a change,
// and whoever is last sets what the last change has left.
func (h *holding) follow(bytes func() int) {
	for n := bytes(); ; {
		h.set(n)
		now := bytes()
		if now == n {
			return
		}
		n = now
	}
}

// end says that h holds nothing, and will not.
func (h *holding) end() {
	h.of.mu.Lock()
	defer h.of.mu.Unlock()
	h.of.change(h, 0)
	h.over = true
}

// change returns those that are to be given up. The caller holds mu.
func (l *largeMessages) change(h *holding, bytes int) (victims []*holding) {
	if h.over || bytes == h.bytes {
		return nil
	}
	l.held += bytes - h.bytes
	h.bytes = bytes
	h.some.Store(bytes > 0)
	if bytes > 0 {
		l.parts[h] = struct{}{}
	} else {
		delete(l.parts, h)
	}
	for l.held > l.limit && len(l.parts) > 1 {
		most := h
		for p := range l.parts {
			if p.bytes > most.bytes {
				most = p
			}
		}
		most.over = true
		l.held -= most.bytes
		delete(l.parts, most)
		victims = append(victims, most)
	}
	return victims
}
