package depot

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

	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config says where bundles are, and bounds them. The fields without a default are required.
type Config struct {
	// State is the state directory of the agent.
	State  string
	Logger *slog.Logger
	// Bundle bounds one bundle.
	Bundle bundle.Config
	// Bytes bounds all bundles, with the archives that are on their way. When it is reached,
	// bundles that only older revisions need are removed. If that is not enough, a fetch is
	// refused. What counts is the size of archives, so many small files take somewhat more of
	// the disk. A bundle takes twice its size while it is unpacked. Zero means 10 GiB.
	Bytes int64
	// Hold is how long a bundle stays after it was fetched or used, even if nothing needs it:
	// the deployment that needs it may be still to come. Zero means 1 hour.
	Hold time.Duration
	// MaxAge is how long the beginning of an archive stays with which nobody goes on. Zero
	// means 24 hours.
	MaxAge time.Duration
	Disk   durable.Disk
}

func (c Config) withDefaults() Config {
	c.Bytes = cmp.Or(c.Bytes, 10<<30)
	c.Hold = cmp.Or(c.Hold, time.Hour)
	c.MaxAge = cmp.Or(c.MaxAge, 24*time.Hour)
	return c
}

// Depot has the bundles of a host. One process at a time uses the directories.
type Depot struct {
	cfg      Config
	lock     *durable.Lock
	dir      string // of the trees
	incoming blob.Incoming

	mu      sync.Mutex
	trees   map[mgmt.BundleHash]Tree
	partial map[mgmt.BundleHash]int64         // bytes that are there of archives on their way, or that are reserved for them
	busy    map[mgmt.BundleHash]chan struct{} // closed when nobody is busy with it any more
	needs   *Needs                            // of the last Collect
	using   []mgmt.Bundle                     // of the last Use
}

// Tree is an unpacked bundle.
type Tree struct {
	Hash mgmt.BundleHash
	Size int64     // of the archive
	Used time.Time // when it was fetched or used last
}

// aboutForm1 is form 1 of the file .about.
type aboutForm1 struct {
	Version int       `json:"version"`
	Size    int64     `json:"size"`
	Used    time.Time `json:"used"`
}

// maxAbout bounds the file .about, in bytes.
const maxAbout = 4 << 10

// Open opens the bundles in a state directory, which are this Depot's until Close. It
// removes what a crash has left. The error is durable.ErrLocked if another process has them.
func Open(cfg Config) (*Depot, error) {
	d := &Depot{cfg: cfg.withDefaults(), dir: filepath.Join(cfg.State, "bundles")}
	// Nodes of other users read it too.
	if err := cfg.Disk.MkdirAll(d.dir, 0o755); err != nil {
		return nil, err
	}
	var err error
	if d.lock, err = durable.LockFile(filepath.Join(d.dir, lockFile)); err != nil {
		return nil, fmt.Errorf("lock the bundles in %s: %w", d.dir, err)
	}
	if err := d.open(); err != nil {
		return nil, errors.Join(err, d.lock.Close())
	}
	return d, nil
}

const lockFile = ".lock"

// Close lets others open the bundles. No other method may run then.
func (d *Depot) Close() error { return d.lock.Close() }

func (d *Depot) open() error {
	d.trees, d.partial, d.busy = map[mgmt.BundleHash]Tree{}, map[mgmt.BundleHash]int64{}, map[mgmt.BundleHash]chan struct{}{}
	d.incoming = blob.Incoming{Dir: filepath.Join(d.dir, "incoming"), Disk: d.cfg.Disk}
	if err := d.cfg.Disk.MkdirAll(d.Data(), 0o755); err != nil {
		return err
	}
	for _, step := range []func() error{d.incoming.Make, d.sweep, d.load} {
		if err := step(); err != nil {
			return err
		}
	}
	partial, err := d.incoming.List()
	if err != nil {
		return err
	}
	for _, p := range partial {
		if !d.Have(p.Hash) {
			d.partial[p.Hash] = p.Size
		} else if err := d.incoming.Remove(p.Hash); err != nil {
			return err
		}
	}
	return nil
}

// The unfinished trees in the directory of incoming archives have these ends of their names.
const (
	treeSuffix = ".tree" // being unpacked
	goneSuffix = ".gone" // being removed
)

