package archive

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// watch sends to wake once when it begins to watch, and then whenever a file has
// come into dir. It does not wait if wake is full. It returns nil when ctx is done.
func watch(ctx context.Context, dir string, wake chan<- struct{}) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	// Zeek renames a file into the queue. Other programs may write a file there.
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MOVED_TO|unix.IN_CLOSE_WRITE|unix.IN_ONLYDIR); err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	defer context.AfterFunc(ctx, func() { events.Close() })() // ends a Read
	buffer := make([]byte, 64<<10)
	for {
		select {
		case wake <- struct{}{}:
		default: // wake is full: a later sweep is due anyway
		}
		// The content of the events does not matter.
		_, err := events.Read(buffer)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch %s: %w", dir, err)
		}
	}
}
