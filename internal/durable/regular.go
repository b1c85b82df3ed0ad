package durable

import (
	"errors"
	"io"
	"os"
	"path/filepath"

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

// ErrShared says that a file has further names in a directory of another user.
var ErrShared = errors.New("it has further names (hard links), and another user rules its directory")

// OpenSole is OpenRegular for a file in a directory that another user may rule. The user may have
// given another user's file a name there, so OpenSole returns ErrShared for a file with several
// names in such a directory.
func OpenSole(path string) (*os.File, error) {
	f, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	if err := CheckSole(f, path); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// CheckSole returns ErrShared for a file as OpenSole does. The file was opened at this path.
func CheckSole(f *os.File, path string) error {
	var file, dir unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &file); err != nil {
		return &os.PathError{Op: "stat", Path: path, Err: err}
	}
	if file.Nlink < 2 || file.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil
	}
	err := unix.Stat(filepath.Dir(path), &dir)
	if err == nil && dir.Uid != 0 && int64(dir.Uid) != int64(os.Geteuid()) {
		err = ErrShared
	}
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	return nil
}

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

// Truncate makes a regular file empty. Like OpenSole it follows no link, does not wait for the
// other end of a pipe, and refuses the file of another user.
func Truncate(path string) error {
	f, err := openRegular(path, os.O_WRONLY|unix.O_NOFOLLOW)
	if err != nil {
		return err
	}
	if err := CheckSole(f, path); err != nil {
		return errors.Join(err, f.Close())
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
