package daemon

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// statusWatch reports when a node's status file says that the node runs. The
// kernel reports changes of the files. Nothing is polled.
type statusWatch struct {
	inotify *os.File

	mu    sync.Mutex
	files map[int32]*statusFile // by watch
}

// statusFile is the status file of one launch.
type statusFile struct {
	watch  int32
	path   string
	node   mgmt.NodeName
	launch uint64
	told   bool // that it runs
}

// newStatusWatch returns a watch. The caller closes it or runs it.
func newStatusWatch() (*statusWatch, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch status files: %w", err)
	}
	return &statusWatch{inotify: os.NewFile(uintptr(fd), "inotify"), files: map[int32]*statusFile{}}, nil
}

// add watches a launch's file from now on. The directory of the file exists.
func (w *statusWatch) add(f statusFile) (*statusFile, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	wd := -1
	err := onFile(w.inotify, func(fd int) (err error) {
		wd, err = unix.InotifyAddWatch(fd, filepath.Dir(f.path), unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO|unix.IN_ONLYDIR)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", f.path, err)
	}
	f.watch = int32(wd)
	w.files[f.watch] = &f
	return &f, nil
}

// remove ends the watch of a file, unless its directory is watched for another
// launch.
func (w *statusWatch) remove(f *statusFile) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.files[f.watch] != f {
		return
	}
	delete(w.files, f.watch)
	// This fails if the directory is gone. The watch is gone then, too.
	_ = onFile(w.inotify, func(fd int) error {
		_, err := unix.InotifyRmWatch(fd, uint32(f.watch))
		return err
	})
}

func onFile(f *os.File, do func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return err
	}
	var doErr error
	if err := conn.Control(func(fd uintptr) { doErr = do(int(fd)) }); err != nil {
		return err
	}
	return doErr
}

// maxInotifyEvent is the size of the largest event: its head and the name of a
// file.
const maxInotifyEvent = unix.SizeofInotifyEvent + unix.NAME_MAX + 1

// run reports each launch once, when its file says that it runs. It ends when ctx
// is done.
func (w *statusWatch) run(ctx context.Context, report func(node mgmt.NodeName, launch uint64)) error {
	defer w.inotify.Close()
	stop := context.AfterFunc(ctx, func() { w.inotify.SetReadDeadline(time.Now()) })
	defer stop()
	buf := make([]byte, 64*maxInotifyEvent)
	for {
		n, err := w.inotify.Read(buf)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			return fmt.Errorf("watch status files: %w", err)
		}
		for _, f := range w.changed(buf[:n]) {
			report(f.node, f.launch)
		}
	}
}

// changed returns the files that now say that their node runs.
func (w *statusWatch) changed(events []byte) []*statusFile {
	w.mu.Lock()
	defer w.mu.Unlock()
	var up []*statusFile
	look := func(f *statusFile) {
		if !f.told && saysRunning(f.path) {
			f.told = true
			up = append(up, f)
		}
	}
	for len(events) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(events))
		mask := binary.NativeEndian.Uint32(events[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[12:]))
		name := bytes.TrimRight(events[unix.SizeofInotifyEvent:min(size, len(events))], "\x00")
		events = events[min(size, len(events)):]
		switch f := w.files[wd]; {
		case mask&unix.IN_Q_OVERFLOW != 0: // events were lost: any file may have changed
			for _, f := range w.files {
				look(f)
			}
		case f != nil && string(name) == filepath.Base(f.path):
			look(f)
		}
	}
	return up
}

// maxStatus bounds the part of a status file that is read, in bytes.
const maxStatus = 4 << 10

// saysRunning reports whether a status file says that the process runs.
func saysRunning(path string) bool {
	f, err := durable.OpenSole(path) // a node's user can put anything there
	if err != nil {
		return false
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxStatus))
	if err != nil {
		return false
	}
	state, _, ok := zeek.ParseStatus(string(text))
	return ok && state == zeek.Running
}
