package quorumtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
)

var errExternal = errors.New("the site runs the store: its members are not controllers")

// Members implements quorum.Membership.
func (e *Engine) Members(ctx context.Context) (list []quorum.Member, err error) {
	err = e.do(ctx, func() error {
		list = slices.Clone(e.c.members)
		return nil
	})
	return list, err
}

// Self implements quorum.Membership.
func (e *Engine) Self() uint64 {
	if e.c.External {
		return 0
	}
	return e.id
}

// Health implements quorum.Membership. The first member that can be asked leads the engine.
func (e *Engine) Health(ctx context.Context) (list []quorum.Health, err error) {
	err = e.do(ctx, func() error {
		list = nil
		leader := false
		for _, m := range e.c.members {
			h := quorum.Health{Name: m.Name, Version: "test", Lag: e.c.lags[m.Name], Bytes: 1, Used: 1, Quota: 1 << 30, Alarms: e.c.alarms[m.Name]}
			if !e.c.reachable(m.ID) {
				h = quorum.Health{Name: m.Name, Err: "no answer"}
			} else if !leader && !m.Learner {
				h.Leader, leader = true, true
			}
			list = append(list, h)
		}
		return nil
	})
	return list, err
}

// reachable reports whether the newest engine of a member can be asked. mu is held.
func (c *Cluster) reachable(id uint64) bool {
	for _, e := range slices.Backward(c.engines) {
		if e.id == id {
			return e.reachable()
		}
	}
	return false
}

// Add implements quorum.Membership.
func (e *Engine) Add(ctx context.Context, url string) (added quorum.Member, all []quorum.Member, err error) {
	err = e.do(ctx, func() error {
		if e.c.External {
			return errExternal
		}
		e.c.ids++
		added = quorum.Member{ID: e.c.ids, URLs: []string{url}, Learner: true}
		e.c.members = append(e.c.members, added)
		all = slices.Clone(e.c.members)
		e.c.tell()
		return nil
	})
	return added, all, err
}

// Promote implements quorum.Membership.
func (e *Engine) Promote(ctx context.Context, id uint64) error {
	return e.do(ctx, func() error {
		m, err := e.c.member(id)
		if err != nil {
			return err
		}
		if m.Name == "" || e.c.lags[m.Name] > 0 {
			return fmt.Errorf("member %d is behind", id)
		}
		m.Learner = false
		e.c.tell()
		return nil
	})
}

func (c *Cluster) member(id uint64) (*quorum.Member, error) {
	if c.External {
		return nil, errExternal
	}
	for i := range c.members {
		if c.members[i].ID == id {
			return &c.members[i], nil
		}
	}
	return nil, fmt.Errorf("no member %d", id)
}

// Remove implements quorum.Membership. Every later call of the member's engine fails.
func (e *Engine) Remove(ctx context.Context, id uint64) error {
	return e.do(ctx, func() error {
		if _, err := e.c.member(id); err != nil {
			return err
		}
		e.c.members = slices.DeleteFunc(e.c.members, func(m quorum.Member) bool { return m.ID == id })
		e.c.tell()
		return nil
	})
}

// Announce implements quorum.Membership.
func (e *Engine) Announce(ctx context.Context, name string, text []byte) error {
	return e.do(ctx, func() error {
		e.c.announced[name] = slices.Clone(text)
		e.c.tell()
		return nil
	})
}

// Withdraw implements quorum.Membership.
func (e *Engine) Withdraw(ctx context.Context, name string) error {
	return e.do(ctx, func() error {
		delete(e.c.announced, name)
		e.c.tell()
		return nil
	})
}

// Announced implements quorum.Membership.
func (e *Engine) Announced(ctx context.Context) (all map[string][]byte, err error) {
	err = e.do(ctx, func() error {
		all = copyOf(e.c.announced)
		return nil
	})
	return all, err
}

// WatchAnnounced implements quorum.Membership.
func (e *Engine) WatchAnnounced(ctx context.Context, seen func(map[string][]byte)) error {
	return watch(ctx, e, func() map[string][]byte { return copyOf(e.c.announced) }, whenNew(seen))
}

// whenNew calls seen only with maps that differ from the last one.
func whenNew(seen func(map[string][]byte)) func(map[string][]byte) {
	var last map[string][]byte
	return func(now map[string][]byte) {
		if last == nil || !maps.EqualFunc(now, last, bytes.Equal) {
			seen(copyOf(now))
		}
		last = now
	}
}

func copyOf(texts map[string][]byte) map[string][]byte {
	copied := map[string][]byte{}
	for name, text := range texts {
		copied[name] = bytes.Clone(text)
	}
	return copied
}
