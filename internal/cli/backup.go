package cli

import (
	"context"
	"fmt"
	"io"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/durable"
)

// Backup writes a backup of what the controller keeps to a file, for its owner alone. The file
// is there as a whole, or not at all. It replaces no file.
func (f Controlling) Backup(ctx context.Context, path string) int {
	return f.ask(ctx, func(c *api.Client) error {
		if err := durable.CheckAbsent(path); err != nil {
			return err
		}
		from, err := c.Backup(ctx)
		if err != nil {
			return err
		}
		defer from.Close()
		var bytes int64
		err = durable.WriteNew(path, func(w io.Writer) (err error) {
			bytes, err = io.Copy(w, from)
			return err
		})
		if err != nil {
			return fmt.Errorf("%s was not written: %w", path, err)
		}
		f.Log.Info("%s has %s: whoever has it can command the cluster, so keep it as a secret", path, bytesText(uint64(bytes)))
		return nil
	})
}
