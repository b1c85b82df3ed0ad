package proc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// outputs bounds the output files.
type outputs struct {
	limit int64 // bytes of a file beyond which it is rotated
	keep  int   // rotated files
	bytes int64 // of a tail
	lines int   // of a tail
}

// open opens path for a process to append to, and returns it with its place
// for the record. The file is rotated first where it is too large.
func (o outputs) open(dir, path string) (*os.File, Output, error) {
	if path == "" {
		f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		return f, Output{}, err
	}
	follow := 0
	if filepath.IsAbs(path) {
		// Who configures such a path may well mean what a link leads to. It is found
		// out once: nothing looks there through a link later.
		path = realPath(path)
	} else {
		// In the node's directory, where a link is none of ours.
		path, follow = filepath.Join(dir, path), unix.O_NOFOLLOW
	}
	if size, ok := regularSize(path); ok && size > o.limit {
		if err := o.shift(path); err != nil {
			return nil, Output{}, err
		}
		if err := os.Rename(path, numbered(path, 1)); err != nil {
			return nil, Output{}, err
		}
	}
	// Without O_NONBLOCK, a pipe that nobody reads would block here for ever.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK|follow, 0o640)
	if err != nil {
		return nil, Output{}, err
	}
	if err := unix.SetNonblock(int(f.Fd()), false); err != nil {
		return nil, Output{}, errors.Join(err, f.Close())
	}
	if follow == 0 {
		path = realPath(path) // a link whose target was not there before
	}
	size, _ := regularSize(path)
	return f, Output{Path: path, Offset: size}, nil
}

// realPath returns path without links, if there is such a file.
func realPath(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	return path
}

func numbered(path string, n int) string { return fmt.Sprintf("%s.%d", path, n) }

// regularSize returns the size of path, and false if it is no regular file.
func regularSize(path string) (int64, bool) {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// shift makes room for a new path.1 by renaming path.1 to path.2 and so on. The
// oldest one is overwritten.
func (o outputs) shift(path string) error {
	for n := o.keep - 1; n >= 1; n-- {
		err := os.Rename(numbered(path, n), numbered(path, n+1))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// trim empties path, to which a process is appending, if it has grown beyond
// the limit, and reports whether it did. Its last part is kept as path.1.
func (o outputs) trim(path string) (bool, error) {
	size, ok := regularSize(path)
	if !ok || size <= o.limit {
		return false, nil
	}
	fresh := path + ".new"
	if err := o.copyEnd(fresh, path, size); err != nil {
		os.Remove(fresh)
		// The disk must not fill up because a copy could not be made.
		return true, errors.Join(err, durable.Truncate(path))
	}
	if err := o.shift(path); err != nil {
		return false, err
	}
	if err := os.Rename(fresh, numbered(path, 1)); err != nil {
		return false, err
	}
	return true, durable.Truncate(path)
}

// copyEnd copies the last limit bytes of src, which has size bytes, to dst.
func (o outputs) copyEnd(dst, src string, size int64) error {
	in, err := durable.OpenRegular(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := durable.Create(dst, 0o640) // the directory is the node's as well
	if err != nil {
		return err
	}
	// What is written meanwhile is copied too, within twice the limit.
	part := io.NewSectionReader(in, size-o.limit, 2*o.limit)
	_, err = io.Copy(out, part)
	return errors.Join(err, out.Close())
}

// tail returns the last lines of out, not reaching back before its offset. It
// returns what can be read; output is evidence, not a reason to fail.
func (o outputs) tail(out Output) string {
	size, ok := regularSize(out.Path)
	if !ok {
		return ""
	}
	f, err := durable.OpenRegular(out.Path) // whoever runs as the node can put anything there
	if err != nil {
		return ""
	}
	defer f.Close()
	from := out.Offset
	if from > size {
		from = 0 // truncated since
	}
	cut := size-from > o.bytes
	if cut {
		from = size - o.bytes
	}
	text := make([]byte, size-from)
	n, _ := f.ReadAt(text, from)
	return mgmt.LastLines(string(text[:n]), o.lines, cut)
}
