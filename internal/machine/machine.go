// Package machine tells what this host is: its kernel, memory, load, disks and clock. What
// the kernel does not tell stays empty.
package machine

import (
	"bufio"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Dir is a directory whose file system is of interest.
type Dir struct{ Use, Path string }

// Look returns the facts about this host that do not concern an agent.
func Look(dirs []Dir) mgmt.HostFacts {
	f := mgmt.HostFacts{Time: time.Now().UTC(), Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), OS: osName("/etc/os-release", "/usr/lib/os-release")}
	f.Hostname, _ = os.Hostname()
	var name unix.Utsname
	if unix.Uname(&name) == nil {
		f.Kernel = unix.ByteSliceToString(name.Sysname[:]) + " " + unix.ByteSliceToString(name.Release[:])
	}
	f.Unsynced = unsynced(unix.Adjtimex)
	f.Load = load(read("/proc/loadavg"))
	f.Memory = memory(read("/proc/meminfo"))
	f.Booted = booted(read("/proc/stat"))
	for _, d := range dirs {
		f.Disks = append(f.Disks, disk(d))
	}
	return f
}

// unsynced reports whether nothing keeps the clock right, as the kernel tells it. If the kernel
// tells nothing, it returns false.
func unsynced(adjtimex func(*unix.Timex) (state int, err error)) bool {
	var clock unix.Timex
	state, err := adjtimex(&clock)
	return err == nil && (state == unix.TIME_ERROR || clock.Status&unix.STA_UNSYNC != 0)
}

// Measure fills in the load, the memory, the disks and the clock of a sample of this host.
func Measure(s *mgmt.HostSample, dirs []Dir) {
	s.Unsynced = unsynced(unix.Adjtimex)
	s.Load = load(read("/proc/loadavg"))
	s.Memory = memory(read("/proc/meminfo"))
	for _, d := range dirs {
		s.Disks = append(s.Disks, disk(d))
	}
}

// Booted returns when this host was booted, to the second.
func Booted() time.Time { return booted(read("/proc/stat")) }

// read returns the content of a small file, or nothing.
func read(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

// osName returns the name of the distribution, from the first file that there is (man 5
// os-release).
func osName(paths ...string) string {
	for _, path := range paths {
		for line := range strings.Lines(read(path)) {
			if value, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
				if plain, err := strconv.Unquote(value); err == nil {
					return plain
				}
				return strings.Trim(value, `'"`)
			}
		}
	}
	return runtime.GOOS
}

// load reads /proc/loadavg.
func load(text string) (of [3]float64) {
	for i, field := range strings.Fields(text) {
		if i == len(of) {
			break
		}
		of[i], _ = strconv.ParseFloat(field, 64)
	}
	return of
}

// memory reads /proc/meminfo.
func memory(text string) (m mgmt.Memory) {
	fields := map[string]*uint64{
		"MemTotal": &m.Total, "MemAvailable": &m.Available, "SwapTotal": &m.SwapTotal, "SwapFree": &m.SwapFree,
	}
	for lines := bufio.NewScanner(strings.NewReader(text)); lines.Scan(); {
		name, value, _ := strings.Cut(lines.Text(), ":")
		if field := fields[name]; field != nil {
			kilobytes, _ := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 54)
			*field = kilobytes << 10
		}
	}
	return m
}

// booted reads the time of the boot from /proc/stat.
func booted(text string) time.Time {
	for line := range strings.Lines(text) {
		if value, ok := strings.CutPrefix(line, "btime "); ok {
			if at, err := strconv.ParseInt(strings.TrimSpace(value), 10, 64); err == nil {
				return time.Unix(at, 0).UTC()
			}
		}
	}
	return time.Time{}
}

func disk(d Dir) mgmt.Disk {
	one := mgmt.Disk{Use: d.Use, Path: d.Path}
	var fs unix.Statfs_t
	if err := unix.Statfs(d.Path, &fs); err != nil {
		one.Err = err.Error()
		return one
	}
	one.Total, one.Free = space(fs)
	return one
}

// space counts as df does: what only root may use is neither used nor free, and no part of
// the total either. So the share that is used is that of df and of the archive's retention.
func space(fs unix.Statfs_t) (total, free uint64) {
	block := uint64(fs.Bsize)
	return (fs.Blocks - min(fs.Bfree, fs.Blocks) + fs.Bavail) * block, fs.Bavail * block
}
