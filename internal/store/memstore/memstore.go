// Package memstore keeps entries in memory, for tests and benchmarks. It starts no
// goroutines.
package memstore

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Store is a store.Store that ends with the process. Its zero value is empty.
type Store struct {
	// MaxValue and MaxSave are as in boltstore.Config. Zero means no limit.
	MaxValue, MaxSave int

	mu     sync.Mutex
	rev    store.Revision
	values map[string][]byte
}

var _ store.Store = (*Store)(nil)

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, prefix string) (entries []store.Entry, rev store.Revision, err error) {
	if err := context.Cause(ctx); err != nil {
		return nil, 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range slices.Sorted(maps.Keys(s.values)) {
		if strings.HasPrefix(key, prefix) {
			entries = append(entries, store.Entry{Key: key, Value: copyOf(s.values[key])})
		}
	}
	return entries, s.rev, nil
}

// Save implements store.Store.
func (s *Store) Save(ctx context.Context, changes []store.Change, replaces store.Revision) (store.Revision, error) {
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	if err := s.check(changes); err != nil {
		return 0, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if replaces != s.rev {
		return 0, fmt.Errorf("%w: revision %d is current, not %d", store.ErrConflict, s.rev, replaces)
	}
	if s.values == nil {
		s.values = map[string][]byte{}
	}
	for _, c := range changes {
		if c.Value == nil {
			delete(s.values, c.Key)
		} else {
			s.values[c.Key] = copyOf(c.Value)
		}
	}
	s.rev++
	return s.rev, nil
}

func (s *Store) check(changes []store.Change) error {
	all := 0
	for _, c := range changes {
		if len(c.Key) == 0 || len(c.Key) > store.MaxKey {
			return fmt.Errorf("a key of %d bytes", len(c.Key))
		}
		if s.MaxValue > 0 && len(c.Value) > s.MaxValue {
			return store.ErrTooLarge
		}
		all += len(c.Key) + len(c.Value)
	}
	if s.MaxSave > 0 && all > s.MaxSave {
		return store.ErrTooLarge
	}
	return nil
}

// copyOf returns a copy that is not nil.
func copyOf(value []byte) []byte { return append([]byte{}, value...) }
