package web

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Bundles is what the server needs of the store of archives.
type Bundles interface {
	Get(mgmt.BundleHash) (blob.Blob, bool)
	List() []blob.Blob
	Files(mgmt.BundleHash) ([]bundle.Entry, error)
	Content(mgmt.BundleHash) (*os.File, error)
	Begin(hash mgmt.BundleHash, size int64, p blob.Push) (blob.Progress, error)
	Append(now time.Time, hash mgmt.BundleHash, offset int64, r io.Reader) (blob.Progress, error)
	Remove(mgmt.BundleHash) error
}

// bundles are the operations about the content of bundles.
type bundles struct{ *Server }

// registerBundles adds the content of bundles.
func (a *routes) registerBundles() {
	s := bundles{a.s}
	register(a, operation{
		id: "list-bundles", method: http.MethodGet, path: api.PathBundles, may: access.ListBundles,
		summary: "List the bundles whose content the controller has, those that were pushed last first",
		errors:  []int{http.StatusNotImplemented},
	}, s.list)
	register(a, operation{
		id: "get-bundle", method: http.MethodGet, path: api.PathBundles + "/{hash}", may: access.ListBundles,
		manifest: true, summary: "Show a bundle with its files", errors: []int{http.StatusNotFound, http.StatusNotImplemented},
	}, s.get)
	registerText(a, operation{
		id: "pull-bundle", method: http.MethodGet, path: api.PathBundles + "/{hash}/content", may: access.PullBundle,
		summary: "Read the archive of a bundle",
		details: "It is a tar file. With the header Range, the answer has a part of it.",
		errors:  []int{http.StatusNotFound, http.StatusTooManyRequests, http.StatusServiceUnavailable, http.StatusNotImplemented},
	}, s.pull)
	a.huma.OpenAPI().Paths[api.PathBundles+"/{hash}/content"].Get.Responses["200"].Content = octets()
	register(a, operation{
		id: "begin-push", method: http.MethodPost, path: api.PathBundleUploads, may: access.PushBundle,
		summary: "Begin to push a bundle, or go on with it",
		details: "The answer says from which byte on the controller needs the archive.",
		errors:  []int{http.StatusConflict, http.StatusInsufficientStorage, http.StatusNotImplemented},
	}, s.begin)
	register(a, operation{
		id: "push-part", method: http.MethodPatch, path: api.PathBundleUploads + "/{hash}", may: access.PushBundle, part: true,
		summary: "Send bytes of an archive",
		details: fmt.Sprintf("The body has at most %d bytes. After the last byte of the archive the controller checks it: an archive that has another hash, or another form than the one that zeekfleet writes, is removed.", api.MaxUploadPart),
		errors:  []int{http.StatusRequestTimeout, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusInsufficientStorage, http.StatusNotImplemented},
	}, s.part)
	a.huma.OpenAPI().Paths[api.PathBundleUploads+"/{hash}"].Patch.RequestBody = &huma.RequestBody{Required: true, Content: octets()}
	register(a, operation{
		id: "remove-bundle", method: http.MethodDelete, path: api.PathBundles + "/{hash}", may: access.RemoveBundle, status: http.StatusNoContent,
		summary: "Remove a bundle that no revision uses", errors: []int{http.StatusNotFound, http.StatusConflict, http.StatusNotImplemented},
	}, s.remove)
	register(a, operation{
		id: "prune-bundles", method: http.MethodPost, path: api.PathBundlePrune, may: access.PruneBundles,
		summary: "Remove the bundles that no revision uses", errors: []int{http.StatusConflict, http.StatusNotImplemented},
	}, s.prune)
}

// octets describes a body that is no JSON.
func octets() map[string]*huma.MediaType {
	return map[string]*huma.MediaType{"application/octet-stream": {Schema: &huma.Schema{Type: huma.TypeString, Format: "binary"}}}
}

