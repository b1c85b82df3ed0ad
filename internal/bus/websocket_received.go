package bus

import (
	"context"
	"sync"
)

// received holds what the reader of a WebSocketClient has read and nobody has
// received yet.
type received struct {
	messages, bytes int // the bounds; a message alone always has room

	mu      sync.Mutex
	queue   [][]byte
	size    int
	skip    bool  // what comes is dropped
	end     error // why nothing more comes
	closed  chan struct{}
	changed chan struct{} // closed at the next change
}

func newReceived(messages, bytes int) *received {
	return &received{messages: messages, bytes: bytes, closed: make(chan struct{}), changed: make(chan struct{})}
}

// change runs f and wakes who waits.
func (r *received) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

// add takes a message, waiting for room. It reports false if nobody will receive
// it. The reader calls it.
func (r *received) add(text []byte) bool {
	for {
		r.mu.Lock()
		changed := r.changed
		full := len(r.queue) > 0 && (len(r.queue) >= r.messages || r.size+len(text) > r.bytes)
		r.mu.Unlock()
		if !full {
			break
		}
		select {
		case <-changed:
		case <-r.closed:
			return false
		}
	}
	r.change(func() {
		if !r.skip {
			r.queue = append(r.queue, text)
			r.size += len(text)
		}
	})
	return true
}

// finish says why nothing more comes. The reader calls it last.
func (r *received) finish(why error) { r.change(func() { r.end = why }) }

// lost reports whether nothing more comes.
func (r *received) lost() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end != nil
}

// setSkip drops what is there and what comes, or stops dropping.
func (r *received) setSkip(on bool) {
	r.change(func() {
		if r.skip = on; on {
			r.queue, r.size = nil, 0
		}
	})
}

// take returns the next message, waiting for it. The error is why nothing more
// comes, or ctx's cause.
func (r *received) take(ctx context.Context) (text []byte, err error) {
	for {
		r.mu.Lock()
		changed, end, some := r.changed, r.end, len(r.queue) > 0
		r.mu.Unlock()
		switch {
		case some:
			r.change(func() {
				text = r.queue[0]
				r.queue[0] = nil
				r.queue = r.queue[1:]
				r.size -= len(text)
			})
			return text, nil
		case end != nil && ctx.Err() != nil: // which may have ended the connection
			return nil, context.Cause(ctx)
		case end != nil:
			return nil, end
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
