package app

import (
	"io"
	"log/slog"
	"path/filepath"

	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// archives gives agents the contents of bundles.
type archives struct{ *blob.Store }

// Archive implements daemon.BundleArchives.
func (a archives) Archive(hash mgmt.BundleHash) (io.ReadSeekCloser, error) { return a.Content(hash) }

// blobsDir has the contents of bundles, below the directory of the controller. An agent may
// have the same directory, and has its own contents in another one below it.
const blobsDir = "blobs"

// openBundles opens the store of the contents of bundles.
func (c *Controller) openBundles(set settings.Controller, log *slog.Logger, how sharing) (err error) {
	c.Contents, err = blob.Open(blob.Config{
		Dir: filepath.Join(set.Directory, blobsDir), Logger: log, Bytes: int64(set.BundlesMegabytes) << 20,
		Bundle: bundle.Config{Bytes: int64(set.BundleMegabytes) << 20}, Share: how.archives,
	})
	c.Bundles = archives{c.Contents}
	return err
}
