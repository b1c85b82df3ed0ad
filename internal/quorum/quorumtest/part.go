package quorumtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// part is a part of the state.
type part struct {
	rev    store.Revision
	values map[string][]byte
}

// part returns a part. mu is held.
func (c *Cluster) part(name string) *part {
	if c.parts[name] == nil {
		c.parts[name] = &part{values: map[string][]byte{}}
	}
	return c.parts[name]
}

// fenced is a part, as the controller with this fence may change it.
type fenced struct {
	e     *Engine
	name  string
	fence quorum.Fence
}

// Load implements store.Store.
func (s *fenced) Load(ctx context.Context, prefix string) (entries []store.Entry, rev store.Revision, err error) {
	err = s.e.do(ctx, func() error {
		p := s.e.c.part(s.name)
		entries, rev = nil, p.rev
		for _, key := range slices.Sorted(maps.Keys(p.values)) {
			if strings.HasPrefix(key, prefix) {
				entries = append(entries, store.Entry{Key: key, Value: append([]byte{}, p.values[key]...)})
			}
		}
		return nil
	})
	if err != nil {
		return nil, 0, err
	}
	return entries, rev, nil
}

// Save implements store.Store.
func (s *fenced) Save(ctx context.Context, changes []store.Change, replaces store.Revision) (rev store.Revision, err error) {
	if err := s.e.c.check(changes); err != nil {
		return 0, err
	}
	err = s.e.do(ctx, func() error {
		p := s.e.c.part(s.name)
		if err := s.e.c.holds(s.fence); err != nil {
			return err
		}
		if replaces != p.rev {
			return fmt.Errorf("%w: revision %d is current, not %d", store.ErrConflict, p.rev, replaces)
		}
		for _, c := range changes {
			if c.Value == nil {
				delete(p.values, c.Key)
			} else {
				p.values[c.Key] = append([]byte{}, c.Value...)
			}
		}
		p.rev++
		rev = p.rev
		w := Write{Part: s.name, Revision: rev, Fence: s.fence}
		if s.e.c.lead.Token != 0 {
			w.Term = s.e.c.term
		}
		s.e.c.writes = append(s.e.c.writes, w)
		s.e.c.tell()
		return nil
	})
	if err != nil {
		return 0, err
	}
	return rev, nil
}

func (c *Cluster) check(changes []store.Change) error {
	all := 0
	for _, change := range changes {
		if len(change.Key) == 0 || len(change.Key) > store.MaxKey {
			return fmt.Errorf("a key of %d bytes", len(change.Key))
		}
		if c.MaxValue > 0 && len(change.Value) > c.MaxValue {
			return store.ErrTooLarge
		}
		all += len(change.Key) + len(change.Value)
	}
	if c.MaxSave > 0 && all > c.MaxSave {
		return store.ErrTooLarge
	}
	return nil
}