// may refuses an asker whose role is too low for a request that no other part of the
// controller sees, and every asker if the controller keeps no bundles.
func (s bundles) may(ctx context.Context, row access.Row, subject string) error {
	if who := askerOf(ctx); who.Role < row.May {
		reason := row.Forbids(who.Principal)
		s.refusing(who, row.Name, subject, reason)
		return problem(http.StatusForbidden, reason)
	}
	if s.cfg.Bundles == nil {
		return problem(http.StatusNotImplemented, "this controller keeps no bundles")
	}
	return nil
}

// did records what the server has done for the asker.
func (s bundles) did(ctx context.Context, row access.Row, subject string) {
	who := askerOf(ctx)
	s.cfg.Recorded(mgmt.AuditRecord{Who: who.Name, Role: who.Role, Source: source(who.conn), Request: row.Name, Subject: subject, Outcome: mgmt.AuditDone})
}

// stored returns a bundle that the controller has.
func (s bundles) stored(hash string) (blob.Blob, error) {
	if err := mgmt.BundleHash(hash).Check(); err != nil {
		return blob.Blob{}, problem(http.StatusUnprocessableEntity, err.Error())
	}
	if b, ok := s.cfg.Bundles.Get(mgmt.BundleHash(hash)); ok {
		return b, nil
	}
	return blob.Blob{}, problem(http.StatusNotFound, "the controller has no bundle "+mgmt.BundleHash(hash).Short())
}

// wrong returns the error of an operation that the store has refused.
func (s bundles) wrong(err error) error {
	status := http.StatusInternalServerError
	_, invalid := errors.AsType[*bundle.InvalidError](err)
	_, elsewhere := errors.AsType[*blob.OffsetError](err)
	_, limit := errors.AsType[*blob.LimitError](err)
	_, full := errors.AsType[*blob.FullError](err)
	_, longer := errors.AsType[*blob.LongerError](err)
	_, cut := errors.AsType[*blob.ReadError](err)
	switch {
	case invalid:
		return problem(http.StatusUnprocessableEntity, "this is no bundle: "+err.Error())
	case elsewhere, longer, errors.Is(err, blob.ErrNotBegun), errors.Is(err, blob.ErrBusy):
		status = http.StatusConflict
	case limit, full:
		status = http.StatusInsufficientStorage
	case errors.Is(err, blob.ErrNone):
		status = http.StatusNotFound
	case errors.Is(err, os.ErrDeadlineExceeded):
		return problem(http.StatusRequestTimeout, "the bytes have not arrived in time; go on where they end")
	case cut:
		return problem(http.StatusRequestTimeout, err.Error()+"; go on where they end")
	default:
		s.cfg.Logger.Error("the store of bundles", "err", err)
	}
	return problem(status, err.Error())
}

func bundleOf(b blob.Blob, revisions []uint64) api.Bundle {
	one := api.Bundle{
		Hash: string(b.Hash), Size: b.Size, Files: b.Files, Pushes: make([]api.BundlePush, 0, len(b.Pushes)),
		Revisions: append([]uint64{}, revisions[:min(len(revisions), api.MaxBundleRevisions)]...), InUse: len(revisions) > 0,
	}
	for _, p := range b.Pushes {
		one.Pushes = append(one.Pushes, api.BundlePush{Name: p.Name, Who: p.By, Time: utc(p.At)})
	}
	return one
}

