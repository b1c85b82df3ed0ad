package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/notify"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// The ends of the names of directories beside that of a controller: one that is not complete,
// and the one that was there before.
const (
	workSuffix = ".restoring"
	keptSuffix = ".before-restore"
)

// DirectoryTarget says where a Sink writes the files of a controller.
type DirectoryTarget struct {
	Dir string
	// Replace says that the state of a controller that is there is replaced. It is kept beside,
	// in Kept(Dir). Otherwise it is an error that there is one.
	Replace bool
	// KeepLogs says that the audit, the log of happenings and the bundles that are there stay,
	// and get what is newer.
	KeepLogs bool
	// Bundle bounds a bundle.
	Bundle bundle.Config
	// BatchBytes bounds what of a feed is written at once. Zero means 1 MiB.
	BatchBytes int
	Disk       durable.Disk
	Logger     *slog.Logger
}

// Kept returns the directory with what a Sink has replaced in a directory.
func Kept(dir string) string { return filepath.Clean(dir) + keptSuffix }

// NewDirectorySink returns the Sink of the files of a controller, which must not run. Files that
// are no state of a controller stay. What a crash leaves unfinished is in a directory beside,
// which the next one removes.
func NewDirectorySink(cfg DirectoryTarget) Sink {
	if cfg.BatchBytes == 0 {
		cfg.BatchBytes = 1 << 20
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	cfg.Dir = filepath.Clean(cfg.Dir)
	return &directorySink{cfg: cfg, work: cfg.Dir + workSuffix, revisions: map[string]store.Revision{}}
}

// directorySink writes the files of a controller.
type directorySink struct {
	cfg  DirectoryTarget
	work string
	// there says that the directory is there.
	there bool
	// revisions are those of the stores that are replaced.
	revisions map[string]store.Revision
	part      Part
	db        *boltstore.Writer // of the part, if it is a store
	positions heldText
	audit     *waiting
	events    *waiting
	blobs     *blob.Store
	logs      []io.Closer
	done      bool
}

// waiting is a log with lines that wait.
type waiting struct {
	take        func(first, last uint64, lines []byte) error
	first, last uint64
	lines       []byte
}

// ours are the files that a Sink writes, in the directory of a controller.
func (s *directorySink) ours() []string {
	list := []string{controllerFile, authorityFile, alertsFile, receiversDir}
	if !s.cfg.KeepLogs {
		list = append(list, auditDir, happeningsDir, blobsDir)
	}
	return list
}

func (s *directorySink) path(names ...string) string {
	return filepath.Join(append([]string{s.work}, names...)...)
}

// Begin is the method of Sink.
func (s *directorySink) Begin(ctx context.Context, _ Head) error {
	if err := s.look(ctx); err != nil {
		return err
	}
	if err := s.cfg.Disk.RemoveAll(s.work); err != nil {
		return err
	}
	if err := s.cfg.Disk.MkdirAll(s.work, 0o700); err != nil {
		return err
	}
	if !s.there {
		return nil
	}
	return s.link(s.cfg.Dir, s.work, s.ours())
}

// look looks at what is there.
func (s *directorySink) look(ctx context.Context) error {
	info, err := os.Stat(s.cfg.Dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.IsDir() {
		err = &os.PathError{Op: "open", Path: s.cfg.Dir, Err: unix.ENOTDIR}
	}
	if err != nil {
		return err
	}
	s.there = true
	for part, name := range dbFiles {
		path := filepath.Join(s.cfg.Dir, name)
		if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
			continue
		}
		err := boltstore.Read(ctx, path, boltstore.Reader{Begin: func(rev store.Revision) error {
			s.revisions[part] = rev
			return errSeen
		}})
		if errors.Is(err, boltstore.ErrInUse) {
			return fmt.Errorf("a controller runs with the files in %s: stop it first: %w", s.cfg.Dir, err)
		}
		if !s.cfg.Replace {
			return fmt.Errorf("%s has the state of a controller: name another directory, or replace that state (--replace), which is then kept in %s", s.cfg.Dir, Kept(s.cfg.Dir))
		}
	}
	return nil
}

// link gives the files of a directory names in another one, except for some.
func (s *directorySink) link(from, to string, except []string) error {
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if slices.Contains(except, e.Name()) {
			continue
		}
		source, target := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		if err := s.linkOne(e, source, target); err != nil {
			return fmt.Errorf("keep %s: %w", source, err)
		}
	}
	return s.cfg.Disk.SyncDir(to)
}

