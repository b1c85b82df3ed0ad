package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Replace makes text the content of the file at path, readable for its owner
// alone. It first writes the text to the path fresh, in the same directory. After an
// error nothing is left at fresh, so that attempts on a full disk leave nothing
// behind. Replace removes what stands at fresh before: others may have put a link
// or a pipe there. When Replace returns nil, the file outlives a power cut.
func Replace(path, fresh string, text []byte) error {
	if err := replace(path, fresh, text, (*os.File).Sync); err != nil {
		return err
	}
	return SyncDir(filepath.Dir(path))
}

// ReplaceUnsynced is Replace for a file that is of no use after a power cut. The
// file may then be damaged.
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

// Create makes a new file at path and opens it for writing. It removes what stood
// there: it follows no link and waits for no pipe.
func Create(path string, mode fs.FileMode) (*os.File, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
}

// SyncDir syncs a directory, so that files which were created, renamed or removed in
// it stay so after a power cut.
func SyncDir(path string) error {
	d, err := os.OpenFile(path, os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
