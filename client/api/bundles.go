package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Bundle is the content of a bundle that a controller has.
type Bundle struct {
	Hash  string `json:"hash" maxLength:"71" example:"sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	Size  int64  `json:"size" doc:"The bytes of its archive."`
	Files int    `json:"files" doc:"How many files and links it has."`
	// Pushes are newest first.
	Pushes []BundlePush `json:"pushes" nullable:"false" doc:"The names under which it was pushed, the newest first."`
	// Revisions are newest first, and at most MaxBundleRevisions.
	Revisions []uint64 `json:"revisions" nullable:"false" doc:"The revisions that use it, the newest first, at most 20: deployed, staged, or kept for a rollback."`
	InUse     bool     `json:"in_use" doc:"Whether a revision uses it. Then it cannot be removed."`
}

// MaxBundleRevisions bounds the revisions of a Bundle.
const MaxBundleRevisions = 20

// BundlePush says who has pushed a bundle.
type BundlePush struct {
	Name string    `json:"name" example:"site"`
	Who  string    `json:"who"`
	Time time.Time `json:"time"`
}

// BundleFile is a file or a symbolic link of a bundle.
type BundleFile struct {
	Path   string `json:"path"`
	Mode   string `json:"mode" enum:"0644,0755,0777" doc:"0777 is a symbolic link."`
	Size   int64  `json:"size,omitempty"`
	SHA256 string `json:"sha256,omitempty" doc:"The hash of a file's content."`
	Target string `json:"target,omitempty" doc:"Where a link leads."`
}

// BundleContent is a bundle with its files.
type BundleContent struct {
	Bundle
	List []BundleFile `json:"list" nullable:"false" doc:"All files and links, sorted by path."`
}

// UploadRequest begins to push a bundle, or goes on with it.
type UploadRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"60" example:"site"`
	Hash string `json:"hash" minLength:"71" maxLength:"71"`
	Size int64  `json:"size" minimum:"1" doc:"The bytes of the archive."`
}

// Upload says how far a push is.
type Upload struct {
	Offset   int64 `json:"offset" doc:"How many bytes are there: the next ones begin here."`
	Complete bool  `json:"complete" doc:"Whether the controller has the bundle."`
}

// HeaderUploadOffset says where the bytes of a request begin.
const HeaderUploadOffset = "Upload-Offset"

// PruneRequest removes what nobody needs.
type PruneRequest struct {
	// Seconds is nil for an hour.
	Seconds *int64 `json:"keep_seconds,omitempty" minimum:"0" maximum:"315360000" doc:"Keep what was pushed within this time. Absent: an hour, for somebody who is about to deploy it."`
}

// Pruned says what was removed.
type Pruned struct {
	Removed []Bundle `json:"removed" nullable:"false"`
	Bytes   int64    `json:"bytes" doc:"The bytes of the archives that were removed."`
}

// MaxUploadPart bounds the bytes of one request of a push.
const MaxUploadPart = 4 << 20

// Bundles has the requests about the content of bundles.
type Bundles struct{ *caller }

// ListBundles returns the bundles that the controller has, those that were pushed last first.
func (c Bundles) ListBundles(ctx context.Context) ([]Bundle, error) {
	return all[Bundle](ctx, c.caller, PathBundles)
}

// Bundle returns a bundle with its files.
func (c Bundles) Bundle(ctx context.Context, hash string) (b BundleContent, err error) {
	return b, c.get(ctx, PathBundles+"/"+url.PathEscape(hash), &b)
}

// BeginPush begins to push a bundle. It says from which byte on the controller needs the
// archive.
func (c Bundles) BeginPush(ctx context.Context, in UploadRequest) (u Upload, err error) {
	return u, c.post(ctx, PathBundleUploads, in, &u)
}

// PushPart sends some bytes of an archive, at most MaxUploadPart. If the error is not a
// *Problem, some of them may have arrived: BeginPush says how many.
func (c Bundles) PushPart(ctx context.Context, hash string, offset int64, part []byte) (u Upload, err error) {
	return u, c.do(ctx, request{
		method: http.MethodPatch, path: PathBundleUploads + "/" + url.PathEscape(hash), raw: part, wait: partWait,
		header: http.Header{HeaderUploadOffset: {strconv.FormatInt(offset, 10)}, "Content-Type": {"application/octet-stream"}},
	}, &u)
}

// partWait is how long the transfer of some bytes may take, with the check of the archive
// after the last ones.
const partWait = 2 * time.Minute

// PullBundle returns the archive of a bundle, from a byte on. The caller reads and closes it.
func (c Bundles) PullBundle(ctx context.Context, hash string, offset int64) (io.ReadCloser, error) {
	header := http.Header{}
	if offset > 0 {
		header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
	}
	return c.text(ctx, request{method: http.MethodGet, path: PathBundles + "/" + url.PathEscape(hash) + "/content", header: header})
}

// RemoveBundle removes a bundle that no revision uses.
func (c Bundles) RemoveBundle(ctx context.Context, hash string) error {
	return c.delete(ctx, PathBundles, hash)
}

// PruneBundles removes the bundles that no revision uses.
func (c Bundles) PruneBundles(ctx context.Context, in PruneRequest) (p Pruned, err error) {
	return p, c.post(ctx, PathBundlePrune, in, &p)
}
