package bus

import "context"

// largeMessage is the length in bytes from which on a message counts as large.
const largeMessage = 32 << 10

// largeTurn lets large messages be decoded and delivered one at a time: while a
// message is decoded it may need many times its length in memory.
type largeTurn chan struct{}

func newLargeTurn() largeTurn { return make(largeTurn, 1) }

// take waits for the turn, if a message of that many bytes is large. The caller
// calls done when it has delivered the message. If ctx ends first, take returns
// ctx's cause.
func (t largeTurn) take(ctx context.Context, bytes int) (done func(), err error) {
	if bytes < largeMessage {
		return func() {}, nil
	}
	select {
	case t <- struct{}{}:
		return func() { <-t }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