// sweep removes unfinished trees.
func (d *Depot) sweep() error {
	entries, err := os.ReadDir(d.incoming.Dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), treeSuffix) || strings.HasSuffix(e.Name(), goneSuffix) {
			if err := d.cfg.Disk.RemoveAll(filepath.Join(d.incoming.Dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// load reads which trees there are.
func (d *Depot) load() error {
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		digits, suffix, isFile := strings.Cut(e.Name(), ".")
		hash, ok := hashOf(digits)
		switch {
		case !ok:
		case !isFile && e.IsDir():
			if d.trees[hash], err = d.about(hash); err != nil {
				return err
			}
		case isFile && (suffix != "about" || d.trees[hash].Hash == ""): // a directory comes before its file
			if err := d.cfg.Disk.Remove(filepath.Join(d.dir, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func hashOf(digits string) (mgmt.BundleHash, bool) {
	hash := mgmt.BundleHash("sha256:" + digits)
	return hash, hash.Check() == nil
}

// about returns what is known of a tree. If the file was lost or damaged, the tree itself
// says how large it is.
func (d *Depot) about(hash mgmt.BundleHash) (Tree, error) {
	path := d.Dir(hash) + ".about"
	text, err := durable.ReadRegular(path, maxAbout)
	var a aboutForm1
	if err == nil {
		a, err = parseAbout(text)
	}
	if err == nil {
		return Tree{hash, a.Size, a.Used}, nil
	}
	if _, newer := errors.AsType[*form.NewerError](err); newer {
		return Tree{}, fmt.Errorf("read %s: %w", path, err)
	}
	d.cfg.Logger.Warn("the record of a bundle is lost, its size is measured", "bundle", hash, "err", err)
	t := Tree{Hash: hash}
	err = filepath.WalkDir(d.Dir(hash), func(_ string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err == nil {
			t.Size += info.Size()
		}
		return err
	})
	return t, err
}

func parseAbout(text []byte) (aboutForm1, error) {
	object, sealed, err := durable.Unseal(text)
	if err == nil && !sealed {
		err = durable.ErrDamaged
	}
	version := 0
	if err == nil {
		version, err = form.Version(object, 1)
	}
	if err == nil && version != 1 {
		err = errors.New(`it has no field "version"`)
	}
	var a aboutForm1
	if err == nil {
		err = form.Decode(object, &a)
	}
	return a, err
}

// writeAbout makes a file .about.
func (d *Depot) writeAbout(t Tree) error {
	path := d.Dir(t.Hash) + ".about"
	return d.cfg.Disk.Replace(path, path+".new", durable.Seal(form.Encode(aboutForm1{1, t.Size, t.Used})))
}

// Dir returns the directory of a bundle, whether it is there or not.
func (d *Depot) Dir(hash mgmt.BundleHash) string { return filepath.Join(d.dir, hash.Digits()) }

// Data returns the directory of the data bundles: the data of a bundle is at
// Data()/NAME/current.
func (d *Depot) Data() string { return filepath.Join(d.cfg.State, "data") }

// Have says whether a bundle is there.
func (d *Depot) Have(hash mgmt.BundleHash) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	_, ok := d.trees[hash]
	return ok
}

// Hold says whether a bundle is there. If it is, it stays for Config.Hold: a request that
// needs it goes on.
func (d *Depot) Hold(now time.Time, hash mgmt.BundleHash) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	t, ok := d.trees[hash]
	if ok {
		t.Used = now
		d.trees[hash] = t
	}
	return ok
}

// List returns all bundles, sorted by hash.
func (d *Depot) List() []Tree {
	d.mu.Lock()
	defer d.mu.Unlock()
	var list []Tree
	for _, hash := range slices.Sorted(maps.Keys(d.trees)) {
		list = append(list, d.trees[hash])
	}
	return list
}

// touch notes that a bundle is used. A failure is no reason to use the bundle less: it may be
// collected somewhat early, and fetched again.
func (d *Depot) touch(now time.Time, hash mgmt.BundleHash) {
	d.mu.Lock()
	t, ok := d.trees[hash]
	if ok {
		t.Used = now
		d.trees[hash] = t
	}
	d.mu.Unlock()
	if !ok {
		return
	}
	if err := d.writeAbout(t); err != nil {
		d.cfg.Logger.Warn("the time of a bundle's use is not kept", "bundle", hash, "err", err)
	}
}

// used returns how many bytes all bundles take. The caller holds the lock.
func (d *Depot) used() int64 {
	sum := int64(0)
	for _, t := range d.trees {
		sum += t.Size
	}
	for _, size := range d.partial {
		sum += size
	}
	return sum
}
