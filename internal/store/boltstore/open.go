package boltstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/store"
)

// lockRetry is the time between two attempts to lock a file that is in use.
const lockRetry = 20 * time.Millisecond

// Open opens the store at path. It makes the file and its directory if they do not
// exist, and converts a file of an earlier format. Its errors name the file. They are
// ErrInUse, ErrForeign, ErrNewer, ErrDamaged, or errors of the file system. ctx bounds
// the wait for the lock.
func Open(ctx context.Context, path string, cfg Config) (*Store, error) {
	s := &Store{path: path, cfg: cfg.withDefaults()}
	if err := s.open(ctx); err != nil {
		return nil, explain(path, s.cfg.WithoutIt, err)
	}
	return s, nil
}

// explain returns err with the file's path and with advice for a person.
func explain(path, withoutIt string, err error) error {
	switch {
	case errors.Is(err, ErrInUse):
		return fmt.Errorf("state file %s is %w; stop that one, or give this one a state directory of its own (--state-dir)", path, err)
	case errors.Is(err, ErrForeign):
		return fmt.Errorf("state file %s is %w; name another state directory (--state-dir), or move it away%s", path, err, then(withoutIt))
	case errors.Is(err, ErrNewer):
		return fmt.Errorf("state file %s was %w; run that zeekfleet, or a later one", path, err)
	case errors.Is(err, ErrDamaged):
		return fmt.Errorf("state file %s is %w; restore a copy of it, or move it away%s", path, err, then(withoutIt))
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("open state file %s: %w%s", path, err, ofAnotherUser(filepath.Dir(path)))
	}
	return fmt.Errorf("open state file %s: %w", path, err)
}

// ofAnotherUser says what to do if a directory belongs to another user than this program's: a
// daemon that root has started by hand becomes a service with a user of its own.
func ofAnotherUser(dir string) string {
	var st unix.Stat_t
	own := os.Geteuid()
	if err := unix.Stat(dir, &st); err != nil || int64(st.Uid) == int64(own) {
		return ""
	}
	return fmt.Sprintf("; %s belongs to user %s, and this program runs as %s: run it as that user, or give it the directory (chown -R %[3]s: %[1]s)",
		dir, userName(strconv.FormatUint(uint64(st.Uid), 10)), userName(strconv.Itoa(own)))
}

func userName(uid string) string {
	if found, err := user.LookupId(uid); err == nil {
		return found.Username
	}
	return uid
}

// then returns the end of a sentence, after a colon, or "" for an empty text.
func then(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

func (s *Store) open(ctx context.Context) error {
	dir := filepath.Dir(s.path)
	_, err := os.Stat(dir)
	known := err == nil
	if err := makeDirs(dir); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, s.cfg.LockTimeout, ErrInUse)
	defer cancel()
	if _, err := os.Lstat(s.path); errors.Is(err, fs.ErrNotExist) {
		s.missing = known
		if err := s.createOnce(ctx); err != nil {
			return err
		}
	}
	err = s.openFile(ctx)
	if errors.Is(err, errConverted) {
		err = s.openFile(ctx)
	}
	return err
}

// openFile locks and opens the file, which must exist.
func (s *Store) openFile(ctx context.Context) error {
	f, err := s.lock(ctx)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && info.Size() == 0 {
		// No zeekfleet leaves an empty file: a new file is complete when it gets its name.
		err = fmt.Errorf("%w: it is empty (0 bytes)", ErrDamaged)
	}
	if err != nil {
		f.Close()
		return err
	}
	return s.openLocked(f, info.Size())
}

