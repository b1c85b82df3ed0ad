package durable

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// ErrLocked says that another process, or another part of this one, holds a lock.
var ErrLocked = errors.New("it is locked by another process")

// A process that was killed may have left a child between fork and exec. The child holds
// the lock until its exec. So LockFile tries again for lockTimeout.
const (
	lockTimeout = time.Second
	lockRetry   = 20 * time.Millisecond
)

// Lock is a lock that ends with its process, at the latest.
type Lock struct{ file *os.File }

// LockFile makes the file, if it is not there, and locks it. The error is ErrLocked if
// another holds the lock for another second.
func LockFile(path string) (*Lock, error) {
	for until := time.Now().Add(lockTimeout); ; time.Sleep(lockRetry) {
		l, err := tryLock(path)
		if !errors.Is(err, ErrLocked) || time.Now().After(until) {
			return l, err
		}
	}
}

func tryLock(path string) (*Lock, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		return &Lock{f}, nil
	}
	f.Close()
	if errors.Is(err, unix.EWOULDBLOCK) {
		err = ErrLocked
	}
	return nil, err
}

// Close releases the lock. The file stays.
func (l *Lock) Close() error {
	// A child between fork and exec has a copy of the file, so closing the file would not
	// release the lock.
	return errors.Join(unix.Flock(int(l.file.Fd()), unix.LOCK_UN), l.file.Close())
}
