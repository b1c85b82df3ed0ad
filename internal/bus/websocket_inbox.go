package bus

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// wsInbox holds the messages of one client that were read and not handled yet. One
// goroutine reads them (the reader), and another one handles them (the handler).
// Each method says which one may call it; every goroutine may call stalled.
type wsInbox struct {
	msgs     chan []byte
	spare    chan []byte   // buffers to use again
	freed    chan struct{} // tells the reader that the handler has taken a message
	bytes    atomic.Int64  // in msgs
	maxBytes int64
	large    *share

	waiting atomic.Bool // the reader waits now: for room, or for the client's allowance
	waited  atomic.Bool // the reader has waited since the last call of stalled
}

// Buffers are kept to be used again. Two are needed: the reader fills one while the
// handler handles the other.
const (
	wsSpares    = 2
	wsSpareSize = 64 << 10 // bytes; a longer buffer is not kept
)

func newWSInbox(messages, maxBytes int, large *share) *wsInbox {
	return &wsInbox{
		large:    large,
		msgs:     make(chan []byte, messages),
		spare:    make(chan []byte, wsSpares),
		freed:    make(chan struct{}, 1),
		maxBytes: int64(maxBytes),
	}
}

// fill reads all of r into a buffer of the inbox. The reader calls it.
func (b *wsInbox) fill(r io.Reader) ([]byte, error) {
	var buf []byte
	select {
	case buf = <-b.spare:
	default:
		buf = make([]byte, 0, 512)
	}
	return websocket.ReadMessage(&weighed{r: r, inbox: b}, buf)
}

// errTooLong ends a connection whose client sends a message that is too long.
var errTooLong = errors.New("message is too long")

// weighed counts the bytes that it reads as part of the client's large messages.
type weighed struct {
	r     io.Reader
	inbox *wsInbox
	read  int
}

func (w *weighed) Read(p []byte) (int, error) {
	n, err := w.r.Read(p)
	w.read += n
	if int64(w.read) > w.inbox.maxBytes {
		return n, errTooLong
	}
	if w.read >= largeMessage {
		w.inbox.large.set(w.read + int(w.inbox.bytes.Load()))
	}
	return n, err
}

// push adds msg, and waits until there is room for it. There is always room for a
// single message. If ctx ends first, push returns ctx's cause. The reader calls it.
func (b *wsInbox) push(ctx context.Context, msg []byte) error {
	size := int64(len(msg))
	for b.bytes.Load() > 0 && b.bytes.Load()+size > b.maxBytes || len(b.msgs) == cap(b.msgs) {
		if err := b.wait(ctx); err != nil {
			return err
		}
	}
	b.bytes.Add(size)
	b.msgs <- msg // has room, because only the reader adds messages
	return nil
}

func (b *wsInbox) wait(ctx context.Context) error {
	defer b.stall()()
	select {
	case <-b.freed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// stall says that the reader begins to wait. The reader calls end when it stops
// waiting.
func (b *wsInbox) stall() (end func()) {
	b.waiting.Store(true)
	return func() {
		b.waited.Store(true)
		b.waiting.Store(false)
	}
}

// close says that no further message comes. The reader calls it.
func (b *wsInbox) close() { close(b.msgs) }

// take calls handle with the next message. handle must not keep the message. take
// reports false after the last message, and if ctx ends first. The handler calls it.
func (b *wsInbox) take(ctx context.Context, handle func(msg []byte)) bool {
	select {
	case msg, ok := <-b.msgs:
		if ok {
			handle(msg)
			b.release(msg)
		}
		return ok
	case <-ctx.Done():
		return false
	}
}

// release makes room for another message, and keeps the buffer.
func (b *wsInbox) release(msg []byte) {
	if left := b.bytes.Add(-int64(len(msg))); left == 0 && len(msg) >= largeMessage {
		b.large.set(0)
	}
	select {
	case b.freed <- struct{}{}:
	default:
	}
	if cap(msg) > wsSpareSize {
		return
	}
	select {
	case b.spare <- msg[:0]:
	default:
	}
}

// stalled reports whether the reader has waited since the last call. If so, the
// client may have sent a pong that was not read yet.
func (b *wsInbox) stalled() bool {
	return b.waiting.Load() || b.waited.Swap(false)
}
