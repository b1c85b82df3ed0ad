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

// readBootID returns the random ID of this boot of the kernel.
func readBootID() (string, error) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return "", fmt.Errorf("read boot id: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// sessionMembers lists the living processes of the session of leader, which may have
// ended, without leader itself. ticks is the start time of leader. While a member
// lives, the kernel does not use the session's number again. So the list can be wrong
// only if all members have ended and another process leads a new session with that
// number. The start time shows that, and the list is then empty.
func sessionMembers(leader int, ticks uint64) ([]int, error) {
	pids, err := procfs.Root.PIDs()
	if err != nil {
		return nil, err
	}
	var members []int
	for _, pid := range pids {
		// A process that has ended meanwhile is no member.
		if s, err := procfs.Root.Stat(pid); err == nil && pid != leader && s.Session == leader && !s.Dead() {
			members = append(members, pid)
		}
	}
	if s, err := procfs.Root.Stat(leader); err == nil && s.Ticks != ticks {
		return nil, nil
	}
	return members, nil
}

// killMembers sends SIGKILL to all living members of a session except its leader,
// including processes that they start meanwhile.
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

// killMember sends SIGKILL to pid if it still is in the session. It uses a pidfd, so
// that the signal goes to the process that it has checked.
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

// Foreign is a process without a record whose program is named in Config.Foreign.
type Foreign struct {
	PID        int
	Executable string   // empty if it cannot be read
	Command    []string // its arguments, at most 4 KiB of them
}

// findForeign lists the processes whose program has one of the names. It leaves out
// the sessions of our processes.
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
		f.Executable, _ = os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // unreadable for another user's process
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
