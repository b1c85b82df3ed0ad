package bus

import (
	"errors"
	"sync"
)

// errQueueFull drops a peer that has fallen too far behind.
var errQueueFull = errors.New("send queue is full")

// maxIdleQueue is the length up to which an empty queue keeps its memory.
const maxIdleQueue = 64

// sendQueue holds the frames that wait for the writer of one native peer. It knows
// the version of the last filter in it. So an older filter never follows a newer
// one. After stop the queue stays empty.
type sendQueue struct {
	maxFrames, maxBytes int
	wake                chan struct{} // holds a token while the queue may have frames

	mu       sync.Mutex
	frames   [][]byte
	bytes    int
	stopped  bool
	announce uint64 // version of the last filter queued
}

func newSendQueue(maxFrames, maxBytes int) *sendQueue {
	return &sendQueue{maxFrames: maxFrames, maxBytes: maxBytes, wake: make(chan struct{}, 1)}
}

// push appends frame. It reports false if there is no room. Pushing to a stopped
// queue does nothing.
func (q *sendQueue) push(frame []byte) (ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return true
	}
	if q.full(len(frame)) {
		return false
	}
	q.append(frame)
	return true
}

// pushFilter is push for the frame of a filter. It drops the frame if a newer filter
// was queued before.
func (q *sendQueue) pushFilter(version uint64, frame []byte) (ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped || version <= q.announce {
		return true
	}
	if q.full(len(frame)) {
		return false
	}
	q.announce = version
	q.append(frame)
	return true
}

// waiting returns the bytes that are queued.
func (q *sendQueue) waiting() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.bytes
}

// length returns the number of frames that are queued.
func (q *sendQueue) length() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.frames)
}

// full reports whether size more bytes are too many. The caller holds mu.
func (q *sendQueue) full(size int) bool {
	return len(q.frames) >= q.maxFrames || q.bytes > 0 && q.bytes+size > q.maxBytes
}

// append queues frame. The caller holds mu.
func (q *sendQueue) append(frame []byte) {
	q.frames = append(q.frames, frame)
	q.bytes += len(frame)
	if len(q.frames) == 1 {
		q.signal()
	}
}

func (q *sendQueue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take moves frames of about size bytes from the queue to batch, and returns batch.
// If the queue has frames, take moves at least one.
func (q *sendQueue) take(batch [][]byte, size int) [][]byte {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := 0
	for taken := 0; n < len(q.frames) && taken < size; n++ {
		taken += len(q.frames[n])
		q.bytes -= len(q.frames[n])
	}
	batch = append(batch, q.frames[:n]...)
	clear(q.frames[:n])
	switch {
	case n < len(q.frames):
		q.frames = q.frames[n:]
		q.signal()
	case cap(q.frames) <= maxIdleQueue:
		q.frames = q.frames[:0]
	default:
		q.frames = nil
	}
	return batch
}

// stop empties the queue, and wakes the writer.
func (q *sendQueue) stop() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.stopped, q.frames, q.bytes = true, nil, 0
	q.signal()
}
