package durable

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Replace makes text the content of the file at path. Only the file's owner can read
// it. Replace first writes the text to a new file at the path fresh, in the same
// directory, and then renames that file. It first removes any file at fresh, because
// another user may have put a link or a pipe there. After an error there is no file
// at fresh, so attempts on a full disk leave nothing behind. When Replace returns
// nil, the file outlives a power cut.
func Replace(path, fresh string, text []byte) error {
	if err := replace(path, fresh, text, (*os.File).Sync); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// ReplaceUnsynced is Replace for a file that nobody needs after a power cut. A power
// cut may leave the file damaged.
func ReplaceUnsynced(path, fresh string, text []byte) error {
	return replace(path, fresh, text, func(*os.File) error { return nil })
}

func replace(path, fresh string, text []byte, sync func(*os.File) error) error {
	err := write(fresh, text, sync)
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		os.Remove(fresh)
	}
	return err
}

func write(path string, text []byte, sync func(*os.File) error) error {
	f, err := Create(path, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = sync(f)
	}
	return errors.Join(err, f.Close())
}

// CheckAbsent returns an error if there is something at path.
func CheckAbsent(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s is there already: name another file, or move it away", path)
	}
	return nil
}

// WriteNew makes a file of what fill writes, for its owner alone. The file is there as a whole,
// or not at all, and replaces nothing. Until then it is at path with ".new" behind it. When
// WriteNew returns nil, the file outlives a power cut.
func WriteNew(path string, fill func(io.Writer) error) error {
	fresh := path + ".new"
	f, err := Create(fresh, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(fresh)
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Link(fresh, path); err != nil { // which replaces nothing
		return err
	}
	return errors.Join(os.Remove(fresh), SyncDir(filepath.Dir(path)))
}

// Create makes a new file at path and opens it for writing. It first removes any
// file at path, so it follows no link and waits for no pipe.
func Create(path string, mode fs.FileMode) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

// SyncDir syncs a directory. The creation, renaming and removal of its files then
// outlives a power cut.
func SyncDir(path string) error {
	d, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
