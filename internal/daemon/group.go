package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A group runs the parts of a daemon side by side. The first part that ends
// before its time ends all others.
type group struct {
	cancel context.CancelCauseFunc
	parts  sync.WaitGroup
}

// errPartEnded is the cause with which the parts of a group are cancelled when
// one of them returned nil too early.
var errPartEnded = errors.New("ended unexpectedly")

func newGroup(ctx context.Context) (*group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &group{cancel: cancel}, ctx
}

// run starts a part that ends only when ctx is done; name says which in errors.
func (g *group) run(ctx context.Context, name string, part func(context.Context) error) {
	g.parts.Go(func() {
		err := part(ctx)
		if ctx.Err() != nil {
			return // it was asked to end
		}
		if err == nil {
			err = errPartEnded
		}
		g.cancel(fmt.Errorf("%s: %w", name, err))
	})
}

// task runs something that may end at any time, and leaves by itself when ctx is
// done.
func (g *group) task(task func()) { g.parts.Go(task) }

// stop ends all parts and waits for them.
func (g *group) stop() {
	g.cancel(nil)
	g.parts.Wait()
}
