package blob

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config says where archives are, and bounds them. The fields without a default are
// required.
type Config struct {
	Dir    string
	Logger *slog.Logger
	// Bundle bounds one archive.
	Bundle bundle.Config
	// Bytes bounds all archives, with what is still to come of those on their way. An upload
	// that would be too much is refused. Zero means 20 GiB.
	Bytes int64
	// Blobs bounds the archives. An upload beyond is refused. Zero means 2,000.
	Blobs int
	// Uploads bounds the archives that are on their way at a time, also those that nobody goes
	// on with. An upload beyond is refused, unless another one gives way. Zero means 20.
	Uploads int
	// Idle is after how long without bytes an upload gives way to a new one, if there is no room
	// for both. Zero means 10 minutes.
	Idle time.Duration
	// MaxAge is how long an abandoned upload stays. Zero means 24 hours.
	MaxAge time.Duration
	// Names bounds the names under which one archive was pushed. Older ones are forgotten.
	// Zero means 20.
	Names int
	// Share shares the archives with the other controllers of the cluster. The zero Sharing
	// means that there are none.
	Share Sharing
	Disk  durable.Disk
}

func (c Config) withDefaults() Config {
	c.Bytes = cmp.Or(c.Bytes, 20<<30)
	c.Blobs = cmp.Or(c.Blobs, 2000)
	c.Uploads = cmp.Or(c.Uploads, 20)
	c.Idle = cmp.Or(c.Idle, 10*time.Minute)
	c.MaxAge = cmp.Or(c.MaxAge, 24*time.Hour)
	c.Names = cmp.Or(c.Names, 20)
	return c
}

// Store has the archives of a directory. One process at a time uses the directory.
type Store struct {
	cfg      Config
	incoming Incoming

	mu      sync.Mutex
	blobs   map[mgmt.BundleHash]Blob
	uploads map[mgmt.BundleHash]upload
	busy    map[mgmt.BundleHash]bool // whose files somebody is changing
	// sharing has what is known of archives that are being shared and not stored here yet.
	sharing map[mgmt.BundleHash][]byte
}

// upload is an archive on its way.
type upload struct {
	size    int64 // that it should have; until it is begun anew after a restart: that it has
	begun   bool  // since the restart
	push    Push
	changed time.Time
}

// ErrBusy says that somebody else is changing the same archive.
var ErrBusy = errors.New("somebody else is pushing or removing this bundle at the moment; try again")

// LimitError says that there is no room in the store.
type LimitError struct{ Why string }

func (e *LimitError) Error() string { return e.Why }

// Open opens the store in a directory, which is made if there is none. It removes what a
// crash has left.
func Open(cfg Config) (*Store, error) {
	s := newStore(cfg)
	if err := s.incoming.Make(); err != nil {
		return nil, err
	}
	if err := cfg.Disk.MkdirAll(filepath.Join(cfg.Dir, "sha256"), 0o700); err != nil {
		return nil, err
	}
	if err := s.loadAll(s.sweep); err != nil {
		return nil, err
	}
	partial, err := s.incoming.List()
	if err != nil {
		return nil, err
	}
	for _, p := range partial {
		s.uploads[p.Hash] = upload{size: p.Size, changed: p.Changed}
	}
	return s, nil
}

func newStore(cfg Config) *Store {
	return &Store{
		cfg: cfg.withDefaults(), blobs: map[mgmt.BundleHash]Blob{}, uploads: map[mgmt.BundleHash]upload{}, busy: map[mgmt.BundleHash]bool{},
		sharing: map[mgmt.BundleHash][]byte{}, incoming: Incoming{filepath.Join(cfg.Dir, "incoming"), cfg.Disk},
	}
}

// OpenToRead opens a store that another process may use. It changes nothing. A directory that
// does not exist has no archives.
func OpenToRead(cfg Config) (*Store, error) {
	s := newStore(cfg)
	err := s.loadAll(func(string, []fs.DirEntry) error { return nil })
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	return s, nil
}

// loadAll reads what the store has, and lets sweep look at each directory.
func (s *Store) loadAll(sweep func(dir string, entries []fs.DirEntry) error) error {
	dirs, err := os.ReadDir(filepath.Join(s.cfg.Dir, "sha256"))
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if err := s.load(filepath.Join(s.cfg.Dir, "sha256", dir.Name()), sweep); err != nil {
			return err
		}
	}
	return nil
}

