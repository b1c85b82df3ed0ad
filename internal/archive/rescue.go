package archive

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// shadowPrefix begins the names of the files with which Zeek remembers the logs
// that it has open.
const shadowPrefix = ".shadow."

// ErrInUse says that a log of a node that was said to be gone is open for
// writing.
var ErrInUse = errors.New("a living process writes it")

// Rescue moves the logs that a node left behind when it died, *.log and *.log.gz
// in its working directory, into the queue under the names of rotated ones, and
// returns how many. Suffix is what the node's own rotation adds to the names;
// empty for the one that writes the cluster's logs.
//
// The caller knows that the process is gone, and starts no other in dir before
// Rescue has returned. A log that somebody has open for writing nevertheless is
// left alone, where the file system tells (it takes leases: local ones do).
//
// Zeek can rotate the logs of a predecessor itself when it starts in the same
// directory, those for which there is a shadow file. Rescue takes all logs,
// because nobody knows whether Zeek will start there again, and removes the
// shadow files with them; a Zeek that finds neither has nothing to do, and one
// that comes after a death in between drops a shadow file without its log.
//
// A log was opened when its own #open line says; without one, when its shadow
// file or else the log itself was made. It was closed when it was last written.
//
// Names have the digits of the node's own clock, as those that it gives: in is its
// time zone.
func (a *Archiver) Rescue(ctx context.Context, dir, suffix string, in *time.Location) (int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look for left-over logs: %w", err)
	}
	rescued := 0
	var errs []error
	for _, e := range entries {
		path, ext, ok := cutLog(e.Name())
		if !ok || !e.Type().IsRegular() {
			continue
		}
		if err := context.Cause(ctx); err != nil {
			return rescued, errors.Join(append(errs, err)...)
		}
		name := Name{Path: path, Suffix: suffix, Ext: ext}
		if err := a.rescue(ctx, filepath.Join(dir, e.Name()), name, in); err != nil {
			errs = append(errs, fmt.Errorf("left-over log %s: %w", filepath.Join(dir, e.Name()), err))
			continue
		}
		rescued++
	}
	return rescued, errors.Join(errs...)
}

// cutLog splits the name of a log that Zeek has open into path and extension.
func cutLog(file string) (path, ext string, ok bool) {
	for _, ext := range []string{".log", ".log.gz"} {
		path, ok := strings.CutSuffix(file, ext)
		if ok && path != "" && path[0] != '.' {
			return path, ext, true
		}
	}
	return "", "", false
}

func (a *Archiver) rescue(ctx context.Context, src string, name Name, in *time.Location) error {
	shadow := filepath.Join(filepath.Dir(src), shadowPrefix+filepath.Base(src))
	if err := name.date(src, shadow, in); err != nil {
		return err
	}
	if read, err := ParseName(name.String()); err != nil || read != name {
		return fmt.Errorf("%q would not be the name of a rotated log", name)
	}
	_, err := a.mover.move(ctx, src, func(number int) []form {
		name.Copy = ""
		if number > 1 {
			name.Copy = strconv.Itoa(number)
		}
		return []form{{path: filepath.Join(a.cfg.Queue, name.String())}}
	})
	if err != nil {
		return err
	}
	return a.mover.remove(shadow)
}

// date finds out when the log src was opened and closed.
func (n *Name) date(src, shadow string, in *time.Location) error {
	f, info, err := openRegular(src)
	if err != nil {
		return err
	}
	defer f.Close()
	if isWritten(f) {
		return ErrInUse
	}
	n.Close = digits(info.ModTime(), in)
	if opened, ok := openLine(f); ok {
		n.Open = opened
		return nil
	}
	n.Open = n.Close
	if made, ok := birth(src); ok {
		n.Open = digits(made, in)
	}
	if s, err := os.Lstat(shadow); err == nil {
		n.Open = digits(s.ModTime(), in)
	}
	if n.Open.After(n.Close) {
		n.Open = n.Close
	}
	return nil
}

// isWritten reports whether somebody has f open for writing. A lease for reading
// is granted exactly if nobody has; where there are none, the caller's word
// counts.
func isWritten(f *os.File) bool {
	conn, err := f.SyscallConn()
	if err != nil {
		return false
	}
	written := false
	err = conn.Control(func(fd uintptr) {
		_, err := unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_RDLCK)
		written = errors.Is(err, unix.EAGAIN)
		if err == nil {
			// The error is that of a lease which the kernel has ended already.
			_, _ = unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK)
		}
	})
	return written && err == nil
}

// digits returns t with the digits that a clock in that zone shows, as a Name has
// it.
func digits(t time.Time, in *time.Location) time.Time {
	t = t.In(in)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// openLine finds the time in a line such as "#open	2026-11-23-01-47-03" at the
// beginning of a log.
func openLine(f io.Reader) (time.Time, bool) {
	const header = 64 << 10 // bytes in which the line is looked for
	lines := bufio.NewScanner(io.LimitReader(f, header))
	lines.Buffer(nil, header)
	for lines.Scan() {
		line := lines.Text()
		if !strings.HasPrefix(line, "#") {
			break
		}
		if rest, ok := strings.CutPrefix(line, "#open"); ok && len(rest) > len(stampLayout) {
			return parseStamp(rest[len(rest)-len(stampLayout):])
		}
	}
	return time.Time{}, false
}

// birth returns when a file was made, where the file system knows.
func birth(path string) (time.Time, bool) {
	var s unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME, &s)
	if err != nil || s.Mask&unix.STATX_BTIME == 0 {
		return time.Time{}, false
	}
	return time.Unix(s.Btime.Sec, int64(s.Btime.Nsec)), true
}
