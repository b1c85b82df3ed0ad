package bus

import (
	"context"
	"errors"
	"io"
	"sync/atomic"

	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// wsInbox holds the messages of one client between the goroutine that reads
// them and the one that handles them. Each method but stalled is for one of the
// two alone.
type wsInbox struct {
	msgs     chan []byte
	spare    chan []byte   // buffers to use again
	freed    chan struct{} // tells the reader that messages have gone
	bytes    atomic.Int64  // in msgs
	maxBytes int64
	large    *share

	waiting atomic.Bool // the reader waits, for room or for its pace
	waited  atomic.Bool // it has done so since stalled was last asked
}

// Buffers that are kept for use again: one is being read into while another is
// being handled.
const (
	wsSpares    = 2
	wsSpareSize = 64 << 10 // bytes at most
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

// fill reads r to its end into a buffer of the inbox. The reader calls it.
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

// weighed counts what it reads among the large messages that are coming in.
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

// push adds msg, waiting until there is room for it; a message alone always has
// room. It returns ctx's cause if ctx ends first. The reader calls it.
func (b *wsInbox) push(ctx context.Context, msg []byte) error {
	size := int64(len(msg))
	for b.bytes.Load() > 0 && b.bytes.Load()+size > b.maxBytes || len(b.msgs) == cap(b.msgs) {
		if err := b.wait(ctx); err != nil {
			return err
		}
	}
	b.bytes.Add(size)
	b.msgs <- msg // has room: nobody else adds
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

// stall says that the reader waits, until the function that it returns is called.
func (b *wsInbox) stall() (end func()) {
	b.waiting.Store(true)
	return func() {
		b.waited.Store(true)
		b.waiting.Store(false)
	}
}

// close says that there is no further message. The reader calls it.
func (b *wsInbox) close() { close(b.msgs) }

// take calls handle with the next message, which is handle's until it returns.
// It reports false after the last message and when ctx has ended. The handler
// calls it.
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

// release makes room for more.
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

// stalled reports whether the reader has had to wait for room since the last
// call, so that what the client has sent in the meantime may not have been seen.
func (b *wsInbox) stalled() bool {
	return b.waiting.Load() || b.waited.Swap(false)
}
