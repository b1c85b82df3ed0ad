package proc

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// outputs opens, trims and reads output files, within these limits.
type outputs struct {
	limit int64 // bytes of a file; a larger file is rotated
	keep  int   // how many rotated files are kept
	bytes int64 // of a tail
	lines int   // of a tail
}

// open opens path for a process that will append to it. It also returns the file's
// path and size for the record. It first rotates a file that is too large.
func (o outputs) open(dir, path string) (*os.File, Output, error) {
	if path == "" {
		f, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
		return f, Output{}, err
	}
	follow := 0
	if filepath.IsAbs(path) {
		// The operator configures such a path, and may mean the target of a link. The
		// link is resolved once, here.
		path = realPath(path)
	} else {
		// The file is in the node's directory, where we make no links.
		path, follow = filepath.Join(dir, path), unix.O_NOFOLLOW
		if err := removeTrap(dir, path); err != nil {
			return nil, Output{}, err
		}
	}
	if size, ok := regularSize(path); ok && size > o.limit {
		if err := o.shift(path); err != nil {
			return nil, Output{}, err
		}
		if err := os.Rename(path, numbered(path, 1)); err != nil {
			return nil, Output{}, err
		}
	}
	// Without O_NONBLOCK, a pipe without a reader would block this call for ever.
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE|unix.O_NONBLOCK|follow, 0o640)
	if err != nil {
		return nil, Output{}, err
	}
	err = durable.CheckSole(f, path) // it may be a trap, which the node's output would change
	if err == nil {
		err = unix.SetNonblock(int(f.Fd()), false)
	}
	if err != nil {
		return nil, Output{}, errors.Join(err, f.Close())
	}
	if follow == 0 {
		path = realPath(path) // the target of a link may not have existed before
	}
	size, _ := regularSize(path)
	return f, Output{Path: path, Offset: size}, nil
}

// removeTrap makes room for an output file in the directory of a node that runs as another user: a
// link, a pipe or a directory at the path would keep the node from starting ever again, and another
// user's file with a name there is not the node's. Elsewhere they stay: an operator has put them there.
func removeTrap(dir, path string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if st, ok := info.Sys().(*syscall.Stat_t); !ok || st.Uid == 0 || int64(st.Uid) == int64(os.Geteuid()) {
		return nil
	}
	there, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if st, ok := there.Sys().(*syscall.Stat_t); ok && there.Mode().IsRegular() && st.Nlink == 1 {
		return nil
	}
	return os.RemoveAll(path)
}

// realPath returns path with its links resolved, or path itself if there is no such
// file.
func realPath(path string) string {
	if p, err := filepath.EvalSymlinks(path); err == nil {
		return p
	}
	return path
}

func numbered(path string, n int) string { return fmt.Sprintf("%s.%d", path, n) }

// regularSize returns the size of the file at path, and false if it is not a regular
// file.
func regularSize(path string) (int64, bool) {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return 0, false
	}
	return info.Size(), true
}

// shift makes room for a new path.1: it renames path.1 to path.2 and so on. The
// oldest file is overwritten.
func (o outputs) shift(path string) error {
	for n := o.keep - 1; n >= 1; n-- {
		err := os.Rename(numbered(path, n), numbered(path, n+1))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// trim truncates path, to which a process is appending, if it exceeds the limit. It
// keeps the last part as path.1. It reports whether it tried to truncate.
func (o outputs) trim(path string) (bool, error) {
	size, ok := regularSize(path)
	if !ok || size <= o.limit {
		return false, nil
	}
	fresh := path + ".new"
	if err := o.copyEnd(fresh, path, size); err != nil {
		os.Remove(fresh)
		// Truncate even without a copy, so that the disk does not fill up.
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
	in, err := durable.OpenSole(src)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := durable.Create(dst, 0o640) // Create, because the node can put files into this directory
	if err != nil {
		return err
	}
	// Output that comes during the copy is copied too, up to twice the limit.
	part := io.NewSectionReader(in, size-o.limit, 2*o.limit)
	_, err = io.Copy(out, part)
	return errors.Join(err, out.Close())
}

// tail returns the last lines of out after its offset. If the file cannot be read, it
// returns "": missing output is no reason to fail.
func (o outputs) tail(out Output) string {
	size, ok := regularSize(out.Path)
	if !ok {
		return ""
	}
	f, err := durable.OpenSole(out.Path) // the node can put any file there
	if err != nil {
		return ""
	}
	defer f.Close()
	from := out.Offset
	if from > size {
		from = 0 // the file was truncated
	}
	cut := size-from > o.bytes
	if cut {
		from = size - o.bytes
	}
	text := make([]byte, size-from)
	n, _ := f.ReadAt(text, from)
	return mgmt.LastLines(string(text[:n]), o.lines, cut)
}
