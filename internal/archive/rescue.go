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

// shadowPrefix begins the name of a shadow file. Zeek keeps a shadow file beside
// each log that it has open.
const shadowPrefix = ".shadow."

// ErrInUse says that a process has a log open for writing, although its node should
// be dead.
var ErrInUse = errors.New("a living process writes it")

// Rescue moves the logs that a dead node left in its working directory dir (*.log
// and *.log.gz) into the queue, gives them names of rotated logs, and returns how
// many it moved. suffix is the suffix that the node's own rotation adds to the
// names. in is the node's time zone: Rescue writes dates and times as the node does.
//
// The caller must know that the node's process has ended, and must start no other
// process in dir before Rescue returns. Rescue leaves a log alone that a process
// has open for writing. It finds that out with a lease, so only on file systems
// that have leases, as local ones do.
//
// A Zeek that starts in the same directory can rotate the logs with a shadow file
// itself. Rescue takes all logs, because Zeek may never start there again, and
// removes their shadow files. If Rescue dies between the two, a shadow file without
// its log remains; Zeek then only removes it.
//
// The opening time of a log is that of its #open line. Without the line it is the
// time when the shadow file was written, and without a shadow file the time when
// the log was created. The closing time is that of the last write.
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

// cutLog splits the name of a log in a working directory into path and extension.
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

// date sets the opening and closing times of the log src.
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

// isWritten reports whether a process has f open for writing. The kernel grants a
// read lease if no process has. On a file system without leases isWritten returns
// false and relies on Rescue's caller.
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
			// An error means that the kernel has already ended the lease.
			_, _ = unix.FcntlInt(fd, unix.F_SETLEASE, unix.F_UNLCK)
		}
	})
	return written && err == nil
}

// digits returns the date and time that a clock in the zone in shows at t, stored as
// UTC as in a Name.
func digits(t time.Time, in *time.Location) time.Time {
	t = t.In(in)
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.UTC)
}

// openLine finds the time in a line such as "#open	2026-11-23-01-47-03" at the
// beginning of a log.
func openLine(f io.Reader) (time.Time, bool) {
	const header = 64 << 10 // bytes that are searched for the line
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

// birth returns when a file was created. It is false if the file system does not
// record it.
func birth(path string) (time.Time, bool) {
	var s unix.Statx_t
	err := unix.Statx(unix.AT_FDCWD, path, unix.AT_SYMLINK_NOFOLLOW, unix.STATX_BTIME, &s)
	if err != nil || s.Mask&unix.STATX_BTIME == 0 {
		return time.Time{}, false
	}
	return time.Unix(s.Btime.Sec, int64(s.Btime.Nsec)), true
}
