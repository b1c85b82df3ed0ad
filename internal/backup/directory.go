package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/quorum"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// The files of a controller, in its directory.
const (
	controllerFile = "state.db"
	authorityFile  = "authority.db"
	alertsFile     = "alerts.json"
	receiversDir   = "receivers"
	auditDir       = "audit"
	happeningsDir  = "happenings"
	blobsDir       = "blobs"

	identityFile = "identity.json" // in happeningsDir
	suffix       = ".json"         // of the files in receiversDir
)

// dbFiles are the files of the parts that are stores.
var dbFiles = map[string]string{PartController: controllerFile, PartAuthority: authorityFile}

// maxText bounds the files that are read as a whole, in bytes.
const maxText = 64 << 20

// Directory says which files of a controller to read.
type Directory struct {
	Dir string
	// Stores are those of a controller that runs in this process, by part: its files are in
	// use. Everything else can be read while the controller runs. Nil means that no controller
	// runs; if one does, that is an error.
	Stores map[string]store.Store
	// Salvage leaves out what is damaged. Otherwise it is an error that names all of it.
	Salvage bool
	// Controller and Program are for the Head.
	Controller, Program string
	// Bundle bounds a bundle.
	Bundle bundle.Config
	// BatchBytes bounds a batch of a feed. Zero means 256 kB.
	BatchBytes int
}

// DamageError says what is damaged in the files of a controller.
type DamageError struct{ What []string }

func (e *DamageError) Error() string {
	return strings.Join(e.What, "; ") + "; what is not damaged can be saved (--salvage)"
}

// NewDirectory returns the Source of the files of a controller. It changes none of them.
func NewDirectory(cfg Directory) Source {
	cfg.BatchBytes = cmp.Or(cfg.BatchBytes, 256_000)
	return &directorySource{cfg: cfg}
}

// directorySource reads the files of a controller.
type directorySource struct {
	cfg        Directory
	audit      *audit.Log
	happenings *happenings.Log
	put        func(Item) error
	missing    []string
}

// The most that a DamageError names.
const maxMissing = 100

// lacks notes that something is damaged.
func (s *directorySource) lacks(format string, args ...any) {
	if len(s.missing) < maxMissing {
		s.missing = append(s.missing, strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " "))
	}
}

// damage is a logger that notes what a log says of its files. Lines are counted elsewhere.
type damage struct{ s *directorySource }

func (damage) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelError }

func (d damage) Handle(_ context.Context, r slog.Record) error {
	path, why := "", ""
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "path":
			path = a.Value.String()
		case "err":
			why = a.Value.String()
		}
		return true
	})
	if why != "" {
		d.s.lacks("%s: %s: %s", path, r.Message, why)
	}
	return nil
}

func (d damage) WithAttrs([]slog.Attr) slog.Handler { return d }

func (d damage) WithGroup(string) slog.Handler { return d }

func (s *directorySource) path(names ...string) string {
	return filepath.Join(append([]string{s.cfg.Dir}, names...)...)
}

// Head is the method of Source.
func (s *directorySource) Head(context.Context) (Head, error) {
	h := Head{Controller: s.cfg.Controller, Program: s.cfg.Program, Made: time.Now().UTC().Truncate(time.Second), Newest: map[string]uint64{}}
	if _, err := os.Stat(s.cfg.Dir); err != nil {
		return Head{}, err
	}
	log := slog.New(damage{s})
	var err error
	if s.audit, err = audit.OpenToReadWith(s.path(auditDir), log); err == nil {
		h.Newest[FeedAudit] = s.audit.Newest()
	} else if err := s.unread(s.path(auditDir), err); err != nil {
		return Head{}, err
	}
	if s.happenings, err = happenings.OpenToReadWith(s.path(happeningsDir), log); err == nil {
		h.Newest[FeedHappenings] = s.happenings.Newest()
	} else if err := s.unread(s.path(happeningsDir), err); err != nil {
		return Head{}, err
	}
	return h, nil
}

// unread notes that something cannot be read. What a newer program has written is no damage.
func (s *directorySource) unread(path string, err error) error {
	_, newer := errors.AsType[*form.NewerError](err)
	switch {
	case err == nil || errors.Is(err, fs.ErrNotExist):
		return nil
	case newer || errors.Is(err, fs.ErrPermission) || errors.Is(err, boltstore.ErrNewer) || errors.Is(err, boltstore.ErrInUse):
		return err
	}
	s.lacks("%s cannot be read: %v", path, err)
	return nil
}

// Each is the method of Source.
func (s *directorySource) Each(ctx context.Context, put func(Item) error) error {
	s.put = put
	for _, step := range []func(context.Context) error{s.stores, s.alerts, s.receivers, s.logs, s.archives} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	if len(s.missing) > 0 && !s.cfg.Salvage {
		return &DamageError{s.missing}
	}
	for _, what := range s.missing {
		if err := put(Missing(what)); err != nil {
			return err
		}
	}
	return nil
}

