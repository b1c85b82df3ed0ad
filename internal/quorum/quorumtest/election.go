package quorumtest

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

// Begin implements quorum.Election.
func (e *Engine) Begin(ctx context.Context, member string, ttl time.Duration) (s quorum.Session, err error) {
	err = e.do(ctx, func() error {
		if ttl <= 0 {
			return fmt.Errorf("a session of %v", ttl)
		}
		e.c.session++
		s = e.c.session
		e.c.sessions[s] = &session{
			member: member, ttl: ttl, ends: time.Now().Add(ttl),
			timer: time.AfterFunc(ttl, func() { e.c.expire(s) }),
		}
		e.c.tell()
		return nil
	})
	return s, err
}

// Live implements quorum.Election.
func (e *Engine) Live(ctx context.Context) (names []string, err error) {
	err = e.do(ctx, func() error {
		names = nil
		for _, s := range e.c.sessions {
			names = append(names, s.member)
		}
		slices.Sort(names)
		names = slices.Compact(names)
		return nil
	})
	return names, err
}

// Renew implements quorum.Election.
func (e *Engine) Renew(ctx context.Context, id quorum.Session) error {
	return e.do(ctx, func() error {
		s, err := e.c.has(id)
		if err == nil {
			s.ends = time.Now().Add(s.ttl)
			s.timer.Reset(s.ttl)
		}
		return err
	})
}

// has returns a session that has not ended. mu is held.
func (c *Cluster) has(id quorum.Session) (*session, error) {
	s := c.sessions[id]
	if s != nil && time.Now().Before(s.ends) {
		return s, nil
	}
	c.end(id)
	return nil, quorum.ErrSession
}

// EndSession implements quorum.Election.
func (e *Engine) EndSession(ctx context.Context, id quorum.Session) error {
	return e.do(ctx, func() error {
		e.c.end(id)
		return nil
	})
}

// WatchLead implements quorum.Election.
func (e *Engine) WatchLead(ctx context.Context, seen func(quorum.Lead)) error {
	var last quorum.Lead
	first := true
	return watch(ctx, e, e.c.leadNow, func(now quorum.Lead) {
		if first || !same(now, last) {
			seen(now)
		}
		last, first = now, false
	})
}

func same(a, b quorum.Lead) bool {
	return a.Member == b.Member && a.Term == b.Term && a.Token == b.Token && a.Heir == b.Heir && slices.Equal(a.Doubts, b.Doubts)
}

// Take implements quorum.Election.
func (e *Engine) Take(ctx context.Context, id quorum.Session, member string, atLeast uint64) (lead quorum.Lead, err error) {
	err = e.do(ctx, func() error {
		if _, err := e.c.has(id); err != nil {
			return err
		}
		if e.c.lead.Token != 0 {
			return fmt.Errorf("%w: %s", quorum.ErrTaken, e.c.lead.Member)
		}
		e.c.token++
		e.c.term = max(e.c.term+1, atLeast)
		e.c.lead, e.c.leads = quorum.Lead{Member: member, Token: e.c.token}, id
		e.c.tell()
		lead = e.c.leadNow()
		return nil
	})
	return lead, err
}

// leadsBy returns ErrTaken unless the lead of a token goes on. mu is held.
func (c *Cluster) leadsBy(token int64) error {
	if token != 0 && c.lead.Token == token {
		return nil
	}
	return fmt.Errorf("%w: the lead with the token %d has ended", quorum.ErrTaken, token)
}

// Raise implements quorum.Election.
func (e *Engine) Raise(ctx context.Context, f quorum.Fence, term uint64) error {
	return e.do(ctx, func() error {
		err := e.c.leadsBy(f.Token)
		if err == nil && term > e.c.term {
			e.c.term = term
			e.c.tell()
		}
		return err
	})
}

// Doubt implements quorum.Election.
func (e *Engine) Doubt(ctx context.Context, id quorum.Session, member string, token int64) error {
	return e.do(ctx, func() error {
		if _, err := e.c.has(id); err != nil {
			return err
		}
		if err := e.c.leadsBy(token); err != nil {
			return err
		}
		e.c.doubts[member] = doubt{id, token}
		e.c.tell()
		return nil
	})
}

// Trust implements quorum.Election.
func (e *Engine) Trust(ctx context.Context, member string, token int64) error {
	return e.do(ctx, func() error {
		if d, ok := e.c.doubts[member]; ok && d.token == token {
			delete(e.c.doubts, member)
			e.c.tell()
		}
		return nil
	})
}

// End implements quorum.Election.
func (e *Engine) End(ctx context.Context, token int64, doubts int) error {
	return e.do(ctx, func() error {
		if err := e.c.leadsBy(token); err != nil {
			return err
		}
		if n := len(e.c.leadNow().Doubts); n < doubts {
			return fmt.Errorf("%w: %d members doubt it, and not %d", quorum.ErrTaken, n, doubts)
		}
		e.c.endLead("")
		return nil
	})
}

// Resign implements quorum.Election.
func (e *Engine) Resign(ctx context.Context, f quorum.Fence, heir string) error {
	return e.do(ctx, func() error {
		err := e.c.leadsBy(f.Token)
		if err == nil {
			e.c.endLead(heir)
		}
		return err
	})
}
