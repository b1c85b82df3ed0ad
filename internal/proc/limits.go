package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc/launching"
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

// forHelper returns l as the launch helper takes them.
func (l Limits) forHelper() launching.Limits {
	return launching.Limits{CoreBytes: l.CoreBytes, OpenFiles: l.OpenFiles, MemoryBytes: l.MemoryBytes, Nice: l.Nice}
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
		if err := launching.SetNice(tid, nice); err != nil && !errors.Is(err, unix.ESRCH) {
			return err
		}
	}
	return nil
}
