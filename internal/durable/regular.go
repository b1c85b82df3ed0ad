package durable

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNotRegular says that a path names no regular file.
var ErrNotRegular = errors.New("not a regular file")

// OpenRegular opens a regular file for reading. It waits for nobody, as the
// opening of a pipe would, and follows no link: others can put those where a file
// is expected.
func OpenRegular(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) { // a link; a socket
		err = &os.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = &os.PathError{Op: "open", Path: path, Err: ErrNotRegular}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
