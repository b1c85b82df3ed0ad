package quorumtest

import (
	"context"
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Engine is the way of one controller to its cluster.
type Engine struct {
	*faults
	c    *Cluster
	name string
	id   uint64 // of its member; zero: none
}

var _ quorum.Engine = (*Engine)(nil)

// Store implements quorum.Engine.
func (e *Engine) Store(name string, fence quorum.Fence) store.Store {
	return &fenced{e, name, fence}
}

// Changed implements quorum.Engine.
func (e *Engine) Changed(ctx context.Context, name string, changed func()) error {
	var seen store.Revision
	first := true
	return watch(ctx, e, func() store.Revision { return e.c.part(name).rev }, func(rev store.Revision) {
		if !first && rev != seen {
			changed()
		}
		seen, first = rev, false
	})
}

// Feed implements quorum.Engine.
func (e *Engine) Feed(name string) quorum.Feed { return &feedOf{e, name} }

// Archives implements quorum.Engine.
func (e *Engine) Archives() quorum.Archives { return archivesOf{e} }

// Close implements quorum.Engine. Every later call fails.
func (e *Engine) Close() error {
	e.Fail(errClosed)
	e.Break()
	return nil
}

// removed returns an error if this engine's member is no longer one. mu is held.
func (e *Engine) removed() error {
	if e.id == 0 {
		return nil
	}
	for _, m := range e.c.members {
		if m.ID == e.id {
			return nil
		}
	}
	return fmt.Errorf("controller %s was removed from the cluster", e.name)
}

// do performs a call: the way there, the act, and the way back.
func (e *Engine) do(ctx context.Context, act func() error) error {
	if err := e.there(ctx); err != nil {
		return err
	}
	e.c.mu.Lock()
	err := e.removed()
	if err == nil {
		err = act()
	}
	e.c.mu.Unlock()
	if lost := e.back(ctx); lost != nil {
		return lost
	}
	return err
}

// watch calls seen with what look returns, first now and then after each change of the
// cluster, until ctx is done or the watch breaks. It may call seen twice with the same. While
// the engine is cut off, it sees nothing.
func watch[T any](ctx context.Context, e *Engine, look func() T, seen func(T)) error {
	broken := e.breaks()
	for {
		var now T
		var next chan struct{}
		if err := e.there(ctx); err != nil {
			return err
		}
		e.c.mu.Lock()
		err := e.removed()
		now, next = look(), e.c.changed
		e.c.mu.Unlock()
		if err != nil {
			return err
		}
		seen(now)
		select {
		case <-next:
		case <-broken:
			return errBroken
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