// load reads what a directory has.
func (s *Store) load(dir string, sweep func(dir string, entries []fs.DirEntry) error) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		hash, ok := hashOf(e.Name())
		if !ok || !e.Type().IsRegular() || s.path(hash) != filepath.Join(dir, e.Name()) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		var a aboutForm1
		err = read(s.path(hash)+".about", maxAbout, &a)
		if _, newer := errors.AsType[*form.NewerError](err); newer {
			return err
		}
		if err != nil {
			// The archive itself is good. Revisions may need it.
			s.cfg.Logger.Warn("who has pushed a bundle is not known", "bundle", hash, "err", err)
		}
		s.blobs[hash] = Blob{hash, info.Size(), a.Files, a.Pushes}
	}
	return sweep(dir, entries)
}

// sweep removes files beside archives that are not there, and unfinished files.
func (s *Store) sweep(dir string, entries []fs.DirEntry) error {
	for _, e := range entries {
		digits, suffix, ok := strings.Cut(e.Name(), ".")
		hash, isHash := hashOf(digits)
		if !ok || !isHash {
			continue
		}
		if _, stored := s.blobs[hash]; stored && !strings.HasSuffix(suffix, ".new") {
			continue
		}
		if err := s.cfg.Disk.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) path(hash mgmt.BundleHash) string {
	digits := hash.Digits()
	return filepath.Join(s.cfg.Dir, "sha256", digits[:2], digits)
}

// Get returns what is known of an archive, and whether it is stored.
func (s *Store) Get(hash mgmt.BundleHash) (Blob, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b, ok := s.blobs[hash]
	b.Pushes = slices.Clone(b.Pushes)
	return b, ok
}

// List returns all archives, sorted by hash.
func (s *Store) List() []Blob {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Blob, 0, len(s.blobs))
	for _, hash := range slices.Sorted(maps.Keys(s.blobs)) {
		b := s.blobs[hash]
		b.Pushes = slices.Clone(b.Pushes)
		list = append(list, b)
	}
	return list
}

// Content opens an archive. The caller closes it. It can be read to its end even if it is
// removed meanwhile.
func (s *Store) Content(hash mgmt.BundleHash) (*os.File, error) {
	if _, ok := s.Get(hash); !ok {
		return nil, ErrNone
	}
	f, err := durable.OpenRegular(s.path(hash))
	if errors.Is(err, fs.ErrNotExist) {
		err = ErrNone
	}
	return f, err
}

// Remove removes an archive, for all controllers of the cluster.
func (s *Store) Remove(hash mgmt.BundleHash) error {
	if err := s.claim(hash); err != nil {
		return err
	}
	defer s.release(hash)
	if _, ok := s.Get(hash); !ok {
		return ErrNone
	}
	if s.cfg.Share.Remove != nil {
		if err := s.cfg.Share.Remove(string(hash)); err != nil {
			return fmt.Errorf("remove a bundle for all controllers: %w", err)
		}
	}
	return s.remove(hash)
}

// remove removes an archive here. The caller has claimed it.
func (s *Store) remove(hash mgmt.BundleHash) error {
	path := s.path(hash)
	// Without the archive itself the others count for nothing.
	if err := s.cfg.Disk.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	s.mu.Lock()
	delete(s.blobs, hash)
	s.mu.Unlock()
	for _, name := range []string{path + ".about", path + ".files"} {
		if err := s.cfg.Disk.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return s.cfg.Disk.SyncDir(filepath.Dir(path))
}

// claim makes the caller the only one who changes the files of an archive.
func (s *Store) claim(hash mgmt.BundleHash) error {
	if err := hash.Check(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy[hash] {
		return ErrBusy
	}
	s.busy[hash] = true
	return nil
}

func (s *Store) release(hash mgmt.BundleHash) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.busy, hash)
}

// room returns a *LimitError if the store has no room for a new upload.
func (s *Store) room(hash mgmt.BundleHash, size int64) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	used := int64(0)
	for _, b := range s.blobs {
		used += b.Size
	}
	others := 0
	for other, u := range s.uploads {
		if other != hash {
			used += u.size
			others++
		}
	}
	switch {
	case used+size > s.cfg.Bytes:
		return &LimitError{fmt.Sprintf("the controller has %d bytes of bundles, and may have %d: the bundle with %d does not fit; prune the bundles that no revision needs", used, s.cfg.Bytes, size)}
	case len(s.blobs)+others >= s.cfg.Blobs:
		return &LimitError{fmt.Sprintf("the controller has the limit of %d bundles; prune the bundles that no revision needs", s.cfg.Blobs)}
	case others >= s.cfg.Uploads:
		return &LimitError{fmt.Sprintf("the controller has the limit of %d uploads at a time; finish one of them, or wait: after %v without bytes one gives way", s.cfg.Uploads, s.cfg.Idle)}
	}
	return nil
}
