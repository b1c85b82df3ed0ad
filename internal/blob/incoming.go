package blob

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Incoming is a directory of archives that are on their way. Each file has the beginning of
// the archive whose hash is its name. Of one archive one goroutine at a time may use the
// methods.
type Incoming struct {
	Dir  string
	Disk durable.Disk
}

// Partial is an archive on its way.
type Partial struct {
	Hash    mgmt.BundleHash
	Size    int64 // how many bytes are there
	Changed time.Time
}

// FullError says that the disk has no room for more. The beginning of the archive was
// removed, because others need the room too.
type FullError struct{ Err error }

func (e *FullError) Error() string { return fmt.Sprintf("the disk is full: %v", e.Err) }

// Unwrap returns the error of the operating system.
func (e *FullError) Unwrap() error { return e.Err }

// OffsetError says that bytes came that do not go on where the archive ends so far.
type OffsetError struct{ Offset, Want int64 }

func (e *OffsetError) Error() string {
	return fmt.Sprintf("the bytes begin at %d, and %d are there; go on at %d", e.Offset, e.Want, e.Want)
}

// LongerError says that more bytes came than the archive should have. Either there are too
// many, or somebody has begun the upload with another size.
type LongerError struct{ Size int64 }

func (e *LongerError) Error() string {
	return fmt.Sprintf("there are more than the %d bytes that the archive should have; begin the upload again, with its size", e.Size)
}

// ReadError says that the bytes of a part broke off. What has arrived is there.
type ReadError struct{ Err error }

func (e *ReadError) Error() string { return fmt.Sprintf("the bytes broke off: %v", e.Err) }

// Unwrap returns the error of the reader.
func (e *ReadError) Unwrap() error { return e.Err }

// Make makes the directory.
func (i Incoming) Make() error { return i.Disk.MkdirAll(i.Dir, 0o700) }

func (i Incoming) path(hash mgmt.BundleHash) string { return filepath.Join(i.Dir, hash.Digits()) }

// List returns all archives on their way. It passes over other files.
func (i Incoming) List() ([]Partial, error) {
	entries, err := os.ReadDir(i.Dir)
	if err != nil {
		return nil, err
	}
	var list []Partial
	for _, e := range entries {
		hash, ok := hashOf(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue // removed meanwhile
		}
		if err != nil {
			return nil, err
		}
		list = append(list, Partial{hash, info.Size(), info.ModTime()})
	}
	return list, nil
}

// hashOf returns the hash that a file of this name has.
func hashOf(name string) (mgmt.BundleHash, bool) {
	hash := mgmt.BundleHash("sha256:" + name)
	return hash, hash.Check() == nil
}

// Size returns how many bytes of an archive are there.
func (i Incoming) Size(hash mgmt.BundleHash) (int64, error) {
	info, err := os.Lstat(i.path(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Append adds bytes to an archive, which has offset bytes so far. It reads until the end of
// r, but never more than the archive may have: most bytes. It returns how many bytes are
// there then. If reading fails, what was read until then stays. If the disk is full, the
// error is a *FullError.
func (i Incoming) Append(hash mgmt.BundleHash, offset, most int64, r io.Reader) (int64, error) {
	size, err := i.Size(hash)
	if err != nil {
		return 0, err
	}
	if offset != size {
		return size, &OffsetError{offset, size}
	}
	path := i.path(hash)
	var f *os.File
	err = i.Disk.Do("open", path, func() error {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
		return err
	})
	if err != nil {
		return size, i.full(hash, err)
	}
	to := &appender{i.Disk, f, size}
	// Reading one byte more than there may be shows that there are too many.
	_, err = io.CopyBuffer(struct{ io.Writer }{to}, struct{ io.Reader }{io.LimitReader(r, most-size)}, make([]byte, 128<<10))
	if err == nil && to.size == most {
		if n, _ := io.ReadFull(r, make([]byte, 1)); n > 0 {
			err = &LongerError{most}
		}
	}
	err = errors.Join(err, i.Disk.Do("sync", path, f.Sync), f.Close())
	if size == 0 && err == nil {
		err = i.Disk.SyncDir(i.Dir)
	}
	return to.size, i.full(hash, err)
}

// appender writes to a file, and counts.
type appender struct {
	disk durable.Disk
	f    *os.File
	size int64
}

func (a *appender) Write(b []byte) (n int, err error) {
	err = a.disk.Do("write", a.f.Name(), func() error {
		n, err = a.f.Write(b)
		return err
	})
	a.size += int64(n)
	return n, err
}

// full makes a *FullError of an error that says that the disk is full.
func (i Incoming) full(hash mgmt.BundleHash, err error) error {
	if !IsFull(err) {
		return err
	}
	return &FullError{errors.Join(err, i.Remove(hash))}
}

// IsFull says whether an error is that of a disk without room, or of a user who may use no
// more of it.
func IsFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// Open opens what is there of an archive.
func (i Incoming) Open(hash mgmt.BundleHash) (*os.File, error) {
	return durable.OpenRegular(i.path(hash))
}

// Remove removes what is there of an archive.
func (i Incoming) Remove(hash mgmt.BundleHash) error {
	if err := i.Disk.Remove(i.path(hash)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
