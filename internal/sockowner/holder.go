package sockowner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Holds reports whether a process has the socket open. It is an error if the
// process does not show what it has open; a process that has ended has nothing.
func Holds(pid int, inode uint64) (bool, error) {
	dir := fmt.Sprintf("/proc/%d/fd", pid)
	d, err := os.Open(dir)
	if gone(err) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer d.Close()
	names, err := d.Readdirnames(-1)
	if err != nil && !gone(err) {
		return false, err
	}
	want := "socket:[" + strconv.FormatUint(inode, 10) + "]"
	for _, name := range names {
		if target, err := os.Readlink(dir + "/" + name); err == nil && target == want {
			return true, nil
		}
	}
	return false, nil
}

func gone(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ESRCH) }

// Process is a process that has a socket open.
type Process struct {
	PID     int
	Session int    // the process that leads its session
	Name    string // of its program, "" where that cannot be seen
}

// String returns "zeek (pid 4711)".
func (p Process) String() string {
	if p.Name == "" {
		return "pid " + strconv.Itoa(p.PID)
	}
	return fmt.Sprintf("%s (pid %d)", p.Name, p.PID)
}

// Holders returns the processes that have the socket open, as far as they show
// it: those of other users do so to root alone. It looks at every process.
func Holders(inode uint64) []Process {
	pids, err := allPIDs()
	if err != nil {
		return nil
	}
	var found []Process
	for _, pid := range pids {
		if has, err := Holds(pid, inode); err == nil && has {
			st := readStat(pid)
			found = append(found, Process{PID: pid, Session: st.session, Name: st.name})
		}
	}
	return found
}

func allPIDs() ([]int, error) {
	dir, err := os.Open("/proc")
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

// Descends reports whether a process is another one, or descends from it, or
// belongs to the session that the other leads.
func Descends(pid, from int) bool {
	const most = 64 // generations
	if readStat(pid).session == from {
		return true
	}
	for range most {
		if pid == from {
			return true
		}
		if pid = readStat(pid).parent; pid <= 1 {
			return false
		}
	}
	return false
}

type stat struct {
	name            string
	parent, session int
}

// readStat reads /proc/<pid>/stat; it is zero where that cannot be read.
func readStat(pid int) stat {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return stat{}
	}
	return parseStat(string(text))
}

// parseStat reads what is in /proc/<pid>/stat. The program's name is in
// parentheses and may itself contain anything.
func parseStat(text string) stat {
	open, end := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if open < 0 || end < open {
		return stat{}
	}
	st := stat{name: text[open+1 : end]}
	if fields := strings.Fields(text[end+1:]); len(fields) > 3 {
		st.parent, _ = strconv.Atoi(fields[1])  // not a number: none
		st.session, _ = strconv.Atoi(fields[3]) // likewise
	}
	return st
}
