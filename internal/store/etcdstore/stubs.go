package etcdstore

import (
	"context"
	"errors"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

var errNotYet = errors.New("etcdstore: not built yet")

type maintenance struct{}

// Run looks after the database, until ctx is done.
func (e *Engine) Run(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) }

func (e *Engine) Store(part string, fence quorum.Fence) store.Store              { return nil }
func (e *Engine) Changed(ctx context.Context, part string, changed func()) error { return errNotYet }
func (e *Engine) Feed(name string) quorum.Feed                                   { return nil }
func (e *Engine) Archives() quorum.Archives                                      { return nil }
func (e *Engine) Begin(ctx context.Context, member string, ttl time.Duration) (quorum.Session, error) {
	return 0, errNotYet
}
func (e *Engine) Live(ctx context.Context) ([]string, error)                  { return nil, errNotYet }
func (e *Engine) Renew(ctx context.Context, s quorum.Session) error           { return errNotYet }
func (e *Engine) EndSession(ctx context.Context, s quorum.Session) error      { return errNotYet }
func (e *Engine) WatchLead(ctx context.Context, seen func(quorum.Lead)) error { return errNotYet }
func (e *Engine) Take(ctx context.Context, s quorum.Session, member string, atLeast uint64) (quorum.Lead, error) {
	return quorum.Lead{}, errNotYet
}
func (e *Engine) Raise(ctx context.Context, f quorum.Fence, term uint64) error { return errNotYet }
func (e *Engine) Doubt(ctx context.Context, s quorum.Session, member string, token int64) error {
	return errNotYet
}
func (e *Engine) Trust(ctx context.Context, member string, token int64) error { return errNotYet }
func (e *Engine) End(ctx context.Context, token int64, doubts int) error      { return errNotYet }
func (e *Engine) Resign(ctx context.Context, f quorum.Fence) error            { return errNotYet }
func (e *Engine) Members(ctx context.Context) ([]quorum.Member, error)        { return nil, errNotYet }
func (e *Engine) Self() uint64                                                { return 0 }
func (e *Engine) Health(ctx context.Context) ([]quorum.Health, error)         { return nil, errNotYet }
func (e *Engine) Add(ctx context.Context, url string) (quorum.Member, []quorum.Member, error) {
	return quorum.Member{}, nil, errNotYet
}
func (e *Engine) Promote(ctx context.Context, id uint64) error                 { return errNotYet }
func (e *Engine) Remove(ctx context.Context, id uint64) error                  { return errNotYet }
func (e *Engine) Announce(ctx context.Context, name string, text []byte) error { return errNotYet }
func (e *Engine) Withdraw(ctx context.Context, name string) error              { return errNotYet }
func (e *Engine) Announced(ctx context.Context) (map[string][]byte, error)     { return nil, errNotYet }
func (e *Engine) WatchAnnounced(ctx context.Context, seen func(map[string][]byte)) error {
	return errNotYet
}
