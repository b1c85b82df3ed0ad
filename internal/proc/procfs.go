package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// stat is what /proc/<pid>/stat says of a process.
type stat struct {
	name    string // of the program, at most 15 bytes
	state   byte
	parent  int
	session int
	ticks   uint64 // kernel start time, in clock ticks since boot
}

func readStat(pid int) (stat, error) { return readStatIn(procDir, pid) }

// procDir is where the kernel shows processes.
const procDir = "/proc"

func readStatIn(dir string, pid int) (stat, error) {
	text, err := os.ReadFile(fmt.Sprintf("%s/%d/stat", dir, pid))
	if err != nil {
		return stat{}, err
	}
	// The second field is the program's name in parentheses, which may itself
	// contain anything. Behind it come field 3, the state, and so on.
	_, name, _ := bytes.Cut(text[:max(bytes.LastIndexByte(text, ')'), 0)], []byte("("))
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 20 {
		return stat{}, fmt.Errorf("/proc/%d/stat has %d fields", pid, len(fields))
	}
	parent, err := strconv.Atoi(string(fields[4-3]))
	if err != nil {
		return stat{}, fmt.Errorf("parent in /proc/%d/stat: %w", pid, err)
	}
	session, err := strconv.Atoi(string(fields[6-3]))
	if err != nil {
		return stat{}, fmt.Errorf("session in /proc/%d/stat: %w", pid, err)
	}
	ticks, err := strconv.ParseUint(string(fields[22-3]), 10, 64)
	if err != nil {
		return stat{}, fmt.Errorf("start time in /proc/%d/stat: %w", pid, err)
	}
	return stat{name: string(name), state: fields[0][0], parent: parent, session: session, ticks: ticks}, nil
}

func (s stat) dead() bool { return s.state == 'Z' || s.state == 'X' }

// readBootID returns the id that the kernel made up when it booted.
func readBootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read boot id: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// allPIDs lists the processes there are.
func allPIDs() ([]int, error) { return allPIDsIn(procDir) }

func allPIDsIn(path string) ([]int, error) {
	dir, err := os.Open(path)
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

// sessionMembers lists the living processes of the session that leader leads or
// led, without leader itself. The number of a session is not used again while
// a member lives, so a list is wrong only if the whole session has gone and
// another process has become leader under its number; that one is told by its
// start time.
func sessionMembers(leader int, ticks uint64) ([]int, error) {
	pids, err := allPIDs()
	if err != nil {
		return nil, err
	}
	var members []int
	for _, pid := range pids {
		// A process that is gone meanwhile is no member.
		if s, err := readStat(pid); err == nil && pid != leader && s.session == leader && !s.dead() {
			members = append(members, pid)
		}
	}
	if s, err := readStat(leader); err == nil && s.ticks != ticks {
		return nil, nil
	}
	return members, nil
}

// killMembers sends SIGKILL to all living members of a session but its leader,
// and to those that they start meanwhile.
func killMembers(leader int, ticks uint64) error {
	killed := make(map[int]bool)
	var errs []error
	for {
		members, err := sessionMembers(leader, ticks)
		if err != nil {
			return err
		}
		members = slices.DeleteFunc(members, func(pid int) bool { return killed[pid] })
		if len(members) == 0 {
			return errors.Join(errs...)
		}
		for _, pid := range members {
			killed[pid] = true
			if err := killMember(pid, leader); err != nil {
				errs = append(errs, fmt.Errorf("kill process %d: %w", pid, err))
			}
		}
	}
}

// killMember sends SIGKILL to pid if it still is in the session. The pidfd
// holds on to the process that is looked at.
func killMember(pid, session int) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if errors.Is(err, unix.ESRCH) {
		return nil
	}
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if s, err := readStat(pid); err != nil || s.session != session {
		return nil
	}
	if err := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); !errors.Is(err, unix.ESRCH) {
		return err
	}
	return nil
}

// Foreign is a process that nobody has recorded, with a program named in
// Config.Foreign.
type Foreign struct {
	PID        int
	Executable string   // empty if it cannot be seen
	Command    []string // its arguments, at most 4 KiB of them
}

// findForeign lists the processes whose program has one of the names, in no
// session of ours.
func findForeign(names []string, ours map[int]bool) ([]Foreign, error) {
	if len(names) == 0 {
		return nil, nil
	}
	pids, err := allPIDs()
	if err != nil {
		return nil, err
	}
	var found []Foreign
	for _, pid := range pids {
		s, err := readStat(pid)
		if err != nil || s.dead() || ours[s.session] {
			continue
		}
		f := Foreign{PID: pid, Command: commandLine(pid)}
		f.Executable, _ = os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // another user's cannot be read
		program := f.Executable
		if program == "" && len(f.Command) > 0 {
			program = f.Command[0]
		}
		program = strings.TrimSuffix(program, " (deleted)")
		if slices.Contains(names, filepath.Base(program)) {
			found = append(found, f)
		}
	}
	return found, nil
}

func commandLine(pid int) []string {
	const most = 4 << 10
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil || len(text) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(text[:min(len(text), most)]), "\x00"), "\x00")
}
