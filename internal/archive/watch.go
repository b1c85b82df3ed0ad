package archive

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// watch puts a token into wake, if there is room, as soon as it watches and then
// whenever a file has come into dir, until ctx is done; then it returns nil.
func watch(ctx context.Context, dir string, wake chan<- struct{}) error {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	defer events.Close()
	// Zeek renames a file into its queue; others may write it there.
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_MOVED_TO|unix.IN_CLOSE_WRITE|unix.IN_ONLYDIR); err != nil {
		return fmt.Errorf("watch %s: %w", dir, err)
	}
	defer context.AfterFunc(ctx, func() { events.Close() })() // ends a Read
	buffer := make([]byte, 64<<10)
	for {
		select {
		case wake <- struct{}{}:
		default: // the sweep that is due comes after this event too
		}
		// What has happened does not matter, only that it has.
		_, err := events.Read(buffer)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("watch %s: %w", dir, err)
		}
	}
}
