package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/durable"
)

// Backup writes a backup of what the controller keeps to a file, for its owner alone. The file
// is there as a whole, or not at all. It replaces no file.
func (f Controlling) Backup(ctx context.Context, path string) int {
	return f.ask(ctx, func(c *api.Client) error {
		if _, err := os.Lstat(path); err == nil {
			return fmt.Errorf("%s is there already: name another file, or move it away", path)
		}
		from, err := c.Backup(ctx)
		if err != nil {
			return err
		}
		defer from.Close()
		bytes, err := keepBackup(path, from)
		if err != nil {
			return fmt.Errorf("%s was not written: %w", path, err)
		}
		f.Log.Info("%s has %s: whoever has it can command the cluster, so keep it as a secret", path, bytesText(uint64(bytes)))
		return nil
	})
}

// keepBackup writes a file that is not there.
func keepBackup(path string, from io.Reader) (bytes int64, err error) {
	fresh := path + ".new"
	file, err := durable.Create(fresh, 0o600)
	if err != nil {
		return 0, err
	}
	defer os.Remove(fresh)
	bytes, err = io.Copy(file, from)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return 0, err
	}
	if err := os.Link(fresh, path); err != nil { // which replaces nothing
		return 0, err
	}
	return bytes, durable.SyncDir(filepath.Dir(path))
}
