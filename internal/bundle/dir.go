package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// Dir returns the files and links of a directory, for Pack. It leaves out .git, and what the
// file IgnoreFile names. It reads no content yet.
func (c Config) Dir(root *os.Root) ([]File, error) {
	c = c.withDefaults()
	ignore, err := readIgnore(root)
	if err != nil {
		return nil, err
	}
	d := lister{cfg: c, root: root, ignore: ignore}
	if err := d.list(""); err != nil {
		return nil, err
	}
	return d.files, nil
}

type lister struct {
	cfg    Config
	root   *os.Root
	ignore ignore
	files  []File
	dirs   int
}

func (d *lister) list(dir string) error {
	if d.dirs++; d.dirs > d.cfg.Dirs+1 { // the root is none of them
		return invalid("", "there are more than %d directories; name what is not needed in %s", d.cfg.Dirs, IgnoreFile)
	}
	if strings.Count(dir, "/") >= d.cfg.Depth {
		return invalid(dir, "it is more than %d directories deep", d.cfg.Depth)
	}
	f, err := d.root.Open(join(dir, "."))
	if err != nil {
		return err
	}
	entries, err := f.ReadDir(-1)
	f.Close()
	if err != nil {
		return err
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(a.Name(), b.Name()) })
	for _, e := range entries {
		if err := d.entry(join(dir, e.Name()), e); err != nil {
			return err
		}
	}
	return nil
}

func (d *lister) entry(path string, e fs.DirEntry) error {
	if e.Name() == ".git" || path == IgnoreFile || d.ignore.match(path, e.IsDir()) {
		return nil
	}
	if e.IsDir() {
		return d.list(path)
	}
	if len(d.files) >= d.cfg.Files {
		return invalid("", "there are more than %d files; name those that are not needed in %s", d.cfg.Files, IgnoreFile)
	}
	switch e.Type() {
	case 0:
		info, err := e.Info()
		if err != nil {
			return err
		}
		f := File{Path: path, Mode: Plain, Size: info.Size(), Open: func() (io.ReadCloser, error) { return openFile(d.root, path) }}
		if info.Mode()&0o100 != 0 {
			f.Mode = Executable
		}
		d.files = append(d.files, f)
	case fs.ModeSymlink:
		target, err := d.root.Readlink(path)
		if err != nil {
			return err
		}
		d.files = append(d.files, File{Path: path, Mode: Link, Target: target})
	default:
		return invalid(path, "it is neither a file, nor a directory, nor a symbolic link (%v); remove it, or name it in %s", e.Type(), IgnoreFile)
	}
	return nil
}

// openFile opens a regular file. Something else may be there since it was listed.
func openFile(root *os.Root, path string) (io.ReadCloser, error) {
	f, err := root.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("pack %q: it has changed while it was packed", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
