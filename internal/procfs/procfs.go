// Package procfs reads what the kernel shows of processes (man 5 proc).
package procfs

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Dir is a directory in which the kernel shows processes.
type Dir string

// Root is the one in which the kernel shows them to everyone.
const Root Dir = "/proc"

// Stat is what the file stat says of a process.
type Stat struct {
	Name    string // of the program, at most 15 bytes
	State   byte
	Parent  int
	Session int
	Ticks   uint64 // when it started, in clock ticks since boot
}

// Dead reports whether the process has ended.
func (s Stat) Dead() bool { return s.State == 'Z' || s.State == 'X' }

// PIDs lists the processes there are, in ascending order.
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

// Stat returns what there is to know of a process.
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

// parseStat reads the fields that are of use. The second one is the program's name
// in parentheses, which may itself contain anything. Behind it come field 3, the
// state, and so on.
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
