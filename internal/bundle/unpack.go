package bundle

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Unpack writes the tree of an archive, which should have the hash want, into an empty
// directory. All files are readable for everyone. When Unpack returns nil, the tree is
// complete and outlives a power cut. After an error the directory has a part of a tree,
// which the caller removes.
//
// Unpack makes the links last, after it has read the whole archive and knows where they
// lead. So no file is written through a link.
func (c Config) Unpack(r io.Reader, want mgmt.BundleHash, into *os.Root) (Contents, error) {
	c = c.withDefaults()
	u := unpacker{c, into, map[string]bool{}}
	contents, err := c.Verify(r, want, u.entry)
	if err != nil {
		return Contents{}, err
	}
	for _, e := range contents.Entries {
		if e.Mode != Link {
			continue
		}
		if err := u.link(e); err != nil {
			return Contents{}, err
		}
	}
	return contents, u.syncAll(contents.Entries)
}

// manyFiles is from how many files on one sync of the whole file system takes less time than
// one of each file: of 20,000 files each, it takes half a minute.
const manyFiles = 500

// syncAll syncs everything. Writing is over before it begins, so the disk has one long list
// of work.
func (u *unpacker) syncAll(entries []Entry) error {
	if len(entries) >= manyFiles {
		return u.syncFileSystem()
	}
	for _, e := range entries {
		if e.Mode == Link {
			continue
		}
		if err := u.sync(e.Path); err != nil {
			return err
		}
	}
	for dir := range u.dirs {
		if err := u.sync(dir); err != nil {
			return err
		}
	}
	return u.sync(".")
}

type unpacker struct {
	cfg  Config
	into *os.Root
	dirs map[string]bool // those that exist
}

func (u *unpacker) entry(e Entry, content io.Reader) error {
	if err := u.mkdir(path.Dir(e.Path)); err != nil || e.Mode == Link {
		return err
	}
	mode := fs.FileMode(0o644)
	if e.Mode == Executable {
		mode = 0o755
	}
	if err := u.cfg.Before("create", e.Path); err != nil {
		return err
	}
	f, err := u.into.OpenFile(e.Path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	err = u.fill(f, e, content, mode)
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func (u *unpacker) fill(f *os.File, e Entry, content io.Reader, mode fs.FileMode) error {
	if err := u.cfg.Before("write", e.Path); err != nil {
		return err
	}
	if _, err := io.Copy(f, content); err != nil {
		return fmt.Errorf("unpack %s: %w", e.Path, err)
	}
	return f.Chmod(mode) // whatever the umask is
}

// mkdir makes a directory and those above it.
func (u *unpacker) mkdir(dir string) error {
	if dir == "." || u.dirs[dir] {
		return nil
	}
	if err := u.mkdir(path.Dir(dir)); err != nil {
		return err
	}
	if err := u.cfg.Before("mkdir", dir); err != nil {
		return err
	}
	if err := u.into.Mkdir(dir, 0o755); err != nil {
		return err
	}
	u.dirs[dir] = true
	return u.into.Chmod(dir, 0o755)
}

func (u *unpacker) link(e Entry) error {
	if err := u.cfg.Before("link", e.Path); err != nil {
		return err
	}
	return u.into.Symlink(e.Target, e.Path)
}

func (u *unpacker) sync(name string) error {
	if err := u.cfg.Before("sync", name); err != nil {
		return err
	}
	f, err := u.into.Open(name)
	if err != nil {
		return err
	}
	err = f.Sync()
	if closed := f.Close(); err == nil {
		err = closed
	}
	return err
}

func (u *unpacker) syncFileSystem() error {
	if err := u.cfg.Before("syncfs", "."); err != nil {
		return err
	}
	f, err := u.into.Open(".")
	if err != nil {
		return err
	}
	if err = unix.Syncfs(int(f.Fd())); err != nil {
		err = &os.PathError{Op: "syncfs", Path: u.into.Name(), Err: err}
	}
	return errors.Join(err, f.Close())
}
