package tail

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/pause"
)

// Config bounds what is read. Its zero value works.
type Config struct {
	// MaxBytes bounds the bytes of the last lines. Of more, the first lines are left out.
	// Zero means 4 MiB.
	MaxBytes int64
	// MaxRotated bounds the rotated files that are read. Zero means 10.
	MaxRotated int
	// Buffer is how many bytes are read at once. Zero means 30 KiB.
	Buffer int
	// Pause is the time from a change to the look at it: a program that writes line by
	// line is looked at a few times a second, not at each line. Zero means 50 ms.
	Pause time.Duration
}

func (c Config) withDefaults() Config {
	c.MaxBytes = cmp.Or(c.MaxBytes, 4<<20)
	c.MaxRotated = cmp.Or(c.MaxRotated, 10)
	c.Buffer = cmp.Or(c.Buffer, 30<<10)
	c.Pause = cmp.Or(c.Pause, 50*time.Millisecond)
	return c
}

// Write takes bytes that were read. It may wait, and it may not keep p.
type Write func(ctx context.Context, p []byte) error

// Emptied is the line that Follow writes where a file was emptied.
const Emptied = "zeekfleet: the file was rotated here, and some lines may be missing"

// Last writes the last lines of the file at path, and of its rotated files if it has fewer.
// The error is fs.ErrNotExist if there is none of these files.
func Last(ctx context.Context, cfg Config, path string, lines int, write Write) error {
	cfg = cfg.withDefaults()
	f, err := durable.OpenSole(path)
	if err == nil {
		defer f.Close()
	}
	_, err = cfg.last(ctx, f, err, path, lines, write)
	return err
}

// Follow is Last, and goes on with what is written to the file, until ctx is done. It
// returns the cause of ctx then. If there is no file yet, it waits for one. Its directory
// exists.
func Follow(ctx context.Context, cfg Config, path string, lines int, write Write) error {
	cfg = cfg.withDefaults()
	watch, err := newWatch(ctx, path)
	if err != nil {
		return err
	}
	defer watch.close()
	g := &growing{cfg: cfg, path: path, watch: watch, write: write, buf: make([]byte, cfg.Buffer)}
	defer g.close()
	first := true
	for {
		if err := g.look(ctx, first, lines); err != nil {
			return err
		}
		first = false
		if err := watch.wait(ctx); err != nil {
			return err
		}
		if err := pause.For(ctx, cfg.Pause); err != nil {
			return err
		}
	}
}

