package up

import "context"

// background is something that runs beside what started it.
type background struct {
	ended chan struct{}
	err   error // to be read once ended is closed
}

func inBackground(run func() error) *background {
	b := &background{ended: make(chan struct{})}
	go func() {
		defer close(b.ended)
		b.err = run()
	}()
	return b
}

// failure returns why b has ended, and nil if it has not.
func (b *background) failure() error {
	select {
	case <-b.ended:
		return b.err
	default:
		return nil
	}
}

// quietly drops the error of what ctx's end has interrupted.
func quietly(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
