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
}

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
	return s, nil
}