// last writes the last lines of f and of its rotated files. It returns the offset in f up
// to which it has written. err is that of opening f, which may be nil then.
func (c Config) last(ctx context.Context, f *os.File, err error, path string, lines int, write Write) (int64, error) {
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	end := part{}
	if err == nil {
		if end, err = endOf(f, lines, c.MaxBytes); err != nil {
			return 0, err
		}
	}
	parts, found := []part{end}, f != nil && end.file != nil
	left, bytes := lines-end.lines, c.MaxBytes-(end.to-end.from)
	for n := 1; n <= c.MaxRotated && left > 0 && bytes > 0; n++ {
		old, err := durable.OpenSole(fmt.Sprintf("%s.%d", path, n))
		if err != nil {
			break // it is gone, or there are no more
		}
		defer old.Close()
		p, err := endOf(old, left, bytes)
		if err != nil {
			return 0, err
		}
		parts, found = append(parts, p), true
		left, bytes = left-p.lines, bytes-(p.to-p.from)
	}
	if !found {
		return 0, &os.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
	buf := make([]byte, c.Buffer)
	for i := len(parts) - 1; i >= 0; i-- {
		if err := parts[i].copy(ctx, buf, write); err != nil {
			return 0, err
		}
	}
	return end.to, nil
}

// part is a part of a file: the last lines of it.
type part struct {
	file     *os.File // nil: there is none
	from, to int64
	lines    int
}

// endOf returns the last lines of a file, in at most so many bytes.
func endOf(f *os.File, lines int, most int64) (part, error) {
	info, err := f.Stat()
	if err != nil {
		return part{}, err
	}
	p := part{file: f, from: info.Size(), to: info.Size()}
	if lines <= 0 || p.to == 0 {
		return p, nil
	}
	const block = 32 << 10
	buf := make([]byte, block)
	limit := max(0, p.to-most)
	for at := p.to; at > limit; {
		n := min(block, at-limit)
		at -= n
		if _, err := f.ReadAt(buf[:n], at); err != nil && err != io.EOF {
			return part{}, err
		}
		for i := n - 1; i >= 0; i-- {
			if buf[i] != '\n' || at+i == p.to-1 {
				continue // the newline at the end ends the last line
			}
			if p.lines++; p.lines == lines {
				p.from = at + i + 1
				return p, nil
			}
			p.from = at + i + 1
		}
	}
	switch {
	case limit == 0:
		p.from = 0
		p.lines++ // the first line has no newline before it
	case p.lines == 0:
		p.from, p.lines = limit, 1 // a part of one long line
	}
	return p, nil
}

func (p part) copy(ctx context.Context, buf []byte, write Write) error {
	for at := p.from; p.file != nil && at < p.to; {
		n, err := p.file.ReadAt(buf[:min(int64(len(buf)), p.to-at)], at)
		if n == 0 {
			if err == io.EOF {
				return nil // it was emptied meanwhile
			}
			return err
		}
		if err := write(ctx, buf[:n]); err != nil {
			return err
		}
		at += int64(n)
	}
	return nil
}

// growing is a file that is followed.
type growing struct {
	cfg   Config
	path  string
	watch *watch
	write Write
	buf   []byte

	file    *os.File // nil: there is none yet
	at      int64    // up to which it was written
	seen    []byte   // what was written last
	rotated fs.FileInfo
	midline bool // what was written does not end with a newline
}

func (g *growing) close() {
	if g.file != nil {
		g.file.Close()
	}
}

// look writes what is new.
func (g *growing) look(ctx context.Context, first bool, lines int) error {
	if first {
		return g.begin(ctx, lines)
	}
	for {
		if err := g.drain(ctx); err != nil {
			return err
		}
		replaced, err := g.replaced()
		if err != nil || !replaced {
			return err
		}
		if err := g.drain(ctx); err != nil { // the last words of the file before
			return err
		}
		g.close()
		g.file, g.at, g.rotated = nil, 0, nil
		if err := g.open(); err != nil {
			return err
		}
		if g.file == nil {
			return nil
		}
	}
}

func (g *growing) begin(ctx context.Context, lines int) error {
	if err := g.open(); err != nil {
		return err
	}
	var missing error
	if g.file == nil {
		missing = fs.ErrNotExist
	}
	at, err := g.cfg.last(ctx, g.file, missing, g.path, lines, g.noting)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	g.at = at
	return g.drain(ctx)
}

// open opens the file, if there is one.
func (g *growing) open() error {
	f, err := durable.OpenSole(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if err := g.watch.file(f); err != nil {
		f.Close()
		return err
	}
	g.file, g.rotated = f, g.olderPart()
	return nil
}

// olderPart returns the file that has the part before, or nil.
func (g *growing) olderPart() fs.FileInfo {
	info, err := os.Lstat(g.path + ".1")
	if err != nil {
		return nil
	}
	return info
}

// drain writes the rest of the open file.
func (g *growing) drain(ctx context.Context) error {
	for g.file != nil {
		info, err := g.file.Stat()
		if err != nil {
			return err
		}
		if err := g.noteEmptied(ctx, info.Size()); err != nil {
			return err
		}
		n, err := g.file.ReadAt(g.buf, g.at)
		if n == 0 {
			if err == io.EOF || err == nil {
				return nil
			}
			return err
		}
		if err := g.noting(ctx, g.buf[:n]); err != nil {
			return err
		}
		g.at += int64(n)
	}
	return nil
}

// noteEmptied begins the file again if it was emptied. It may have grown beyond the old
// place since; then there is another older part. That part comes a moment before the file is
// emptied, so the file may also still have what it had.
func (g *growing) noteEmptied(ctx context.Context, size int64) error {
	older := g.olderPart()
	emptied := size < g.at
	if !emptied && older != nil && (g.rotated == nil || !os.SameFile(older, g.rotated)) && !g.hasSeen() {
		// Either this file was emptied, or it was renamed and is itself the older part.
		if own, err := g.file.Stat(); err == nil && !os.SameFile(own, older) {
			if now, err := os.Lstat(g.path); err == nil && os.SameFile(own, now) {
				emptied = true
			}
		}
	}
	if !emptied {
		return nil
	}
	g.at, g.rotated = 0, older
	text := Emptied + "\n"
	if g.midline {
		text = "\n" + text
	}
	return g.noting(ctx, []byte(text))
}

// hasSeen reports whether the file has, before the place up to which it was written, what was
// written last.
func (g *growing) hasSeen() bool {
	seen := g.seen[len(g.seen)-int(min(int64(len(g.seen)), g.at)):]
	has := make([]byte, len(seen))
	n, _ := g.file.ReadAt(has, g.at-int64(len(seen)))
	return n > 0 && bytes.Equal(has[:n], seen)
}

// maxSeen bounds growing.seen. Lines that differ only in their time differ in so many bytes.
const maxSeen = 256

// replaced reports whether another file is at the path.
func (g *growing) replaced() (bool, error) {
	now, err := os.Lstat(g.path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // a new one will come
	}
	if err != nil {
		return false, err
	}
	if g.file == nil {
		return true, nil
	}
	own, err := g.file.Stat()
	return err == nil && !os.SameFile(own, now), err
}

// noting writes p, and notes how it ends.
func (g *growing) noting(ctx context.Context, p []byte) error {
	g.midline = !bytes.HasSuffix(p, []byte("\n"))
	g.seen = append(g.seen, p[max(0, len(p)-maxSeen):]...)
	g.seen = slices.Delete(g.seen, 0, max(0, len(g.seen)-maxSeen))
	return g.write(ctx, p)
}
