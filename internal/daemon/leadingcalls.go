package daemon

import (
	"context"
	"errors"
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/core/leading"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// call makes a call of the store beside the loop. Its outcome becomes an event, at the latest
// when its time is over.
func (l *Leading) call(effect leading.Effect) {
	l.parts.Go(func() {
		ctx, cancel := context.WithTimeout(l.run, l.cfg.CallTimeout)
		defer cancel()
		d, err := l.election(ctx, effect)
		d.How, d.Why = outcomeOf(err)
		if err != nil {
			l.cfg.Logger.Debug("a call of the store has failed", "call", fmt.Sprintf("%T", effect), "err", err)
		}
		_ = l.post(l.run, d)
	})
}

// election makes a call.
func (l *Leading) election(ctx context.Context, effect leading.Effect) (d leading.Done, err error) {
	engine, name := l.cfg.Engine, l.cfg.Name
	switch e := effect.(type) {
	case leading.Begin:
		d.ID = e.ID
		d.Made, err = engine.Begin(ctx, name, l.core.SessionTTL())
	case leading.Renew:
		d.ID, err = e.ID, engine.Renew(ctx, e.Session)
	case leading.EndSession:
		d.ID, err = e.ID, engine.EndSession(ctx, e.Session)
	case leading.Take:
		d.ID = e.ID
		d.Lead, err = engine.Take(ctx, e.Session, name, e.AtLeast)
	case leading.Raise:
		d.ID, err = e.ID, engine.Raise(ctx, quorum.Fence{Token: e.Token}, e.Term)
	case leading.Doubt:
		d.ID, err = e.ID, engine.Doubt(ctx, e.Session, name, e.Token)
	case leading.Trust:
		d.ID, err = e.ID, engine.Trust(ctx, name, e.Token)
	case leading.End:
		d.ID, err = e.ID, engine.End(ctx, e.Token, e.Doubts)
	case leading.Resign:
		d.ID, err = e.ID, engine.Resign(ctx, quorum.Fence{Token: e.Token}, e.Heir)
	case leading.Count:
		d.ID = e.ID
		d.Counted, err = l.count(ctx)
	default:
		panic(fmt.Sprintf("daemon: unhandled effect %T of leading", effect))
	}
	return d, err
}

// count counts the members.
func (l *Leading) count(ctx context.Context) (c leading.Counted, err error) {
	if c.Live, err = l.cfg.Engine.Live(ctx); err != nil {
		return c, err
	}
	self := l.cfg.Engine.Self()
	if self == 0 { // the site runs the store: each controller counts
		all, err := l.cfg.Engine.Announced(ctx)
		c.Voters = max(1, len(all))
		return c, err
	}
	members, err := l.cfg.Engine.Members(ctx)
	for _, m := range members {
		if !m.Learner {
			c.Voters++
		} else if m.ID == self {
			c.Learner = true
		}
	}
	return c, err
}

func outcomeOf(err error) (leading.Outcome, string) {
	switch {
	case err == nil:
		return leading.OK, ""
	case errors.Is(err, quorum.ErrTaken), errors.Is(err, store.ErrConflict):
		return leading.Taken, err.Error()
	case errors.Is(err, quorum.ErrSession):
		return leading.Ended, err.Error()
	}
	return leading.Failed, err.Error()
}

// termEnded returns the event that says that a term has closed.
func termEnded(ctx context.Context, token int64, err error) leading.TermEnded {
	ev := leading.TermEnded{Token: token, Conflict: errors.Is(err, store.ErrConflict)}
	switch {
	case ctx.Err() != nil: // it was told to
	case err == nil:
		ev.Why = errPartEnded.Error()
	default:
		ev.Why = err.Error()
	}
	return ev
}