// stores gives the parts that are stores.
func (s *directorySource) stores(ctx context.Context) error {
	for _, part := range []string{PartController, PartAuthority} {
		begin := func(rev store.Revision) error { return s.put(Part{part, rev}) }
		visit := func(e store.Entry) error { return s.put(Entry(e)) }
		if s.cfg.Stores != nil {
			if err := readStore(ctx, s.cfg.Stores[part], begin, visit); err != nil {
				return err
			}
			continue
		}
		path := s.path(dbFiles[part])
		err := boltstore.Read(ctx, path, boltstore.Reader{
			Begin: func(rev store.Revision) error { return puts(begin(rev)) }, Visit: func(e store.Entry) error { return puts(visit(e)) },
			Damaged: func(key string) { s.lacks("%s: the entry %.60q is damaged", path, key) },
		})
		if stopped, ok := errors.AsType[*putError](err); ok {
			return stopped.error
		}
		if errors.Is(err, boltstore.ErrInUse) {
			return fmt.Errorf("a controller runs with the files in %s: ask it for a backup while it runs (zeekfleet backup, without --dir), or stop it: %w", s.cfg.Dir, err)
		}
		if err := s.unread(path, err); err != nil {
			return err
		}
	}
	return nil
}

// putError is an error of put. It says nothing of the files.
type putError struct{ error }

func puts(err error) error {
	if err != nil {
		err = &putError{err}
	}
	return err
}

// readStore reads a store that is open. A nil store has nothing.
func readStore(ctx context.Context, from store.Store, begin func(store.Revision) error, visit func(store.Entry) error) error {
	if from == nil {
		return nil
	}
	entries, rev, err := from.Load(ctx, "")
	if err != nil {
		return err
	}
	if err := begin(rev); err != nil {
		return err
	}
	for _, e := range entries {
		if err := visit(e); err != nil {
			return err
		}
	}
	return nil
}

// text gives a file as an entry, if it is there. Its form is the business of its reader. A
// seal that does not fit is damage.
func (s *directorySource) text(path, key string) error {
	text, err := durable.ReadRegular(path, maxText)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		_, _, err = durable.Unseal(text)
	}
	if err != nil {
		return s.unread(path, err)
	}
	return s.put(Entry{Key: key, Value: append([]byte{}, text...)})
}

func (s *directorySource) alerts(context.Context) error {
	if err := s.put(Part{PartAlerts, 0}); err != nil {
		return err
	}
	return s.text(s.path(alertsFile), KeyAlerts)
}

func (s *directorySource) receivers(context.Context) error {
	if err := s.put(Part{PartReceivers, 0}); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.path(receiversDir))
	if err != nil {
		return s.unread(s.path(receiversDir), err)
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), suffix)
		if !ok || len(name) == 0 || len(name) > store.MaxKey {
			continue
		}
		if err := s.text(s.path(receiversDir, e.Name()), name); err != nil {
			return err
		}
	}
	return nil
}

// logs gives the feeds, after what is known of the log of happenings.
func (s *directorySource) logs(context.Context) error {
	if err := s.put(Part{PartHappenings, 0}); err != nil {
		return err
	}
	if err := s.text(s.path(happeningsDir, identityFile), KeyIdentity); err != nil {
		return err
	}
	if err := s.text(s.path(happeningsDir, "copies.json"), KeyPositions); err != nil {
		return err
	}
	batches := func(feed string) func(first, last uint64, lines []byte) error {
		return func(first, last uint64, lines []byte) error {
			return s.put(Batch{feed, quorum.Batch{First: first, Last: last, Lines: lines}})
		}
	}
	if s.audit != nil {
		damaged, err := s.audit.Each(0, s.cfg.BatchBytes, batches(FeedAudit))
		if err != nil {
			return err
		}
		s.damagedLines(auditDir, damaged)
	}
	if s.happenings != nil {
		damaged, err := s.happenings.Each(0, s.cfg.BatchBytes, batches(FeedHappenings))
		if err != nil {
			return err
		}
		s.damagedLines(happeningsDir, damaged)
	}
	return nil
}

func (s *directorySource) damagedLines(dir string, n int) {
	if n > 0 {
		s.lacks("%s: %d lines are damaged", s.path(dir), n)
	}
}

// archives gives the contents of bundles.
func (s *directorySource) archives(ctx context.Context) error {
	all, err := blob.OpenToRead(blob.Config{Dir: s.path(blobsDir), Logger: slog.New(slog.DiscardHandler), Bundle: s.cfg.Bundle})
	if err != nil {
		return s.unread(s.path(blobsDir), err)
	}
	for _, b := range all.List() {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := s.archive(all, b.Hash); err != nil {
			return err
		}
	}
	return nil
}

func (s *directorySource) archive(all *blob.Store, hash mgmt.BundleHash) error {
	about, err := all.About(string(hash))
	if err != nil {
		return err
	}
	f, err := all.Content(hash)
	if errors.Is(err, blob.ErrNone) {
		return nil // removed meanwhile
	}
	if err != nil {
		return s.unread(string(hash), err)
	}
	defer f.Close()
	// Before it is given: what a sink has taken, it has.
	if _, err := s.cfg.Bundle.Verify(f, hash, nil); err != nil {
		s.lacks("the bundle %s is damaged: %v", hash.Short(), err)
		return nil
	}
	return s.put(Archive{string(hash), about, func(w io.Writer) error {
		if _, err := f.Seek(0, io.SeekStart); err != nil {
			return err
		}
		_, err := io.CopyBuffer(w, struct{ io.Reader }{f}, make([]byte, 128<<10))
		return err
	}})
}
