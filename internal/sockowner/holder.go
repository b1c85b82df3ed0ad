package sockowner

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"golang.org/x/sys/unix"
)

// Holds reports whether a process has the socket open. It returns an error if this
// process may not see the open files of that process. It returns false for a process
// that has ended.
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
	Session int    // the PID of the leader of its session
	Name    string // the name of its program, "" if unknown
}

// String returns "zeek (pid 4711)".
func (p Process) String() string {
	if p.Name == "" {
		return "pid " + strconv.Itoa(p.PID)
	}
	return fmt.Sprintf("%s (pid %d)", p.Name, p.PID)
}

// Holders returns the processes that have the socket open. It reads the open files of
// every process. Only root sees those of other users' processes.
func Holders(inode uint64) []Process {
	pids, err := procfs.Root.PIDs()
	if err != nil {
		return nil
	}
	var found []Process
	for _, pid := range pids {
		if has, err := Holds(pid, inode); err == nil && has {
			st, _ := procfs.Root.Stat(pid) // the zero value if the process has just ended
			found = append(found, Process{PID: pid, Session: st.Session, Name: st.Name})
		}
	}
	return found
}

// Descends reports whether the process pid is the process from, a descendant of it,
// or a member of the session that it leads.
func Descends(pid, from int) bool {
	const most = 64 // generations
	if st, err := procfs.Root.Stat(pid); err == nil && st.Session == from {
		return true
	}
	for range most {
		if pid == from {
			return true
		}
		st, err := procfs.Root.Stat(pid)
		if err != nil || st.Parent <= 1 {
			return false
		}
		pid = st.Parent
	}
	return false
}
