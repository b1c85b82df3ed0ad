package archive

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// usage is how full a file system is, in bytes.
type usage struct{ used, available uint64 }

// diskUsage counts as df does: space that only root may use is neither used nor
// available.
func diskUsage(dir string) (usage, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return usage{}, &fs.PathError{Op: "statfs", Path: dir, Err: err}
	}
	block := uint64(s.Bsize)
	return usage{used: (s.Blocks - s.Bfree) * block, available: s.Bavail * block}, nil
}

// beyond returns the bytes by which u exceeds a share of the disk.
func (u usage) beyond(percent int) int64 {
	allowed := float64(u.used+u.available) * float64(percent) / 100
	return int64(math.Ceil(max(0, float64(u.used)-allowed)))
}

// expire applies retention: it removes archived logs, oldest first, but none of the
// day of now or of later days.
func (a *Archiver) expire(ctx context.Context, now time.Time, r *Report) error {
	if a.cfg.KeepDays == 0 && a.cfg.DiskPercent == 0 {
		return nil
	}
	days, err := a.days(now.Format(dayLayout))
	if err != nil {
		return fmt.Errorf("read log archive: %w", err)
	}
	// If a log cannot be removed, younger logs are removed nevertheless.
	var first error
	expireDay := func(day string, target int64) {
		if err := a.expireDay(ctx, day, target, r); first == nil {
			first = err
		}
	}
	if a.cfg.KeepDays > 0 {
		oldest := now.AddDate(0, 0, -a.cfg.KeepDays).Format(dayLayout)
		for len(days) > 0 && days[0] < oldest && ctx.Err() == nil {
			expireDay(days[0], math.MaxInt64)
			days = days[1:]
		}
	}
	if a.cfg.DiskPercent == 0 || ctx.Err() != nil {
		return first
	}
	u, err := a.usage(a.cfg.Logs)
	if err != nil {
		return errors.Join(first, fmt.Errorf("measure log archive: %w", err))
	}
	// The bytes of removed logs are counted. Measuring the disk again would be wrong:
	// a file system may free the bytes later, and meanwhile all logs would be removed.
	target := r.Freed + u.beyond(a.cfg.DiskPercent)
	for len(days) > 0 && r.Freed < target && ctx.Err() == nil {
		expireDay(days[0], target)
		days = days[1:]
	}
	return first
}

// days returns the directories of days before today, oldest first.
func (a *Archiver) days(today string) ([]string, error) {
	entries, err := os.ReadDir(a.cfg.Logs) // sorted
	if err != nil {
		return nil, err
	}
	var days []string
	for _, e := range entries {
		if e.IsDir() && isDay(e.Name()) && e.Name() < today {
			days = append(days, e.Name())
		}
	}
	return days, nil
}

// expireDay removes archived logs of a day until r.Freed reaches target, and then
// the directory if it is empty. It leaves files alone that cannot be archived logs.
// It goes on after an error and returns the first one.
func (a *Archiver) expireDay(ctx context.Context, day string, target int64, r *Report) error {
	dir := filepath.Join(a.cfg.Logs, day)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("remove archived logs: %w", err)
	}
	var first error
	for _, e := range entries {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil || !info.Mode().IsRegular() || !removable(info) {
			continue
		}
		if r.Freed >= target {
			return first
		}
		if err := a.mover.remove(filepath.Join(dir, e.Name())); err != nil {
			first = cmp.Or(first, fmt.Errorf("remove archived logs: %w", err))
			continue
		}
		r.Expired++
		r.Freed += occupied(info)
	}
	if first != nil {
		return first
	}
	err = a.mover.remove(dir)
	if errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, unix.EEXIST) {
		return nil
	}
	return err
}

// removable reports whether a file of the archive is an archived log, or a temporary
// file that an interrupted move left more than a day ago.
func removable(info fs.FileInfo) bool {
	return isArchived(info.Name()) ||
		isTemp(info.Name()) && time.Since(info.ModTime()) > 24*time.Hour
}

// occupied returns how many bytes of the disk a file takes.
func occupied(info fs.FileInfo) int64 {
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		return s.Blocks * 512
	}
	return info.Size()
}
