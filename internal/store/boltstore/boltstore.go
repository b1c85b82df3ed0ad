package boltstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.etcd.io/bbolt"

	"github.com/zeekfleet/zeekfleet/internal/store"
)

// These are the errors that Open wraps in its own. Its errors name the file and say
// what to do.
var (
	// ErrInUse says that another process holds the file.
	ErrInUse = errors.New("in use by another zeekfleet")

	// ErrForeign says that the file is not one of ours.
	ErrForeign = errors.New("not a zeekfleet state file")

	// ErrNewer says that a newer zeekfleet has written the file, in a format that
	// this one does not know. The file is as it was.
	ErrNewer = errors.New("written by a newer zeekfleet")

	// ErrDamaged says that the file was one of ours and is corrupt.
	ErrDamaged = errors.New("damaged")
)

// Config holds the settings of a Store. Its zero value works.
type Config struct {
	// MaxValue bounds one value, in bytes. A Save of a larger value returns
	// store.ErrTooLarge. Zero means 64 MiB. A configuration of 20,000 nodes has
	// 2.9 MB, or 8.7 MB with scripts, options and variables for each node.
	MaxValue int

	// MaxSave bounds the sum of the keys and values of one Save, in bytes. A larger
	// Save returns store.ErrTooLarge. Zero means 256 MiB. A deployment saves three
	// configurations.
	MaxSave int

	// LockTimeout is how long Open waits for the lock of the file. A predecessor that
	// is shutting down may still hold it. Zero means 1 s.
	LockTimeout time.Duration

	// WithoutIt is the end of an error message about a damaged file. It tells a person
	// what happens without the file: "without it the agent …". It may be empty.
	WithoutIt string

	// Check, if not nil, says whether the entries of a file of an earlier format
	// can be read. If it returns an error, Open returns it, and does not convert the
	// file.
	Check func([]store.Entry) error
}

func (c Config) withDefaults() Config {
	c.MaxValue = cmp.Or(max(c.MaxValue, 0), 64<<20)
	c.MaxSave = cmp.Or(max(c.MaxSave, 0), 256<<20)
	c.LockTimeout = cmp.Or(max(c.LockTimeout, 0), time.Second)
	return c
}

// Store is a store.Store in a file.
type Store struct {
	path string
	cfg  Config
	db   *bbolt.DB
	file *os.File // that of db, which closes it

	missing bool
}

var _ store.Store = (*Store)(nil)

// Path returns the path of the file.
func (s *Store) Path() string { return s.path }

// Missing reports that Open found the directory but no file in it, and made a new
// file. Either this is the first start in that directory, or the file was lost.
func (s *Store) Missing() bool { return s.missing }

// Close closes and unlocks the file. It waits for running calls. Later calls return
// an error.
func (s *Store) Close() error {
	if err := s.db.Close(); err != nil {
		return fmt.Errorf("close %s: %w", s.path, err)
	}
	return nil
}

// Load implements store.Store.
func (s *Store) Load(ctx context.Context, prefix string) (entries []store.Entry, rev store.Revision, err error) {
	if err = context.Cause(ctx); err == nil {
		err = s.db.View(func(tx *bbolt.Tx) error {
			if rev, err = readRevision(tx); err != nil {
				return err
			}
			return readEntries(tx, []byte(prefix), func(e store.Entry) { entries = append(entries, e) })
		})
	}
	if err != nil {
		return nil, 0, fmt.Errorf("load %s: %w", s.path, err)
	}
	return entries, rev, nil
}

// Save implements store.Store.
func (s *Store) Save(ctx context.Context, changes []store.Change, replaces store.Revision) (store.Revision, error) {
	next := replaces + 1
	err := context.Cause(ctx)
	if err == nil {
		err = s.check(changes)
	}
	if err == nil {
		err = s.inPlace()
	}
	if err == nil {
		err = s.db.Update(func(tx *bbolt.Tx) error {
			current, err := readRevision(tx)
			if err != nil {
				return err
			}
			if current != replaces {
				return fmt.Errorf("%w: revision %d is current, not %d", store.ErrConflict, current, replaces)
			}
			return errors.Join(apply(tx, changes), writeRevision(tx, next))
		})
	}
	if err != nil {
		return 0, fmt.Errorf("save %s: %w", s.path, err)
	}
	return next, nil
}

// inPlace returns an error if the path does not name the file any more: what is saved
// in the file would be lost.
func (s *Store) inPlace() error {
	ours, err := s.file.Stat()
	if err != nil {
		return err
	}
	named, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("the file was removed or moved away: put it back, or start anew without it")
	case err == nil && !os.SameFile(ours, named):
		return fmt.Errorf("%w: another file is in the place of the one that was opened", store.ErrConflict)
	}
	return err
}

// check refuses changes that exceed a limit.
func (s *Store) check(changes []store.Change) error {
	all := 0
	for _, c := range changes {
		if len(c.Key) == 0 || len(c.Key) > store.MaxKey {
			return fmt.Errorf("a key of %d bytes: 1 to %d are allowed", len(c.Key), store.MaxKey)
		}
		if len(c.Value) > s.cfg.MaxValue {
			return fmt.Errorf("%w: entry %.40q has %d bytes where %d are allowed", store.ErrTooLarge, c.Key, len(c.Value), s.cfg.MaxValue)
		}
		all += len(c.Key) + len(c.Value)
	}
	if all > s.cfg.MaxSave {
		return fmt.Errorf("%w: changes of %d bytes where %d are allowed", store.ErrTooLarge, all, s.cfg.MaxSave)
	}
	return nil
}

// apply makes the changes in tx.
func apply(tx *bbolt.Tx, changes []store.Change) error {
	b := tx.Bucket(entriesBucket)
	for _, c := range changes {
		var err error
		if key := []byte(c.Key); c.Value == nil {
			err = b.Delete(key)
		} else {
			err = b.Put(key, seal(key, c.Value))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