// makeDirs creates dir and its missing parents, durably.
func makeDirs(dir string) error {
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeDirs(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return durable.SyncDir(parent)
}

// lock returns the file at the store's path, exclusively locked.
func (s *Store) lock(ctx context.Context) (*os.File, error) {
	return flock(ctx, func() (*os.File, error) { return openRegular(s.path) }, s.path)
}

// flock opens and exclusively locks the file at path. While another process holds
// the lock, it waits until ctx is done.
func flock(ctx context.Context, open func() (*os.File, error), path string) (*os.File, error) {
	return flockAs(ctx, open, path, unix.LOCK_EX)
}

// flockAs is flock with a kind of lock.
func flockAs(ctx context.Context, open func() (*os.File, error), path string, kind int) (*os.File, error) {
	for {
		f, err := open()
		if err != nil {
			return nil, err
		}
		err = unix.Flock(int(f.Fd()), kind|unix.LOCK_NB)
		if err == nil && isCurrent(f, path) {
			return f, nil
		}
		f.Close()
		if err != nil && !errors.Is(err, unix.EWOULDBLOCK) {
			return nil, fmt.Errorf("lock: %w", err)
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(lockRetry):
		}
	}
}

// openRegular opens path without waiting for the other end of a pipe.
func openRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%w: not a regular file", ErrForeign)
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// isCurrent reports whether path still names f. Another file may have replaced f
// before f was locked.
func isCurrent(f *os.File, path string) bool {
	ours, err := f.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(path)
	return err == nil && os.SameFile(ours, named)
}

// createOnce makes the file, unless another process has made it meanwhile. It locks
// the directory and not the file: a process that died after it locked a new file and
// before it wrote the file would leave an empty file, which counts as damaged.
func (s *Store) createOnce(ctx context.Context) error {
	dir := filepath.Dir(s.path)
	held, err := flock(ctx, func() (*os.File, error) { return os.Open(dir) }, dir)
	if err != nil {
		return err
	}
	defer held.Close()
	if _, err := os.Lstat(s.path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return create(s.path, nil, 0)
}

// create makes a store with the entries and the revision at path, atomically and
// durably. It replaces a file at path.
func create(path string, entries []store.Change, rev store.Revision) error {
	fresh := path + ".new"
	if err := os.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	db, err := bbolt.Open(fresh, 0o600, nil)
	if err != nil {
		return err
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		about, err := tx.CreateBucket(aboutBucket)
		if err != nil {
			return err
		}
		for _, name := range [][]byte{entriesBucket, documentsBucket} {
			if _, err := tx.CreateBucket(name); err != nil {
				return err
			}
		}
		return errors.Join(about.Put(formatKey, []byte(strconv.Itoa(format))), apply(tx, entries), writeRevision(tx, rev))
	})
	if err = errors.Join(err, db.Close()); err == nil {
		err = keepOwner(path, fresh)
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		os.Remove(fresh)
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// keepOwner gives the file fresh the owner of the file at path, if that file exists:
// root may convert the file of another user.
func keepOwner(path, fresh string) error {
	var was, is unix.Stat_t
	err := unix.Stat(path, &was)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		err = unix.Stat(fresh, &is)
	}
	if err == nil && (was.Uid != is.Uid || was.Gid != is.Gid) {
		err = os.Chown(fresh, int(was.Uid), int(was.Gid))
	}
	return err
}

// openLocked checks the structure of f, which is locked, and then hands f to bbolt.
// It owns f. If f has an earlier format, openLocked puts a converted file in its
// place and returns errConverted.
func (s *Store) openLocked(f *os.File, size int64) error {
	if err := verify(f, size); err != nil {
		f.Close()
		return err
	}
	db, err := bbolt.Open(s.path, 0o600, &bbolt.Options{
		Timeout: s.cfg.LockTimeout,
		// flock succeeds again on the descriptor that already holds the lock.
		OpenFile: func(string, int, os.FileMode) (*os.File, error) { return f, nil },
	})
	if err != nil {
		return err
	}
	found, err := inspect(db)
	if err == nil && found < format {
		err = cmp.Or(s.convert(db), errConverted)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	s.db, s.file = db, f
	return nil
}

var errConverted = errors.New("the file was converted")

// inspect returns the format of a file. It returns an error if the buckets are not
// those of the format, or if an entry is damaged. It changes nothing.
func inspect(db *bbolt.DB) (found int, err error) {
	err = db.View(func(tx *bbolt.Tx) error {
		if found, err = readFormat(tx); err != nil {
			return err
		}
		if found == 1 {
			_, _, err := readFormat1(tx)
			return err
		}
		if tx.Bucket(entriesBucket) == nil {
			return fmt.Errorf("%w: it has no entries", ErrDamaged)
		}
		if _, err := readRevision(tx); err != nil {
			return err
		}
		return readEntries(tx, nil, func(store.Entry) {})
	})
	return found, err
}

// readFormat returns the format of a file.
func readFormat(tx *bbolt.Tx) (int, error) {
	about := tx.Bucket(aboutBucket)
	if about == nil {
		return 0, fmt.Errorf("%w: another program's database", ErrForeign)
	}
	text := about.Get(formatKey)
	found, err := strconv.Atoi(string(text))
	switch {
	case err != nil || found < 1:
		return 0, fmt.Errorf("%w: its format is %.20q", ErrDamaged, text)
	case found > format:
		return 0, fmt.Errorf("%w (format %d, known are up to %d)", ErrNewer, found, format)
	}
	return found, nil
}
