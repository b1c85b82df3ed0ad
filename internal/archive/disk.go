package archive

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

// disk makes all changes to the file system. Tests can end the process, or return
// an error, before each change.
type disk struct {
	before func(change, path string) error // nil in the program
}

func (d disk) change(what, path string, do func() error) error {
	if d.before != nil {
		if err := d.before(what, path); err != nil {
			return &fs.PathError{Op: what, Path: path, Err: err}
		}
	}
	return do()
}

// mkdir makes a directory, unless it exists.
func (d disk) mkdir(path string) error {
	return d.change("mkdir", path, func() error {
		err := os.Mkdir(path, 0o755)
		if !errors.Is(err, fs.ErrExist) {
			return err
		}
		info, statErr := os.Stat(path)
		if statErr == nil && !info.IsDir() {
			return err
		}
		return statErr
	})
}

// create creates a file with exactly this mode. No file may have its name.
func (d disk) create(path string, mode fs.FileMode) (f *os.File, err error) {
	err = d.change("create", path, func() error {
		if f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode); err != nil {
			return err
		}
		if err = f.Chmod(mode); err != nil {
			f.Close()
		}
		return err
	})
	return f, err
}

func (d disk) sync(f *os.File) error {
	return d.change("sync", f.Name(), f.Sync)
}

func (d disk) syncDir(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return d.sync(f)
}

// remove removes a file or an empty directory, if it exists.
func (d disk) remove(path string) error {
	return d.change("remove", path, func() error {
		if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// errTaken says that a file with the name exists, although none may.
var errTaken = errors.New("the name is taken")

// place renames the file from to the name to, or returns errTaken. If the process
// dies in place, the file may have both names.
func (d disk) place(from, to string) error {
	err := d.change("place", from, func() error {
		return unix.Renameat2(unix.AT_FDCWD, from, unix.AT_FDCWD, to, unix.RENAME_NOREPLACE)
	})
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) {
		err = d.link(from, to) // the file system lacks the flag, as NFS does
	}
	if errors.Is(err, fs.ErrExist) {
		return errTaken
	}
	if err != nil {
		return &os.LinkError{Op: "rename", Old: from, New: to, Err: err}
	}
	return nil
}

func (d disk) link(from, to string) error {
	if err := d.change("link", from, func() error { return unix.Link(from, to) }); err != nil {
		return err
	}
	return d.remove(from)
}

// openRegular opens a regular file for reading. It refuses other files without
// waiting for them.
func openRegular(path string) (*os.File, fs.FileInfo, error) {
	f, err := durable.OpenRegular(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}
