package browser_test

import (
	"io"
	"os"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// bundleHash is that of the bundle whose files shelf has.
var bundleHash = mgmt.BundleHash("sha256:" + strings.Repeat("a", 64))

// shelf has three bundles, and takes none.
type shelf struct{}

func (shelf) List() []blob.Blob {
	at := time.Now().Add(-time.Hour)
	return []blob.Blob{
		{Hash: bundleHash, Size: 52 << 20, Files: 3, Pushes: []blob.Push{{Name: "site", By: "ann", At: at}, {Name: "site-of-the-other-cluster", By: "bob", At: at}}},
		{Hash: mgmt.BundleHash("sha256:" + strings.Repeat("b", 64)), Size: 20480, Files: 12, Pushes: []blob.Push{{Name: "intel", By: "ci", At: at}}},
		{Hash: mgmt.BundleHash("sha256:" + strings.Repeat("c", 64)), Size: 1024, Files: 1},
	}
}

func (s shelf) Get(hash mgmt.BundleHash) (blob.Blob, bool) { return s.List()[0], hash == bundleHash }

func (shelf) Files(mgmt.BundleHash) ([]bundle.Entry, error) {
	return []bundle.Entry{
		{Path: "__load__.zeek", Mode: bundle.Plain, Size: 21}, {Path: "latest", Mode: bundle.Link, Target: "packages/of-the-site"},
		{Path: "packages/of-the-site/scripts/policy/protocols/with-a-long-name/main.zeek", Mode: bundle.Plain, Size: 52_000_000},
	}, nil
}

func (shelf) Content(mgmt.BundleHash) (*os.File, error) { return nil, blob.ErrNone }

func (shelf) Begin(mgmt.BundleHash, int64, blob.Push) (blob.Progress, error) {
	return blob.Progress{}, blob.ErrBusy
}

func (shelf) Append(time.Time, mgmt.BundleHash, int64, io.Reader) (blob.Progress, error) {
	return blob.Progress{}, blob.ErrBusy
}

func (shelf) Remove(mgmt.BundleHash) error { return blob.ErrBusy }
