// Package procfs reads what the kernel says about processes in /proc (man 5 proc).
package procfs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Dir is a directory in which the kernel shows processes. Tests use other
// directories than Root.
type Dir string

// Root is the kernel's own directory.
const Root Dir = "/proc"

// Stat is the content of a process's file stat, as far as this program needs it.
type Stat struct {
	Name    string // the name of the program, at most 15 bytes
	State   byte   // a letter, such as 'R' for running
	Parent  int    // the PID of the parent
	Session int
	Ticks   uint64 // the time of the start, in clock ticks since boot
	Used    uint64 // processor time that all its threads have used, in clock ticks
	Threads int
	Pages   uint64 // of memory that is resident
}

// TicksPerSecond is the number of clock ticks in a second. The kernel's interface has 100
// on every architecture that Go knows (USER_HZ).
const TicksPerSecond = 100

// Dead reports whether the process has ended.
func (s Stat) Dead() bool { return s.State == 'Z' || s.State == 'X' }

// PIDs returns the PIDs of all processes, in ascending order.
func (d Dir) PIDs() ([]int, error) {
	dir, err := os.Open(string(d))
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids, nil
}

// Stat reads the file stat of a process. The error is fs.ErrNotExist if there is no
// such process.
func (d Dir) Stat(pid int) (Stat, error) {
	path := filepath.Join(string(d), strconv.Itoa(pid), "stat")
	text, err := os.ReadFile(path)
	if err != nil {
		return Stat{}, err
	}
	s, err := parseStat(text)
	if err != nil {
		return Stat{}, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}

// parseStat reads the fields of a Stat. Field 2 is the program's name in
// parentheses. The name may contain any character, also parentheses. So field 3
// begins after the last closing parenthesis.
func parseStat(text []byte) (s Stat, err error) {
	end := bytes.LastIndexByte(text, ')')
	_, name, _ := bytes.Cut(text[:max(end, 0)], []byte("("))
	fields := bytes.Fields(text[end+1:])
	if len(fields) < 20 {
		return s, fmt.Errorf("%d fields", len(fields))
	}
	s.Name, s.State = string(name), fields[0][0]
	if s.Parent, err = strconv.Atoi(string(fields[4-3])); err != nil {
		return s, fmt.Errorf("parent: %w", err)
	}
	if s.Session, err = strconv.Atoi(string(fields[6-3])); err != nil {
		return s, fmt.Errorf("session: %w", err)
	}
	if s.Ticks, err = strconv.ParseUint(string(fields[22-3]), 10, 64); err != nil {
		return s, fmt.Errorf("start time: %w", err)
	}
	return s, s.parseUse(fields)
}

// parseUse reads the fields about what the process uses.
func (s *Stat) parseUse(fields [][]byte) error {
	if len(fields) < 22 {
		return nil // a kernel that tells less: unknown
	}
	numbers := [4]uint64{}
	for i, field := range [...]int{14, 15, 20, 24} {
		var err error
		if numbers[i], err = strconv.ParseUint(string(fields[field-3]), 10, 63); err != nil {
			return fmt.Errorf("field %d: %w", field, err)
		}
	}
	s.Used, s.Threads, s.Pages = numbers[0]+numbers[1], int(numbers[2]), numbers[3]
	return nil
}

// Files returns how many files a process has open. Only root and the user of the process
// may know.
func (d Dir) Files(pid int) (int, error) {
	dir, err := os.Open(filepath.Join(string(d), strconv.Itoa(pid), "fd"))
	if err != nil {
		return 0, err
	}
	defer dir.Close()
	// Since Linux 6.2 the size of the directory is the number of files.
	if info, err := dir.Stat(); err == nil && info.Size() > 0 {
		return int(info.Size()), nil
	}
	names, err := dir.Readdirnames(-1)
	return len(names), err
}

// Processors is the time of all processors together since the boot, in clock ticks.
type Processors struct{ Busy, Total uint64 }

// Processors reads the first line of the file stat.
func (d Dir) Processors() (Processors, error) {
	path := filepath.Join(string(d), "stat")
	text, err := os.ReadFile(path)
	if err != nil {
		return Processors{}, err
	}
	p, err := parseProcessors(text)
	if err != nil {
		return p, fmt.Errorf("%s: %w", path, err)
	}
	return p, nil
}

// parseProcessors reads the times: of user, nice, system, idle, iowait, irq, softirq and
// steal. Those of guests, which may follow, are in the first two as well.
func parseProcessors(text []byte) (p Processors, err error) {
	line, _, _ := bytes.Cut(text, []byte("\n"))
	fields := bytes.Fields(line)
	if len(fields) < 5 || string(fields[0]) != "cpu" {
		return p, fmt.Errorf("the first line is %.40q", line)
	}
	for i, field := range fields[1:min(len(fields), 9)] {
		ticks, err := strconv.ParseUint(string(field), 10, 63)
		if err != nil {
			return p, err
		}
		p.Total += ticks
		if i != 3 && i != 4 {
			p.Busy += ticks
		}
	}
	return p, nil
}

// Args returns the command line of a process. It is empty for a process that has ended, and
// for a thread of the kernel.
func (d Dir) Args(pid int) ([]string, error) { return d.strings(pid, "cmdline") }

// Environ returns the environment with which the program of a process was started, as
// NAME=VALUE. Only root and the user of the process may know.
func (d Dir) Environ(pid int) ([]string, error) { return d.strings(pid, "environ") }

// strings reads a file of texts that NUL bytes end.
func (d Dir) strings(pid int, name string) ([]string, error) {
	text, err := os.ReadFile(filepath.Join(string(d), strconv.Itoa(pid), name))
	if err != nil || len(text) == 0 {
		return nil, err
	}
	var list []string
	for part := range bytes.SplitSeq(bytes.TrimSuffix(text, []byte{0}), []byte{0}) {
		list = append(list, string(part))
	}
	return list, nil
}

// Allowed returns the processors on which a process may run, as the kernel writes them:
// 0-3,7.
func (d Dir) Allowed(pid int) (string, error) {
	path := filepath.Join(string(d), strconv.Itoa(pid), "status")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	for line := range bytes.Lines(text) {
		if list, ok := bytes.CutPrefix(line, []byte("Cpus_allowed_list:")); ok {
			return string(bytes.TrimSpace(list)), nil
		}
	}
	return "", fmt.Errorf("%s: no line with processors", path)
}
