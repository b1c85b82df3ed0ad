package bundle

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// File is a file or a link that is to be packed.
type File struct {
	Path string
	Mode Mode
	// Size and Open are those of a file. Its content must have Size bytes.
	Size int64
	Open func() (io.ReadCloser, error)
	// Target is that of a link.
	Target string
}

func (f File) entry() Entry {
	if f.Mode == Link {
		return Entry{Path: f.Path, Mode: Link, Target: f.Target}
	}
	return Entry{Path: f.Path, Mode: f.Mode, Size: f.Size}
}

// Pack writes the archive of a tree, whose files may come in any order. It checks them all
// before it writes a byte.
func (c Config) Pack(w io.Writer, files []File) (Contents, error) {
	c = c.withDefaults()
	files = slices.Clone(files)
	sort.Slice(files, func(i, j int) bool { return files[i].Path < files[j].Path })
	if err := c.checkFiles(files); err != nil {
		return Contents{}, err
	}
	sum := sha256.New()
	p := packer{w: io.MultiWriter(sum, w), buf: make([]byte, 64<<10)}
	entries := make([]Entry, 0, len(files))
	for _, f := range files {
		e, err := p.file(f)
		if err != nil {
			return Contents{}, err
		}
		entries = append(entries, e)
	}
	if _, err := p.Write(make([]byte, 2*blockSize)); err != nil {
		return Contents{}, err
	}
	return Contents{mgmt.NewBundleHash([32]byte(sum.Sum(nil))), p.size, entries}, nil
}

func (c Config) checkFiles(files []File) error {
	t := newTree(c)
	size := int64(2 * blockSize)
	for _, f := range files {
		if f.Mode != Plain && f.Mode != Executable && f.Mode != Link {
			panic(fmt.Sprintf("bundle: %q has mode %q", f.Path, f.Mode))
		}
		e := f.entry()
		if err := t.add(e); err != nil {
			return err
		}
		if e.Size > c.Bytes {
			return invalid(e.Path, "it has %d bytes; a bundle may have %d", e.Size, c.Bytes)
		}
		if size += blockSize + padded(e.Size); size > c.Bytes {
			return invalid("", "the bundle is larger than the limit of %d bytes", c.Bytes)
		}
	}
	if len(files) == 0 {
		return invalid("", "the bundle has no files")
	}
	return t.checkLinks()
}

// packer writes an archive.
type packer struct {
	w    io.Writer
	size int64
	buf  []byte
}

func (p *packer) file(f File) (Entry, error) {
	e := f.entry()
	h := header(e)
	if _, err := p.Write(h[:]); err != nil || e.Mode == Link {
		return e, err
	}
	r, err := f.Open()
	if err != nil {
		return e, err
	}
	defer r.Close()
	sum := sha256.New()
	n, err := io.CopyBuffer(io.MultiWriter(sum, p), io.LimitReader(r, e.Size), p.buf)
	if err != nil {
		return e, fmt.Errorf("pack %q: %w", e.Path, err)
	}
	if more, err := io.ReadFull(r, p.buf[:1]); n != e.Size || more != 0 || !errors.Is(err, io.EOF) {
		return e, fmt.Errorf("pack %q: it has changed while it was packed", e.Path)
	}
	e.SHA256 = hex.EncodeToString(sum.Sum(nil))
	_, err = p.Write(make([]byte, padded(e.Size)-e.Size))
	return e, err
}

func (p *packer) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.size += int64(n)
	return n, err
}

// padded returns how many bytes of an archive a content of n bytes takes.
func padded(n int64) int64 { return (n + blockSize - 1) / blockSize * blockSize }
