package boltstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.etcd.io/bbolt"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Conditions that Open reports. Its errors wrap them, name the file, and say
// what to do.
var (
	// ErrInUse says that another process holds the file.
	ErrInUse = errors.New("in use by another zeekfleet")

	// ErrForeign says that the file is not one of ours, or that a newer
	// zeekfleet wrote it.
	ErrForeign = errors.New("not a zeekfleet state file")

	// ErrDamaged says that the file was one of ours and is corrupt.
	ErrDamaged = errors.New("damaged")
)

// Config holds the settings of a Store. Its zero value works.
type Config struct {
	// History is how many predecessors of the current document are kept; the
	// oldest are dropped by the Save that exceeds it. Zero means 50, a
	// negative number none.
	History int

	// MaxBytes bounds one document; a Save of a larger one is refused with
	// store.ErrTooLarge. Zero means 16 MiB.
	MaxBytes int

	// LockTimeout is how long Open waits for another process to let go of the
	// file, such as a predecessor that is still shutting down. Zero means 1 s.
	LockTimeout time.Duration

	// WithoutIt tells a person what happens if a damaged file is moved away, as
	// the end of a sentence: "without it the agent …". Empty says nothing.
	WithoutIt string
}

func (c Config) withDefaults() Config {
	switch {
	case c.History == 0:
		c.History = 50
	case c.History < 0:
		c.History = 0
	}
	if c.MaxBytes <= 0 {
		c.MaxBytes = 16 << 20
	}
	if c.LockTimeout <= 0 {
		c.LockTimeout = time.Second
	}
	return c
}

// Store is a store.Historian in a file.
type Store struct {
	path string
	cfg  Config
	db   *bbolt.DB

	missing bool
}

var _ store.Historian = (*Store)(nil)

// Missing reports that Open found the directory, and no file in it: either this
// is the first start there, or the file was lost. Open has made a new one.
func (s *Store) Missing() bool { return s.missing }

// Close lets go of the file. Calls that are under way end first; later ones
// return an error.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close %s: %w", s.path, err)
	}
	return nil
}

// Load implements store.Store.
func (s *Store) Load(ctx context.Context) ([]byte, store.Revision, error) {
	var doc []byte
	var rev store.Revision
	err := s.view(ctx, func(b *bbolt.Bucket) (err error) {
		k, v := b.Cursor().Last()
		if k == nil {
			return nil
		}
		e, err := decodeEntry(k, v)
		doc, rev = e.doc, e.revision
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("load %s: %w", s.path, err)
	}
	return doc, rev, nil
}

// Save implements store.Store.
func (s *Store) Save(ctx context.Context, doc []byte, replaces store.Revision) (store.Revision, error) {
	rev, err := s.save(ctx, doc, replaces)
	if err != nil {
		return 0, fmt.Errorf("save %s: %w", s.path, err)
	}
	return rev, nil
}

func (s *Store) save(ctx context.Context, doc []byte, replaces store.Revision) (store.Revision, error) {
	if err := context.Cause(ctx); err != nil {
		return 0, err
	}
	if len(doc) > s.cfg.MaxBytes {
		return 0, fmt.Errorf("%w: %d bytes where %d are allowed", store.ErrTooLarge, len(doc), s.cfg.MaxBytes)
	}
	next := replaces + 1
	err := s.db.Update(func(tx *bbolt.Tx) error {
		b := tx.Bucket(documentsBucket)
		current := lastRevision(b)
		if current != replaces {
			return fmt.Errorf("%w: revision %d is current, not %d", store.ErrConflict, current, replaces)
		}
		e := entry{revision: next, saved: time.Now(), doc: doc}
		if err := b.Put(e.key(), e.value()); err != nil {
			return err
		}
		return s.dropOldest(b, next)
	})
	return next, err
}

// dropOldest deletes what is older than the predecessors to keep. It usually
// finds one; after the limit was lowered it finds more.
func (s *Store) dropOldest(b *bbolt.Bucket, current store.Revision) error {
	for {
		k, _ := b.Cursor().First()
		if current-decodeKey(k) <= store.Revision(s.cfg.History) {
			return nil
		}
		if err := b.Delete(k); err != nil {
			return err
		}
	}
}

// History implements store.Historian.
func (s *Store) History(ctx context.Context) ([]store.Version, error) {
	var versions []store.Version
	err := s.view(ctx, func(b *bbolt.Bucket) error {
		c := b.Cursor()
		for k, v := c.Last(); k != nil; k, v = c.Prev() {
			e, err := decodeEntry(k, v)
			if err != nil {
				return err
			}
			versions = append(versions, store.Version{Revision: e.revision, Saved: e.saved, Size: len(e.doc)})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("list history in %s: %w", s.path, err)
	}
	return versions, nil
}

// LoadAt implements store.Historian.
func (s *Store) LoadAt(ctx context.Context, rev store.Revision) ([]byte, error) {
	var doc []byte
	err := s.view(ctx, func(b *bbolt.Bucket) error {
		k := entry{revision: rev}.key()
		v := b.Get(k)
		if v == nil {
			return store.ErrNotKept
		}
		e, err := decodeEntry(k, v)
		doc = e.doc
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("load revision %d of %s: %w", rev, s.path, err)
	}
	return doc, nil
}

func (s *Store) view(ctx context.Context, read func(*bbolt.Bucket) error) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return s.db.View(func(tx *bbolt.Tx) error {
		return read(tx.Bucket(documentsBucket))
	})
}

func lastRevision(b *bbolt.Bucket) store.Revision {
	k, _ := b.Cursor().Last()
	if k == nil {
		return 0
	}
	return decodeKey(k)
}
