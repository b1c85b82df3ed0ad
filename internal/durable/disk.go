package durable

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Disk changes the files of a directory. The zero Disk works.
type Disk struct {
	// Before is called before each operation, if it is not nil. Its error takes the place of
	// the operation. Tests make a crash with it at each operation, or fill the disk.
	Before func(operation, path string) error
}

// Do calls f, unless Before has an error for the operation.
func (d Disk) Do(operation, path string, f func() error) error {
	if d.Before != nil {
		if err := d.Before(operation, path); err != nil {
			return &os.PathError{Op: operation, Path: path, Err: err}
		}
	}
	return f()
}

// MkdirAll makes a directory and those above it, and syncs the directory above.
func (d Disk) MkdirAll(path string, mode fs.FileMode) error {
	err := d.Do("mkdir", path, func() error { return os.MkdirAll(path, mode) })
	if err != nil {
		return err
	}
	return d.SyncDir(filepath.Dir(path))
}

// Rename gives a file another path. Both directories must be synced then.
func (d Disk) Rename(from, to string) error {
	return d.Do("rename", to, func() error { return os.Rename(from, to) })
}

// Remove removes a file.
func (d Disk) Remove(path string) error {
	return d.Do("remove", path, func() error { return os.Remove(path) })
}

// RemoveAll removes a directory with everything in it. A crash leaves a part of it.
func (d Disk) RemoveAll(path string) error {
	return d.Do("removeall", path, func() error { return os.RemoveAll(path) })
}

// Symlink makes a symbolic link.
func (d Disk) Symlink(target, path string) error {
	return d.Do("symlink", path, func() error { return os.Symlink(target, path) })
}

// Replace is the function Replace.
func (d Disk) Replace(path, fresh string, text []byte) error {
	return d.Do("replace", path, func() error { return Replace(path, fresh, text) })
}

// SyncDir is the function SyncDir.
func (d Disk) SyncDir(path string) error {
	return d.Do("sync", path, func() error { return SyncDir(path) })
}
