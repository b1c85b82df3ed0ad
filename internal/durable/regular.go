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
func OpenRegular(path string) (*os.File, error) { return openRegular(path, os.O_RDONLY) }

// Truncate makes a regular file empty, and is as careful.
func Truncate(path string) error {
	f, err := openRegular(path, os.O_WRONLY)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(0), f.Close())
}

func openRegular(path string, mode int) (*os.File, error) {
	f, err := os.OpenFile(path, mode|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
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
