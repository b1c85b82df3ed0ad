package proc

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"golang.org/x/sys/unix"
)

// readBootID returns the id that the kernel made up when it booted.
func readBootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read boot id: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// sessionMembers lists the living processes of the session that leader leads or
// led, without leader itself. The number of a session is not used again while
// a member lives, so a list is wrong only if the whole session has gone and
// another process has become leader under its number; that one is told by its
// start time.
func sessionMembers(leader int, ticks uint64) ([]int, error) {
	pids, err := procfs.Root.PIDs()
	if err != nil {
		return nil, err
	}
	var members []int
	for _, pid := range pids {
		// A process that is gone meanwhile is no member.
		if s, err := procfs.Root.Stat(pid); err == nil && pid != leader && s.Session == leader && !s.Dead() {
			members = append(members, pid)
		}
	}
	if s, err := procfs.Root.Stat(leader); err == nil && s.Ticks != ticks {
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
	if s, err := procfs.Root.Stat(pid); err != nil || s.Session != session {
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
	pids, err := procfs.Root.PIDs()
	if err != nil {
		return nil, err
	}
	var found []Foreign
	for _, pid := range pids {
		s, err := procfs.Root.Stat(pid)
		if err != nil || s.Dead() || ours[s.Session] {
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
