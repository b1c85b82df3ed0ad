package launching

import (
	"errors"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// Limits are limits of a process, as in package proc.
type Limits struct {
	CoreBytes   *uint64
	OpenFiles   uint64
	MemoryBytes uint64
	Nice        int
}

// set limits this process, which is a helper.
func (l Limits) set() error {
	if err := l.setCore(); err != nil {
		return fmt.Errorf("limit of core dumps: %w", err)
	}
	if n := l.OpenFiles; n > 0 {
		if err := syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("limit of %d open files: %w", n, err)
		}
	}
	if l.MemoryBytes > 0 {
		if err := SetMemory(0, l.MemoryBytes); err != nil {
			return err
		}
	}
	if l.Nice != 0 {
		return SetNice(0, l.Nice) // the program has only this thread
	}
	return nil
}

// unlimited is RLIM_INFINITY.
const unlimited = math.MaxUint64

func (l Limits) setCore() error {
	if l.CoreBytes != nil {
		return syscall.Setrlimit(unix.RLIMIT_CORE, &syscall.Rlimit{Cur: *l.CoreBytes, Max: *l.CoreBytes})
	}
	if syscall.Setrlimit(unix.RLIMIT_CORE, &syscall.Rlimit{Cur: unlimited, Max: unlimited}) == nil {
		return nil
	}
	var has syscall.Rlimit
	if err := syscall.Getrlimit(unix.RLIMIT_CORE, &has); err != nil {
		return err
	}
	has.Cur = has.Max
	return syscall.Setrlimit(unix.RLIMIT_CORE, &has)
}

// SetMemory bounds the memory of a process; 0 stands for this one, and 0 bytes for no limit.
// It leaves the hard limit alone: without privileges nobody could raise that again.
func SetMemory(pid int, bytes uint64) error {
	var has unix.Rlimit
	err := unix.Prlimit(pid, unix.RLIMIT_DATA, nil, &has)
	foreign := errors.Is(err, unix.EPERM)
	if foreign {
		has, err = shownMemory(pid) // everybody may read that
	}
	if err != nil {
		return fmt.Errorf("limit of memory: %w", err)
	}
	want := bytes
	if want == 0 {
		want = has.Max
	}
	if want == has.Cur {
		return nil
	}
	if foreign {
		return errors.New("limit of memory: the agent may not change that of a process of another user; it needs CAP_SYS_RESOURCE, or restart the node")
	}
	if want > has.Max {
		return fmt.Errorf("limit of %d bytes of memory: the process may have at most %d; restart it", bytes, has.Max)
	}
	if err := unix.Prlimit(pid, unix.RLIMIT_DATA, &unix.Rlimit{Cur: want, Max: has.Max}, nil); err != nil {
		return fmt.Errorf("limit of %d bytes of memory: %w", bytes, err)
	}
	return nil
}

// shownMemory reads the bounds of a process's memory from what the kernel shows of it.
func shownMemory(pid int) (unix.Rlimit, error) {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits")
	if err != nil {
		return unix.Rlimit{}, err
	}
	for line := range strings.Lines(string(text)) {
		rest, ok := strings.CutPrefix(line, "Max data size ")
		fields := strings.Fields(rest)
		if !ok || len(fields) < 2 {
			continue
		}
		soft, err1 := shownLimit(fields[0])
		hard, err2 := shownLimit(fields[1])
		return unix.Rlimit{Cur: soft, Max: hard}, errors.Join(err1, err2)
	}
	return unix.Rlimit{}, errors.New("the kernel does not show it")
}

func shownLimit(text string) (uint64, error) {
	if text == "unlimited" {
		return unlimited, nil
	}
	return strconv.ParseUint(text, 10, 64)
}

// SetNice sets the priority of a thread; 0 stands for this one.
func SetNice(tid, nice int) error {
	err := unix.Setpriority(unix.PRIO_PROCESS, tid, nice)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return fmt.Errorf("nice value %d: the agent may not raise priorities; it needs CAP_SYS_NICE", nice)
	}
	if err != nil {
		return fmt.Errorf("nice value %d: %w", nice, err)
	}
	return nil
}
