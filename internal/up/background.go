package up

import "context"

// background is a function that runs in a goroutine of its own.
type background struct {
	ended chan struct{}
	err   error // read it only after ended is closed
}

func inBackground(run func() error) *background {
	b := &background{ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		b.err = run()
	}()
	return b
}

// failure returns the error with which b has ended. It is nil if b has not ended.
func (b *background) failure() error {
	select {
	case <-b.ended:
		return b.err
	default:
		return nil
	}
}

// quietly returns err, or nil if ctx is done: the end of ctx has then caused err.
func quietly(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
