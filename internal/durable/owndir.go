package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// CheckOwnDir returns an error if another user than root and this process's own controls a
// directory: the user owns it, owns a link in its place, or may write in it because everybody
// may. The directories above it are the caller's business. A directory that is not there is none
// of another user.
func CheckOwnDir(dir string) error {
	link, err := os.Lstat(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return &os.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	for _, i := range []fs.FileInfo{link, info} {
		if st, ok := i.Sys().(*syscall.Stat_t); ok && st.Uid != 0 && int64(st.Uid) != int64(os.Geteuid()) {
			return fmt.Errorf("%s belongs to user %d, who could change what is kept there: look at what is in it; if it is right, chown -hR it to user %d, and else remove it", dir, st.Uid, os.Geteuid())
		}
	}
	if info.Mode().Perm()&0o002 != 0 {
		return fmt.Errorf("every user can write in %s: look at what is in it, and chmod it to 700", dir)
	}
	return nil
}
