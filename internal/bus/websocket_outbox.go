package bus

import "sync/atomic"

// wsOutbox holds the messages that wait for the writer of one client.
type wsOutbox struct {
	texts    chan wsText
	maxBytes int64
	bytes    atomic.Int64 // in texts, and in the text that is being written
	unsent   *share       // the same bytes, within what all clients may have waiting
}

// push queues text. It reports false if text is too much. A single text is always
// taken.
func (o *wsOutbox) push(text wsText) bool {
	if waiting := o.bytes.Load(); waiting > 0 && waiting+int64(text.own) > o.maxBytes {
		return false
	}
	return o.enqueue(text)
}

// enqueue queues text if there is room for another message. The length of the message
// does not count.
func (o *wsOutbox) enqueue(text wsText) bool {
	o.add(text.own)
	select {
	case o.texts <- text:
		return true
	default:
		o.add(-text.own)
		return false
	}
}

// pushWait queues text, and waits for room. It gives up when ended is closed.
func (o *wsOutbox) pushWait(text wsText, ended <-chan struct{}) {
	o.add(text.own)
	select {
	case o.texts <- text:
	case <-ended:
	}
}

// written says that the writer has written a text.
func (o *wsOutbox) written(text wsText) { o.add(-text.own) }

// behind reports whether an eighth of the outbox is in use.
func (o *wsOutbox) behind() bool {
	return len(o.texts) >= cap(o.texts)/8 || o.bytes.Load() >= o.maxBytes/8
}

// add counts bytes that begin to wait, or, if negative, that no longer wait.
func (o *wsOutbox) add(bytes int) {
	o.bytes.Add(int64(bytes))
	o.unsent.follow(func() int { return max(0, int(o.bytes.Load())-largeMessage) })
}
