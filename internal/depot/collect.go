package depot

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Use makes the data bundles of a configuration the ones that nodes read. All bundles must
// be there.
func (d *Depot) Use(now time.Time, bundles []mgmt.Bundle) error {
	d.mu.Lock()
	d.using = slices.Clone(bundles)
	d.mu.Unlock()
	for _, b := range bundles {
		if !d.Have(b.Hash) {
			return fmt.Errorf("bundle %s (%s) is not on this host", b.Name, b.Hash.Short())
		}
		d.touch(now, b.Hash)
		if b.Kind != mgmt.DataBundle {
			continue
		}
		if err := d.point(b); err != nil {
			return fmt.Errorf("bundle %s: %w", b.Name, err)
		}
	}
	return nil
}

// Current returns the path of a data bundle, which is the same for all of its contents.
func (d *Depot) Current(name string) string { return filepath.Join(d.Data(), name, "current") }

// point makes the path of a data bundle lead to its content.
func (d *Depot) point(b mgmt.Bundle) error {
	if err := mgmt.CheckBundleName(b.Name); err != nil {
		return err
	}
	path := d.Current(b.Name)
	target := "../../bundles/" + b.Hash.Digits()
	if was, err := os.Readlink(path); err == nil && was == target {
		return nil
	}
	dir := filepath.Dir(path)
	if err := d.cfg.Disk.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	fresh := path + ".new"
	if err := d.cfg.Disk.Remove(fresh); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := d.cfg.Disk.Symlink(target, fresh); err != nil {
		return err
	}
	if err := d.cfg.Disk.Rename(fresh, path); err != nil {
		return err
	}
	return d.cfg.Disk.SyncDir(dir)
}

// Needs says for what bundles are needed.
type Needs struct {
	// Desired are the bundles of the configuration of this host.
	Desired []mgmt.Bundle
	// Running are those that living processes were started with. Of a data bundle a process
	// needs the path only, not the content that it was started with.
	Running []mgmt.Bundle
	// Kept are the bundles of the revisions that can be rolled back to. Until the controller
	// has told, KeptKnown is false. Then each bundle may be one of them.
	Kept      []mgmt.BundleHash
	KeptKnown bool
}

// Collect removes what this host does not need: bundles that are not in Needs, and
// archives on their way with which nobody goes on. If the bundles take more than
// Config.Bytes, it also removes those that only other revisions need, the oldest use first.
// It never removes bundles of the configuration or of processes, and none that was used
// within Config.Hold. It returns what it has removed.
func (d *Depot) Collect(now time.Time, n Needs) ([]mgmt.BundleHash, error) {
	d.mu.Lock()
	d.needs = &n
	d.mu.Unlock()
	err := errors.Join(d.dropPartial(now), d.dropLinks(n))
	kept := map[mgmt.BundleHash]bool{}
	for _, hash := range n.Kept {
		kept[hash] = true
	}
	var removed []mgmt.BundleHash
	for _, t := range d.spare(now, n) {
		if (!n.KeptKnown || kept[t.Hash]) && !d.over() {
			continue
		}
		gone, removing := d.remove(t)
		err = errors.Join(err, removing)
		if gone {
			removed = append(removed, t.Hash)
		}
	}
	return removed, err
}

// over says whether the bundles take more than they may.
func (d *Depot) over() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.used() > d.cfg.Bytes
}

// spare returns the trees that are not needed now, the oldest use first.
func (d *Depot) spare(now time.Time, n Needs) []Tree {
	d.mu.Lock()
	using := d.using
	d.mu.Unlock()
	used := map[mgmt.BundleHash]bool{}
	for _, b := range slices.Concat(n.Desired, using) {
		used[b.Hash] = true
	}
	for _, b := range n.Running {
		if b.Kind != mgmt.DataBundle {
			used[b.Hash] = true
		}
	}
	list := slices.DeleteFunc(d.List(), func(t Tree) bool {
		// A clock that was set back makes a use lie in the future.
		age := now.Sub(t.Used)
		return used[t.Hash] || (0 <= age && age < d.cfg.Hold)
	})
	sort.SliceStable(list, func(i, j int) bool { return list[i].Used.Before(list[j].Used) })
	return list
}

