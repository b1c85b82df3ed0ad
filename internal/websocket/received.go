package websocket

import (
	"context"
	"sync"
)

// received is the receive queue of a Client: messages that the reading goroutine
// has read and that Receive has not returned yet.
type received struct {
	messages, bytes int // the bounds; a single message is always taken

	mu      sync.Mutex
	queue   [][]byte
	size    int
	skip    bool  // drop every message
	end     error // why no further message comes; nil before that
	closed  chan struct{}
	changed chan struct{} // closed at the next change
}

func newReceived(messages, bytes int) *received {
	return &received{messages: messages, bytes: bytes, closed: make(chan struct{}), changed: make(chan struct{})}
}

// change runs f and wakes every goroutine that waits for a change.
func (r *received) change(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	f()
	close(r.changed)
	r.changed = make(chan struct{})
}

// add appends a message, and waits for room. It reports false if the Client is
// closed. Only the reading goroutine calls it.
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

// finish records why no further message comes. Only the reading goroutine calls
// it, and it calls it last.
func (r *received) finish(why error) { r.fail(why) }

// fail records why no further message counts, unless that is known.
func (r *received) fail(why error) {
	r.change(func() {
		if r.end == nil {
			r.end = why
		}
	})
}

// lost reports whether finish was called.
func (r *received) lost() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.end != nil
}

// setSkip begins or ends the dropping of messages. Beginning also empties the
// queue.
func (r *received) setSkip(on bool) {
	r.change(func() {
		if r.skip = on; on {
			r.queue, r.size = nil, 0
		}
	})
}

// take waits for the next message and returns it. The error is why no further
// message comes, or ctx's cause.
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
		case end != nil && ctx.Err() != nil: // the end of ctx may have ended the connection
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
