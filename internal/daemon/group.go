package daemon

import (
	"context"
	"errors"
	"fmt"
	"sync"
)

// A group runs the parts of a daemon side by side. When a part ends before it is
// asked to, the group ends all other parts.
type group struct {
	cancel context.CancelCauseFunc
	parts  sync.WaitGroup
}

// errPartEnded is the cause of the end if a part returned nil before it was asked
// to end.
var errPartEnded = errors.New("ended unexpectedly")

func newGroup(ctx context.Context) (*group, context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	return &group{cancel: cancel}, ctx
}

// run starts a part that runs until ctx is done. Errors name the part.
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

// task runs a function that may end at any time. The function ends when its
// context is done.
func (g *group) task(task func()) { g.parts.Go(task) }

// stop ends all parts and waits for them.
func (g *group) stop() {
	g.cancel(nil)
	g.parts.Wait()
}
