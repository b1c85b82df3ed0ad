package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"sync"
	"time"
)

// Kept is one entry of a Store, for what keeps a text as a whole. Any goroutine may use it.
// Others may save other entries of the same Store.
type Kept struct {
	store   Store
	key     string
	timeout time.Duration

	mu       sync.Mutex // is held while it saves: the saves are one after the other
	revision Revision   // that the Store had last
}

// NewKept returns the entry with a key. timeout bounds each call. Zero means 5 s.
func NewKept(s Store, key string, timeout time.Duration) *Kept {
	return &Kept{store: s, key: key, timeout: cmp.Or(timeout, 5*time.Second)}
}

// Load returns the text. Its error wraps fs.ErrNotExist if there is none.
func (k *Kept) Load() ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), k.timeout)
	defer cancel()
	entries, _, err := k.store.Load(ctx, k.key)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if e.Key == k.key {
			return e.Value, nil
		}
	}
	return nil, fmt.Errorf("entry %q: %w", k.key, fs.ErrNotExist)
}

// keptTries is how often a Save is tried while others save entries of the same Store.
const keptTries = 8

// Save replaces the text. It returns ErrConflict if the Store takes nothing from here any
// more.
func (k *Kept) Save(text []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), k.timeout)
	defer cancel()
	k.mu.Lock()
	defer k.mu.Unlock()
	var err error
	for range keptTries {
		var next Revision
		if next, err = k.store.Save(ctx, []Change{{k.key, text}}, k.revision); err == nil {
			k.revision = next
			return nil
		}
		if !errors.Is(err, ErrConflict) {
			return err
		}
		_, now, loadErr := k.store.Load(ctx, k.key)
		if loadErr != nil {
			return loadErr
		}
		if now == k.revision {
			return err // nobody else has saved
		}
		k.revision = now
	}
	return err
}
