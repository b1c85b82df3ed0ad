package audit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/durable"
)

// copied is a file that gets a copy of each line. Another program may move or remove
// it at any time.
type copied struct {
	path string
	file *os.File // nil if it is not open
	torn bool     // the last line was not written whole
}

func (c *copied) append(line []byte) error {
	if err := c.reopen(); err != nil {
		return err
	}
	if c.torn {
		line = append([]byte("\n"), line...)
	}
	n, err := c.file.Write(line)
	c.torn = err != nil && (c.torn || n > 0)
	return err
}

// reopen opens the file at the path, unless it is open.
func (c *copied) reopen() error {
	there, err := os.Lstat(c.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if c.file != nil && err == nil {
		if open, err := c.file.Stat(); err == nil && os.SameFile(open, there) {
			return nil
		}
	}
	if err := c.close(); err != nil {
		return err
	}
	f, err := os.OpenFile(c.path, os.O_RDWR|os.O_APPEND|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o640)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s: %w", c.path, durable.ErrNotRegular)
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	end := []byte("\n")
	if size := info.Size(); size > 0 {
		_, err = f.ReadAt(end, size-1)
	}
	c.file, c.torn = f, err == nil && end[0] != '\n'
	return nil
}

func (c *copied) close() error {
	if c.file == nil {
		return nil
	}
	err := c.file.Close()
	c.file = nil
	return err
}
