package depot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/blob"
	"github.com/zeekfleet/zeekfleet/internal/bundle"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Source opens the archive of a bundle, from a byte on. At the end of the archive the reader
// returns io.EOF; if the archive breaks off, it returns another error. size is that of the
// whole archive, so that a host without room for it says so before it begins.
type Source func(ctx context.Context, hash mgmt.BundleHash, offset int64) (r io.ReadCloser, size int64, err error)

// LimitError says that the bundles of this host would take too much of its disk.
type LimitError struct{ Why string }

func (e *LimitError) Error() string { return e.Why }

// Fetch makes a bundle be there. It says at once if it is there. It calls progress, which
// may be nil, with the bytes that are there and the size of the archive.
//
// After an error nothing counts as there. If the error is not one of the following, the next
// Fetch goes on where this one ended. A *bundle.InvalidError says that what came is not the
// bundle, a *blob.FullError that the disk is full, a *LimitError that there is too much
// already: the archive's beginning was removed.
func (d *Depot) Fetch(ctx context.Context, now time.Time, b mgmt.Bundle, open Source, progress func(done, size int64)) error {
	if err := b.Hash.Check(); err != nil {
		return err
	}
	if progress == nil {
		progress = func(int64, int64) {}
	}
	if err := d.claim(ctx, b.Hash); err != nil {
		return err
	}
	defer d.release(b.Hash)
	if d.Have(b.Hash) {
		d.touch(now, b.Hash)
		return nil
	}
	err := d.fetch(ctx, now, b.Hash, open, progress)
	if _, known := errors.AsType[*blob.FullError](err); !known && blob.IsFull(err) {
		err = &blob.FullError{Err: err}
	}
	if err == nil || isFinal(err) {
		if left := d.incoming.Remove(b.Hash); left != nil {
			d.cfg.Logger.Warn("the archive of a bundle stays on the disk", "bundle", b.Hash, "err", left)
		}
	}
	d.settle(b.Hash)
	if err != nil {
		return fmt.Errorf("fetch bundle %s (%s): %w", b.Name, b.Hash.Short(), err)
	}
	return nil
}

// isFinal says whether a fetch cannot go on where it ended.
func isFinal(err error) bool {
	_, invalid := errors.AsType[*bundle.InvalidError](err)
	_, limit := errors.AsType[*LimitError](err)
	return invalid || limit || blob.IsFull(err)
}

// settle counts what is on the disk of an archive that nobody is fetching.
func (d *Depot) settle(hash mgmt.BundleHash) {
	size, err := d.incoming.Size(hash)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil && size == 0 {
		delete(d.partial, hash)
	} else if err == nil {
		d.partial[hash] = size
	}
}

func (d *Depot) fetch(ctx context.Context, now time.Time, hash mgmt.BundleHash, open Source, progress func(done, size int64)) error {
	offset, err := d.incoming.Size(hash)
	if err != nil {
		return err
	}
	r, size, err := open(ctx, hash, offset)
	if err != nil {
		return err
	}
	defer r.Close()
	switch most := d.cfg.Bundle.MaxBytes(); {
	case size < 1 || size > most:
		return &bundle.InvalidError{Why: fmt.Sprintf("its archive has %d bytes, and may have up to %d", size, most)}
	case offset > size:
		return &bundle.InvalidError{Why: fmt.Sprintf("its archive has %d bytes, and %d are here", size, offset)}
	}
	if err := d.reserve(now, hash, size); err != nil {
		return err
	}
	progress(offset, size)
	total, err := d.incoming.Append(hash, offset, size, &counter{ctx, r, offset, size, progress})
	if err != nil {
		return err
	}
	if total < size {
		return fmt.Errorf("the archive broke off after %d of %d bytes: %w", total, size, io.ErrUnexpectedEOF)
	}
	return d.unpack(now, hash, total)
}

// counter tells how far a transfer is, and ends it with ctx.
type counter struct {
	ctx        context.Context
	r          io.Reader
	done, size int64
	progress   func(done, size int64)
}

func (c *counter) Read(b []byte) (int, error) {
	if c.ctx.Err() != nil {
		return 0, context.Cause(c.ctx)
	}
	n, err := c.r.Read(b)
	if n > 0 {
		c.done += int64(n)
		c.progress(c.done, c.size)
	}
	return n, err
}

// unpack makes the tree of an archive that is complete, and gives it its name last.
func (d *Depot) unpack(now time.Time, hash mgmt.BundleHash, size int64) error {
	fresh := filepath.Join(d.incoming.Dir, hash.Digits()+treeSuffix)
	if err := d.cfg.Disk.RemoveAll(fresh); err != nil {
		return err
	}
	err := d.unpackTo(fresh, hash)
	if err == nil {
		err = d.discard(hash) // that an earlier fetch could not sync
	}
	if err == nil {
		err = d.writeAbout(Tree{hash, size, now})
	}
	if err == nil {
		err = d.cfg.Disk.Rename(fresh, d.Dir(hash))
	}
	if err != nil {
		return errors.Join(err, d.cfg.Disk.RemoveAll(fresh))
	}
	if err := d.cfg.Disk.SyncDir(d.dir); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.trees[hash] = Tree{hash, size, now}
	return nil
}

func (d *Depot) unpackTo(fresh string, hash mgmt.BundleHash) error {
	archive, err := d.incoming.Open(hash)
	if err != nil {
		return err
	}
	defer archive.Close()
	if err := d.cfg.Disk.MkdirAll(fresh, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(fresh, 0o755); err != nil { // whatever the umask is
		return err
	}
	into, err := os.OpenRoot(fresh)
	if err != nil {
		return err
	}
	defer into.Close()
	cfg := d.cfg.Bundle
	cfg.Before = d.cfg.Disk.Before
	_, err = cfg.Unpack(archive, hash, into)
	return err
}

// claim makes the caller the only one who changes the files of a bundle. It waits for its
// turn.
func (d *Depot) claim(ctx context.Context, hash mgmt.BundleHash) error {
	for {
		d.mu.Lock()
		free, taken := d.busy[hash]
		if !taken {
			d.busy[hash] = make(chan struct{})
			d.mu.Unlock()
			return nil
		}
		d.mu.Unlock()
		select {
		case <-free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (d *Depot) release(hash mgmt.BundleHash) {
	d.mu.Lock()
	defer d.mu.Unlock()
	close(d.busy[hash])
	delete(d.busy, hash)
}