func (s bundles) list(ctx context.Context, in *PageInput) (*pageOutput[api.Bundle], error) {
	if err := s.may(ctx, access.ListBundles, ""); err != nil {
		return nil, err
	}
	snap, err := s.cfg.Cluster.Snapshot(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	used := snap.BundleUses()
	var list []api.Bundle
	for _, b := range s.cfg.Bundles.List() {
		list = append(list, bundleOf(b, used[b.Hash]))
	}
	return &pageOutput[api.Bundle]{paged(list, *in, latestPush)}, nil
}

// latestPush sorts bundles: those that were pushed last come first.
func latestPush(b api.Bundle) string {
	var at time.Time
	if len(b.Pushes) > 0 {
		at = b.Pushes[0].Time
	}
	return fmt.Sprintf("%019d %s", math.MaxInt64-max(0, at.UnixMilli()), b.Hash)
}

type bundleInput struct {
	Hash string `path:"hash" maxLength:"71"`
}

// shortManifest is the number of files from which on the list of a bundle's files is long.
const shortManifest = 500

// admitManifest lets a request for a long list of files in when there is a place for one more.
// The request has the place until its answer is sent: somebody who does not read it must not
// make the controller keep many of them.
func (s bundles) admitManifest(a *routes) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		_, w := humago.Unwrap(ctx)
		done, err := s.enterManifest(askerOf(ctx.Context()), ctx.Param("hash"), w)
		if err != nil {
			ctx.SetHeader("Retry-After", "10")
			a.refuse(ctx, statusOf(err), err.Error())
			return
		}
		defer done()
		next(ctx)
	}
}

// enterManifest takes a place for the list of the files of a bundle, which w will send. A short
// list needs none. The caller gives the place back with done.
func (s bundles) enterManifest(who asker, hash string, w http.ResponseWriter) (done func(), err error) {
	if s.cfg.Bundles == nil {
		return func() {}, nil
	}
	if b, ok := s.cfg.Bundles.Get(mgmt.BundleHash(hash)); !ok || b.Files < shortManifest {
		return func() {}, nil
	}
	one, err := s.lists.enter(who.Name)
	if err != nil {
		return nil, err
	}
	out := http.NewResponseController(w)
	stop := context.AfterFunc(one.over, func() { out.SetWriteDeadline(time.Now()) }) // another user has the place
	return func() {
		stop()
		s.lists.leave(one)
	}, nil
}

