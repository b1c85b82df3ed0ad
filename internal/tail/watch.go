package tail

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// watch waits for changes of a file, and for files that come into its directory.
type watch struct {
	inotify *os.File
	path    string
	buf     []byte
	stop    func() bool
}

// newWatch watches the directory of path. A wait ends when ctx is done.
func newWatch(ctx context.Context, path string) (*watch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", path, err)
	}
	w := &watch{inotify: os.NewFile(uintptr(fd), "inotify"), path: path, buf: make([]byte, 16<<10)}
	if err := w.add(filepath.Dir(path), unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_ONLYDIR); err != nil {
		w.inotify.Close()
		return nil, err
	}
	w.stop = context.AfterFunc(ctx, func() { w.inotify.SetReadDeadline(time.Now()) })
	return w, nil
}

func (w *watch) close() {
	w.stop()
	w.inotify.Close()
}

// file watches an open file, also when it gets another name.
func (w *watch) file(f *os.File) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var added error
	err = conn.Control(func(fd uintptr) { added = w.add(fmt.Sprintf("/proc/self/fd/%d", fd), unix.IN_MODIFY) })
	if err != nil {
		return err
	}
	return added
}

func (w *watch) add(path string, mask uint32) error {
	conn, err := w.inotify.SyscallConn()
	if err != nil {
		return err
	}
	var added error
	err = conn.Control(func(fd uintptr) { _, added = unix.InotifyAddWatch(int(fd), path, mask) })
	if err == nil {
		err = added
	}
	if err != nil {
		return fmt.Errorf("watch %s: %w", w.path, err)
	}
	return nil
}

// wait waits until something has changed.
func (w *watch) wait(ctx context.Context) error {
	// What the events say does not matter: the caller looks at the files.
	_, err := w.inotify.Read(w.buf)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("watch %s: %w", w.path, err)
	}
	return nil
}
