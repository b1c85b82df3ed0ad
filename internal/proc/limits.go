package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"golang.org/x/sys/unix"
)

// Limits are the resource limits of a process.
type Limits struct {
	// CoreBytes bounds a core dump. Nil means the largest limit that this process may
	// set. For root that is no limit.
	CoreBytes *uint64

	// OpenFiles bounds the file descriptors. Zero means this process's own limit.
	OpenFiles uint64

	// MemoryBytes bounds the memory that the process can allocate: heap and private
	// writable mappings together (RLIMIT_DATA), but not mapped files and packet
	// rings. Beyond the limit allocations fail. The limit holds for each process of a
	// node by itself. It is at least 16 MiB; zero means no limit.
	//
	// RLIMIT_AS is not used, because it counts reserved address space too: Go
	// programs and packet rings reserve gigabytes.
	MemoryBytes uint64

	// Nice is the scheduling priority, from -20, the highest, to 19.
	Nice int

	// CPUWeight is as in mgmt.Limits. Zero means 100. Processes without a control group
	// cannot have another.
	CPUWeight uint64
}

// With returns l with the limits of a node. What the node leaves to the host stays as in l.
func (l Limits) With(node mgmt.Limits) Limits {
	if node.Memory != 0 {
		l.MemoryBytes = node.Memory
	}
	if node.CPUWeight != 0 {
		l.CPUWeight = node.CPUWeight
	}
	if node.Nice != 0 {
		l.Nice = node.Nice
	}
	return l
}

func (l Limits) check() error {
	if m := l.MemoryBytes; m != 0 && m < mgmt.MinMemoryLimit {
		return fmt.Errorf("its memory limit of %d bytes is below %d", m, mgmt.MinMemoryLimit)
	}
	return mgmt.Limits{CPUWeight: l.CPUWeight, Nice: l.Nice}.Check()
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
		if err := setMemory(0, l.MemoryBytes); err != nil {
			return err
		}
	}
	if l.Nice != 0 {
		return setNice(0, l.Nice) // the program has only this thread
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

// setMemory bounds the memory of a process; 0 stands for this one, and 0 bytes for no limit.
// It leaves the hard limit alone: without privileges nobody could raise that again.
func setMemory(pid int, bytes uint64) error {
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

// setNice sets the priority of a thread; 0 stands for this one.
func setNice(tid, nice int) error {
	err := unix.Setpriority(unix.PRIO_PROCESS, tid, nice)
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		return fmt.Errorf("nice value %d: the agent may not raise priorities; it needs CAP_SYS_NICE", nice)
	}
	if err != nil {
		return fmt.Errorf("nice value %d: %w", nice, err)
	}
	return nil
}

// setNiceOfAll sets the priority of all threads of a process. Threads that it starts
// meanwhile inherit the priority of the thread that starts them.
func setNiceOfAll(pid, nice int) error {
	tasks, err := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it has ended
	}
	if err != nil {
		return err
	}
	for _, task := range tasks {
		tid, err := strconv.Atoi(task.Name())
		if err != nil {
			continue
		}
		if err := setNice(tid, nice); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}
