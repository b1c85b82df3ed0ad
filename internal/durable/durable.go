package durable

import (
	"errors"
	"os"
	"path/filepath"
)

// Replace makes text the content of the file at path, readable for its owner
// alone. It is written to the path fresh first, in the same directory, of which
// nothing is left after an error: on a full disk every attempt would leave
// another one. When Replace returns nil, the file outlives a power cut.
func Replace(path, fresh string, text []byte) error {
	err := writeSynced(fresh, text)
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		os.Remove(fresh)
		return err
	}
	return SyncDir(filepath.Dir(path))
}

func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// SyncDir makes what was created, renamed and removed in a directory outlive a
// power cut.
func SyncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