func (s *directorySink) linkOne(e fs.DirEntry, source, target string) error {
	switch {
	case e.IsDir():
		info, err := e.Info()
		if err != nil {
			return err
		}
		if err := s.cfg.Disk.Do("mkdir", target, func() error { return os.Mkdir(target, info.Mode().Perm()) }); err != nil {
			return err
		}
		if err := sameOwner(source, target); err != nil {
			return err
		}
		return s.link(source, target, nil)
	case e.Type()&fs.ModeSymlink != 0:
		to, err := os.Readlink(source)
		if err != nil {
			return err
		}
		return s.cfg.Disk.Symlink(to, target)
	case e.Type().IsRegular():
		return s.cfg.Disk.Do("link", target, func() error { return os.Link(source, target) })
	}
	return nil // a socket or a pipe: whoever needs it makes it anew
}

// sameOwner gives a file the owner of another one, if this process may.
func sameOwner(of, path string) error {
	var st unix.Stat_t
	if err := unix.Stat(of, &st); err != nil || os.Geteuid() != 0 {
		return err
	}
	return os.Lchown(path, int(st.Uid), int(st.Gid))
}

// Put is the method of Sink.
func (s *directorySink) Put(_ context.Context, i Item) error {
	switch i := i.(type) {
	case Part:
		return s.begin(i)
	case Entry:
		return s.entry(i)
	case Batch:
		return s.batch(i)
	case Archive:
		return s.archive(i)
	}
	return nil
}

// begin ends the part before and begins the next.
func (s *directorySink) begin(p Part) (err error) {
	if err := s.endPart(); err != nil {
		return err
	}
	s.part = p
	if name, ok := dbFiles[p.Name]; ok {
		err = s.cfg.Disk.Do("open", s.path(name), func() error {
			s.db, err = boltstore.NewWriter(s.path(name))
			return err
		})
	}
	return err
}

// endPart puts the store of a part in place. Its revision goes on after that of the one that it
// replaces.
func (s *directorySink) endPart() error {
	db := s.db
	if db == nil {
		return nil
	}
	s.db = nil
	return s.cfg.Disk.Do("commit", s.path(dbFiles[s.part.Name]), func() error { return db.Commit(max(s.part.Revision, s.revisions[s.part.Name])) })
}

func (s *directorySink) entry(e Entry) error {
	unknown := func() error {
		return fmt.Errorf("the entry %.60q of the part %s is not known here: a newer zeekfleet has written it; run that zeekfleet, or a later one", e.Key, s.part.Name)
	}
	switch s.part.Name {
	case PartController, PartAuthority:
		return s.cfg.Disk.Do("write", s.path(dbFiles[s.part.Name]), func() error { return s.db.Put(store.Entry(e)) })
	case PartAlerts:
		if e.Key != KeyAlerts {
			return unknown()
		}
		return s.replace(s.path(alertsFile), e.Value)
	case PartReceivers:
		if notify.CheckName(e.Key) != nil {
			return unknown()
		}
		if err := s.cfg.Disk.MkdirAll(s.path(receiversDir), 0o700); err != nil {
			return err
		}
		return s.replace(s.path(receiversDir, e.Key+suffix), e.Value)
	case PartHappenings:
		switch e.Key {
		case KeyIdentity:
			if err := s.cfg.Disk.MkdirAll(s.path(happeningsDir), 0o700); err != nil {
				return err
			}
			return s.replace(s.path(happeningsDir, identityFile), e.Value)
		case KeyPositions:
			s.positions.text = e.Value
			return nil
		}
	}
	return unknown()
}

func (s *directorySink) replace(path string, text []byte) error {
	return s.cfg.Disk.Replace(path, path+".new", text)
}

// heldText is a text in memory.
type heldText struct{ text []byte }

// Load is the method of happenings.Keep.
func (h *heldText) Load() ([]byte, error) {
	if h.text == nil {
		return nil, fs.ErrNotExist
	}
	return h.text, nil
}

// Save is the method of happenings.Keep.
func (h *heldText) Save([]byte) error { return nil }

// The bounds of logs here: the controller has its own.
const (
	allRecords = 1 << 30
	allBytes   = 1 << 50
	allTimes   = 1 << 62
)

// batch takes a part of a feed. Small ones are written together.
func (s *directorySink) batch(b Batch) error {
	w, err := s.logOf(b.Feed)
	if err != nil {
		return err
	}
	if len(w.lines) > 0 && len(w.lines)+len(b.Lines) > s.cfg.BatchBytes {
		if err := s.flush(w); err != nil {
			return err
		}
	}
	if len(w.lines) == 0 {
		w.first = b.First
	}
	w.last, w.lines = b.Last, append(w.lines, b.Lines...)
	return nil
}