func (s bundles) get(ctx context.Context, in *bundleInput) (*bodyOutput[api.BundleContent], error) {
	if err := s.may(ctx, access.ListBundles, ""); err != nil {
		return nil, err
	}
	b, err := s.stored(in.Hash)
	if err != nil {
		return nil, err
	}
	snap, err := s.cfg.Cluster.Snapshot(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	files, err := s.cfg.Bundles.Files(b.Hash)
	if err != nil {
		return nil, s.wrong(err)
	}
	body := api.BundleContent{Bundle: bundleOf(b, snap.BundleUses()[b.Hash]), List: make([]api.BundleFile, 0, len(files))}
	for _, f := range files {
		body.List = append(body.List, api.BundleFile{Path: f.Path, Mode: string(f.Mode), Size: f.Size, SHA256: f.SHA256, Target: f.Target})
	}
	return &bodyOutput[api.BundleContent]{body}, nil
}

// slowestPull is the rate, in bytes a second, below which the transfer of a bundle is ended.
const slowestPull = 64 << 10

func (s bundles) pull(ctx context.Context, in *bundleInput) (*huma.StreamResponse, error) {
	if err := s.may(ctx, access.PullBundle, in.Hash); err != nil {
		return nil, err
	}
	b, err := s.stored(in.Hash)
	if err != nil {
		return nil, err
	}
	one, err := s.pulls.enter(askerOf(ctx).Name)
	if err != nil {
		return nil, err
	}
	f, err := s.cfg.Bundles.Content(b.Hash)
	if err != nil {
		s.pulls.leave(one)
		return nil, s.wrong(err)
	}
	return &huma.StreamResponse{Body: func(answer huma.Context) {
		defer s.pulls.leave(one)
		defer f.Close()
		r, w := humago.Unwrap(answer)
		out := http.NewResponseController(w)
		if out.SetWriteDeadline(time.Now().Add(s.cfg.WriteTimeout+time.Duration(b.Size/slowestPull)*time.Second)) != nil {
			return
		}
		defer context.AfterFunc(one.over, func() { out.SetWriteDeadline(time.Now()) })() // another user has the place
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("Content-Disposition", `attachment; filename="`+b.Hash.Digits()+`.tar"`)
		http.ServeContent(w, r, "", time.Time{}, f) // it understands Range
	}}, nil
}

// free refuses to remove content while a deployment may need it.
func (s bundles) free(ctx context.Context) (*mgmt.Snapshot, error) {
	snap, err := s.cfg.Cluster.Snapshot(ctx)
	if err != nil {
		return nil, unavailable(err)
	}
	for _, o := range snap.Operations {
		if deploys := o.Kind == mgmt.OperationDeploy || o.Kind == mgmt.OperationRollback || o.Kind == mgmt.OperationRevert; deploys && !o.State.Ends() {
			return nil, problem(http.StatusConflict, fmt.Sprintf("operation %d deploys, and may need any bundle: try again when it has ended", o.ID))
		}
	}
	return snap, nil
}

func (s bundles) remove(ctx context.Context, in *bundleInput) (*struct{}, error) {
	if err := s.may(ctx, access.RemoveBundle, in.Hash); err != nil {
		return nil, err
	}
	b, err := s.stored(in.Hash)
	if err != nil {
		return nil, err
	}
	s.contents.Lock()
	defer s.contents.Unlock()
	snap, err := s.free(ctx)
	if err != nil {
		return nil, err
	}
	if used := snap.BundleUses()[b.Hash]; len(used) > 0 {
		return nil, problem(http.StatusConflict, fmt.Sprintf("revision %d uses the bundle: it goes when no revision that is kept uses it", used[0]))
	}
	if err := s.cfg.Bundles.Remove(b.Hash); err != nil {
		return nil, s.wrong(err)
	}
	s.did(ctx, access.RemoveBundle, namedBundle(b))
	return nil, nil
}

// namedBundle names a bundle for the audit.
func namedBundle(b blob.Blob) string {
	if len(b.Pushes) == 0 {
		return b.Hash.Short()
	}
	return b.Pushes[0].Name + " " + b.Hash.Short()
}

type pruneInput struct{ Body api.PruneRequest }

// keepPushed is how long prune keeps what was pushed, unless the asker says otherwise.
const keepPushed = time.Hour

func (s bundles) prune(ctx context.Context, in *pruneInput) (*bodyOutput[api.Pruned], error) {
	if err := s.may(ctx, access.PruneBundles, ""); err != nil {
		return nil, err
	}
	keep := keepPushed
	if in.Body.Seconds != nil {
		keep = time.Duration(*in.Body.Seconds) * time.Second
	}
	s.contents.Lock()
	defer s.contents.Unlock()
	snap, err := s.free(ctx)
	if err != nil {
		return nil, err
	}
	used, now := snap.BundleUses(), time.Now()
	body := api.Pruned{Removed: []api.Bundle{}}
	var names []string
	for _, b := range s.cfg.Bundles.List() {
		if len(used[b.Hash]) > 0 || len(b.Pushes) > 0 && now.Sub(b.Pushes[0].At) < keep {
			continue
		}
		if err := s.cfg.Bundles.Remove(b.Hash); errors.Is(err, blob.ErrBusy) || errors.Is(err, blob.ErrNone) {
			continue
		} else if err != nil {
			return nil, s.wrong(err)
		}
		body.Removed, body.Bytes = append(body.Removed, bundleOf(b, nil)), body.Bytes+b.Size
		names = append(names, namedBundle(b))
	}
	if len(names) > 0 {
		s.did(ctx, access.PruneBundles, strings.Join(names[:min(len(names), 10)], ", ")+andMore(len(names)-10))
	}
	return &bodyOutput[api.Pruned]{body}, nil
}

func andMore(n int) string {
	if n <= 0 {
		return ""
	}
	return fmt.Sprintf(" and %d more", n)
}