// remove removes a tree, unless somebody is busy with it, or has used it since it was
// listed.
func (d *Depot) remove(t Tree) (gone bool, err error) {
	hash := t.Hash
	if !d.tryClaim(hash) {
		return false, nil
	}
	defer d.release(hash)
	d.mu.Lock()
	spare := d.trees[hash] == t
	if spare {
		delete(d.trees, hash)
	}
	d.mu.Unlock()
	if !spare {
		return false, nil
	}
	if err := d.discard(hash); err != nil {
		if _, missing := os.Lstat(d.Dir(hash)); missing == nil {
			d.mu.Lock()
			d.trees[hash] = t
			d.mu.Unlock()
		}
		return false, err
	}
	if err := d.cfg.Disk.Remove(d.Dir(hash) + ".about"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return true, err
	}
	return true, nil
}

// discard removes the directory of a tree, if there is one. It loses its name first.
func (d *Depot) discard(hash mgmt.BundleHash) error {
	trash := filepath.Join(d.incoming.Dir, hash.Digits()+goneSuffix)
	if err := d.cfg.Disk.RemoveAll(trash); err != nil {
		return err
	}
	if err := d.cfg.Disk.Rename(d.Dir(hash), trash); err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	if err := d.cfg.Disk.SyncDir(d.dir); err != nil {
		return err
	}
	return d.cfg.Disk.RemoveAll(trash)
}

func (d *Depot) tryClaim(hash mgmt.BundleHash) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy[hash] != nil {
		return false
	}
	d.busy[hash] = make(chan struct{})
	return true
}

// dropPartial removes archives on their way with which nobody goes on.
func (d *Depot) dropPartial(now time.Time) error {
	partial, err := d.incoming.List()
	for _, p := range partial {
		if now.Sub(p.Changed) <= d.cfg.MaxAge || !d.tryClaim(p.Hash) {
			continue
		}
		err = errors.Join(err, d.incoming.Remove(p.Hash))
		d.settle(p.Hash)
		d.release(p.Hash)
	}
	return err
}

// dropLinks removes the paths of data bundles that nobody uses.
func (d *Depot) dropLinks(n Needs) error {
	used := map[string]bool{}
	for _, b := range slices.Concat(n.Desired, n.Running) {
		if b.Kind == mgmt.DataBundle {
			used[b.Name] = true
		}
	}
	entries, err := os.ReadDir(d.Data())
	if err != nil {
		return err
	}
	for _, e := range entries {
		if used[e.Name()] || !e.IsDir() || mgmt.CheckBundleName(e.Name()) != nil {
			continue
		}
		for _, name := range []string{"current.new", "current", "."} {
			removing := d.cfg.Disk.Remove(filepath.Join(d.Data(), e.Name(), name))
			// A directory in which somebody has put a file stays.
			if removing != nil && !errors.Is(removing, fs.ErrNotExist) && !errors.Is(removing, unix.ENOTEMPTY) {
				err = errors.Join(err, removing)
			}
		}
	}
	return err
}

// reserve makes room for an archive of this size and its tree, which are there at the same
// time, and reserves it.
func (d *Depot) reserve(now time.Time, hash mgmt.BundleHash, size int64) error {
	d.mu.Lock()
	d.partial[hash] = 2 * size
	needs := d.needs
	d.mu.Unlock()
	if needs != nil {
		for _, t := range d.spare(now, *needs) {
			if !d.over() {
				break
			}
			if _, err := d.remove(t); err != nil {
				return err
			}
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if used := d.used(); used > d.cfg.Bytes {
		return &LimitError{fmt.Sprintf("the bundles of this host may take %d bytes of its disk, and take %d; to unpack this one takes %d", d.cfg.Bytes, used-2*size, 2*size)}
	}
	return nil
}