// logOf returns the log of a feed, and opens it at the first time.
func (s *directorySink) logOf(feed string) (w *waiting, err error) {
	place, dir := &s.audit, s.path(auditDir)
	if feed == FeedHappenings {
		place, dir = &s.events, s.path(happeningsDir)
	}
	if *place != nil {
		return *place, nil
	}
	err = s.cfg.Disk.Do("open", dir, func() error {
		if feed == FeedAudit {
			l, err := audit.Open(audit.Config{Dir: dir, MaxRecords: allRecords, MaxBytes: allBytes, MaxAge: allTimes, Logger: s.cfg.Logger})
			if err != nil {
				return err
			}
			s.logs, s.audit = append(s.logs, l), &waiting{take: l.Take}
			return nil
		}
		l, err := happenings.Open(happenings.Config{
			Dir: dir, MaxRecords: allRecords, MaxBytes: allBytes, MaxAge: allTimes, Positions: &s.positions, Logger: s.cfg.Logger,
		})
		if err != nil {
			return err
		}
		s.logs, s.events = append(s.logs, l), &waiting{take: l.Take}
		return nil
	})
	return *place, err
}

func (s *directorySink) flush(w *waiting) error {
	if w == nil || len(w.lines) == 0 {
		return nil
	}
	lines := w.lines
	w.lines = nil
	return s.cfg.Disk.Do("write", s.work, func() error { return w.take(w.first, w.last, lines) })
}

// archive takes an archive. It goes through a file: the content comes in writes, and is taken
// by reading.
func (s *directorySink) archive(a Archive) (err error) {
	if s.blobs == nil {
		s.blobs, err = blob.Open(blob.Config{Dir: s.path(blobsDir), Logger: s.cfg.Logger, Bundle: s.cfg.Bundle, Disk: s.cfg.Disk})
		if err != nil {
			return err
		}
	}
	if _, err := s.blobs.About(a.Hash); err == nil {
		return s.blobs.Take(a.Hash, a.About, nil)
	}
	file, err := durable.Create(s.path(".archive"), 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := a.Write(file); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	content, err := os.Open(file.Name())
	if err != nil {
		return err
	}
	defer content.Close()
	return s.blobs.Take(a.Hash, a.About, content)
}

// Commit is the method of Sink.
func (s *directorySink) Commit(ctx context.Context) error {
	if err := s.endPart(); err != nil {
		return err
	}
	if err := errors.Join(s.flush(s.audit), s.flush(s.events)); err != nil {
		return err
	}
	if err := s.closeLogs(); err != nil {
		return err
	}
	if err := s.own(); err != nil {
		return err
	}
	if err := s.cfg.Disk.SyncDir(s.work); err != nil {
		return err
	}
	if err := s.place(ctx); err != nil {
		return err
	}
	s.done = true
	return nil
}

func (s *directorySink) closeLogs() error {
	var errs []error
	for _, l := range s.logs {
		errs = append(errs, l.Close())
	}
	s.logs = nil
	return errors.Join(errs...)
}

// own gives what was written the owner of the directory that it replaces, or of the one above.
func (s *directorySink) own() error {
	of := s.cfg.Dir
	if !s.there {
		of = filepath.Dir(s.cfg.Dir)
	}
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range append(s.ours(), ".") {
		err := filepath.WalkDir(s.path(name), func(path string, _ fs.DirEntry, err error) error {
			if err == nil {
				err = sameOwner(of, path)
			}
			if err == nil && name == "." {
				return fs.SkipAll
			}
			return err
		})
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// place puts the directory in its place.
func (s *directorySink) place(ctx context.Context) error {
	above := filepath.Dir(s.cfg.Dir)
	if !s.there {
		if err := s.cfg.Disk.Rename(s.work, s.cfg.Dir); err != nil {
			return err
		}
		return s.cfg.Disk.SyncDir(above)
	}
	if err := s.look(ctx); err != nil { // a controller may have started meanwhile
		return err
	}
	err := s.cfg.Disk.Do("exchange", s.cfg.Dir, func() error {
		return unix.Renameat2(unix.AT_FDCWD, s.work, unix.AT_FDCWD, s.cfg.Dir, unix.RENAME_EXCHANGE)
	})
	if err != nil {
		return fmt.Errorf("put the restored directory in the place of %s: %w; move %[1]s away, and restore again", s.cfg.Dir, err)
	}
	s.done = true // the work directory is now the one that was there before
	if err := s.cfg.Disk.SyncDir(above); err != nil {
		return err
	}
	return s.keep()
}

// keep keeps what was replaced. It is no loss if that fails: the state is in its place.
func (s *directorySink) keep() error {
	kept := Kept(s.cfg.Dir)
	err := s.cfg.Disk.RemoveAll(kept)
	if err == nil {
		err = s.cfg.Disk.Rename(s.work, kept)
	}
	if err != nil {
		s.cfg.Logger.Warn("what was replaced stays in another directory than it should", "path", s.work, "err", err)
	}
	return nil
}

// Close is the method of Sink.
func (s *directorySink) Close() error {
	err := s.closeLogs()
	if s.db != nil {
		err = errors.Join(err, s.db.Close())
		s.db = nil
	}
	if s.done {
		return err
	}
	if gone := s.cfg.Disk.RemoveAll(s.work); gone != nil {
		err = errors.Join(err, gone)
	}
	return err
}
