package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// User is a user of this host as whom programs run.
type User struct {
	UID, GID uint32
	Groups   []uint32 // supplementary groups
}

// String returns "" for nil, and otherwise a text that differs for other users.
func (u *User) String() string {
	if u == nil {
		return ""
	}
	return fmt.Sprintf(" as user %d, groups %d %v", u.UID, u.GID, u.Groups)
}

// Credential returns u for programs that os/exec starts. It is nil for nil.
func (u *User) Credential() *syscall.Credential {
	if u == nil {
		return nil
	}
	return &syscall.Credential{Uid: u.UID, Gid: u.GID, Groups: u.Groups}
}

// Own gives a directory to the user, with everything in it. The directory above must be
// nobody's whom the agent does not trust. If the directory is the user's already, it does
// nothing: what is in it may be the user's trap, such as a hard link to a file of somebody else.
// The directory itself changes last, so that an interrupted change is made again.
func (u *User) Own(dir string) error {
	if u == nil {
		return nil
	}
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return fmt.Errorf("%s is no directory", dir)
	}
	if info.Sys().(*syscall.Stat_t).Uid == u.UID {
		return nil
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if err := u.ownBelow(root, "."); err != nil {
		return fmt.Errorf("give %s to user %d: %w", dir, u.UID, err)
	}
	return os.Lchown(dir, int(u.UID), int(u.GID))
}

// ownBelow gives away what is in a directory of root. It follows no links.
func (u *User) ownBelow(root *os.Root, dir string) error {
	f, err := root.Open(dir)
	if err != nil {
		return err
	}
	entries, err := f.ReadDir(-1)
	f.Close()
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		info, err := root.Lstat(name)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return err
		}
		if info.IsDir() {
			if err := u.ownBelow(root, name); err != nil {
				return err
			}
		} else if info.Mode().IsRegular() && info.Sys().(*syscall.Stat_t).Nlink > 1 {
			continue // it is also somewhere else
		}
		if err := root.Lchown(name, int(u.UID), int(u.GID)); err != nil {
			return err
		}
	}
	return nil
}

// MayRead lets the group of the user read a directory of the agent, and the files in it. It is
// for directories whose content nobody but the agent can change.
func (u *User) MayRead(dir string) error {
	if u == nil {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := path.Join(dir, e.Name())
		info, err := e.Info()
		if err == nil && info.Mode().IsRegular() {
			err = errors.Join(os.Lchown(name, -1, int(u.GID)), os.Chmod(name, info.Mode().Perm()|0o040))
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(os.Lchown(dir, -1, int(u.GID)), os.Chmod(dir, 0o750))
}

// Take gives the user a file that the agent has just written into a directory of the user. It
// does not trust the name of the file, which the user can replace.
func (u *User) Take(file string) error {
	if u == nil {
		return nil
	}
	f, err := os.OpenFile(file, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if st := info.Sys().(*syscall.Stat_t); !info.Mode().IsRegular() || st.Nlink != 1 {
		return fmt.Errorf("%s is not the file that the agent wrote", file)
	}
	return f.Chown(int(u.UID), int(u.GID))
}
