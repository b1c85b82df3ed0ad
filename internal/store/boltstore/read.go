package boltstore

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// Reader gets what Read reads.
type Reader struct {
	// Begin gets the revision, before the entries.
	Begin func(store.Revision) error
	// Visit gets each entry, in the order of their keys.
	Visit func(store.Entry) error
	// Damaged gets the keys of entries that are damaged, in place of an error. Nil means that
	// such an entry is an error.
	Damaged func(key string)
}

// Read reads the store in a file, and changes nothing. It returns the errors of the Reader. Its
// own errors are those of Open, and wrap fs.ErrNotExist if there is no file. ctx bounds the wait
// for the lock.
func Read(ctx context.Context, path string, to Reader) error {
	ctx, cancel := context.WithTimeoutCause(ctx, Config{}.withDefaults().LockTimeout, ErrInUse)
	defer cancel()
	f, err := flockAs(ctx, func() (*os.File, error) { return durable.OpenLinked(path) }, path, unix.LOCK_SH)
	if err != nil {
		return explain(path, "", err)
	}
	err = readFile(f, path, to)
	if stopped, ok := errors.AsType[*stoppedError](err); ok {
		return stopped.error
	}
	if err != nil {
		return explain(path, "", err)
	}
	return nil
}

// stoppedError is an error of a Reader.
type stoppedError struct{ error }

func stop(err error) error {
	if err != nil {
		err = &stoppedError{err}
	}
	return err
}

// readFile reads a file that is locked. It owns f.
func readFile(f *os.File, path string, to Reader) error {
	info, err := f.Stat()
	if err == nil && info.Size() == 0 {
		err = fmt.Errorf("%w: it is empty (0 bytes)", ErrDamaged)
	}
	if err == nil {
		err = verify(f, info.Size())
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	db, err := bbolt.Open(path, 0, &bbolt.Options{
		ReadOnly: true,
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return f, nil },
	})
	if err != nil {
		return err
	}
	return errors.Join(db.View(func(tx *bbolt.Tx) error { return readTx(tx, to) }), db.Close())
}

func readTx(tx *bbolt.Tx, to Reader) error {
	found, err := readFormat(tx)
	if err != nil {
		return err
	}
	if found == 1 {
		entries, rev, err := readFormat1(tx)
		if err != nil {
			return err
		}
		if err := to.Begin(rev); err != nil {
			return stop(err)
		}
		for _, e := range entriesOf(entries) {
			if err := to.Visit(e); err != nil {
				return stop(err)
			}
		}
		return nil
	}
	if tx.Bucket(entriesBucket) == nil {
		return fmt.Errorf("%w: it has no entries", ErrDamaged)
	}
	rev, err := readRevision(tx)
	if err != nil {
		return err
	}
	if err := to.Begin(rev); err != nil {
		return stop(err)
	}
	c := tx.Bucket(entriesBucket).Cursor()
	for k, v := c.First(); k != nil; k, v = c.Next() {
		e, err := readEntry(k, v)
		switch {
		case err != nil && to.Damaged == nil:
			return err
		case err != nil:
			to.Damaged(string(k))
			continue
		}
		if err := to.Visit(e); err != nil {
			return stop(err)
		}
	}
	return nil
}

// Writer makes a new store in a file. One goroutine may use it.
type Writer struct {
	path    string
	db      *bbolt.DB
	waiting []store.Change
	size    int
}

// writerBytes is how much a Writer keeps in memory.
const writerBytes = 4 << 20

// NewWriter begins a store that Commit puts in place of the file at path. The directory exists.
func NewWriter(path string) (*Writer, error) {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	db, err := bbolt.Open(fresh, 0o600, &bbolt.Options{NoSync: true, NoGrowSync: true})
	if err != nil {
		return nil, err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		for _, name := range [][]byte{aboutBucket, entriesBucket, documentsBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, errors.Join(err, db.Close(), os.Remove(fresh))
	}
	return &Writer{path: path, db: db}, nil
}

// Put adds an entry.
func (w *Writer) Put(e store.Entry) error {
	if len(e.Key) == 0 || len(e.Key) > store.MaxKey {
		return fmt.Errorf("a key of %d bytes: 1 to %d are allowed", len(e.Key), store.MaxKey)
	}
	w.waiting = append(w.waiting, store.Change(e))
	if w.size += len(e.Key) + len(e.Value); w.size < writerBytes {
		return nil
	}
	return w.flush()
}

func (w *Writer) flush() error {
	changes := w.waiting
	w.waiting, w.size = nil, 0
	return w.db.Update(func(tx *bbolt.Tx) error { return apply(tx, changes) })
}

// Commit puts the store in its place, with a revision. It outlives a power cut then.
func (w *Writer) Commit(rev store.Revision) error {
	err := w.flush()
	if err == nil {
		err = w.db.Update(func(tx *bbolt.Tx) error {
			return errors.Join(tx.Bucket(aboutBucket).Put(formatKey, fmt.Append(nil, format)), writeRevision(tx, rev))
		})
	}
	if err == nil {
		err = w.db.Sync()
	}
	err = errors.Join(err, w.db.Close())
	if err == nil {
		err = os.Rename(w.path+".new", w.path)
	}
	if err != nil {
		return errors.Join(err, w.Close())
	}
	return durable.SyncDir(filepath.Dir(w.path))
}

// Close ends a Writer. Without a Commit nothing is there.
func (w *Writer) Close() error {
	err := w.db.Close()
	if gone := os.Remove(w.path + ".new"); !errors.Is(gone, os.ErrNotExist) {
		err = errors.Join(err, gone)
	}
	return err
}
