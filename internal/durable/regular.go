package durable

import (
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// ErrNotRegular says that the file at a path is not a regular file.
var ErrNotRegular = errors.New("not a regular file")

// OpenRegular opens a regular file for reading. Another user may have put a pipe or
// a link at the path, so OpenRegular does not wait for the other end of a pipe and
// follows no link. It returns ErrNotRegular for every other kind of file.
func OpenRegular(path string) (*os.File, error) {
	return openRegular(path, os.O_RDONLY|unix.O_NOFOLLOW)
}

// OpenLinked opens a regular file for reading, and follows links to it. It does not
// wait for the other end of a pipe.
func OpenLinked(path string) (*os.File, error) { return openRegular(path, os.O_RDONLY) }

// ErrTooLong says that a file is longer than the reader allows.
var ErrTooLong = errors.New("it is too long")

// ReadRegular returns the content of a regular file, as OpenRegular opens it. If the
// file has more bytes than most, the error is ErrTooLong.
func ReadRegular(path string, most int) ([]byte, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, int64(most)+1))
	if err == nil && len(text) > most {
		err = &os.PathError{Op: "read", Path: path, Err: ErrTooLong}
	}
	if err != nil {
		return nil, err
	}
	return text, nil
}

// Truncate makes a regular file empty. Like OpenRegular it follows no link and does
// not wait for the other end of a pipe.
func Truncate(path string) error {
	f, err := openRegular(path, os.O_WRONLY|unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(0), f.Close())
}

func openRegular(path string, mode int) (*os.File, error) {
	f, err := os.OpenFile(path, mode|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) { // a link or a socket
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
