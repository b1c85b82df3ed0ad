package proc

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Spec says how one launch of a node is to be done.
type Spec struct {
	Name        string   // of the node; at most 200 bytes
	Launch      uint64   // tells this launch of the node from all others
	Argv        []string // Argv[0] is an absolute path, or a bare name to be found in this process's PATH
	Env         []string // the complete environment, as name=value
	Dir         string   // absolute working directory, created (0755) where missing
	Fingerprint string   // of the plan; kept in the record, for the program that adopts the process

	// Stdout and Stderr are the files that the process appends to, relative to
	// Dir or absolute, created with mode 0640. Empty means /dev/null. They are
	// rotated (Config.OutputBytes), and may be the same file. Relative ones are in
	// the reach of whoever runs as the process: they are refused if they are links.
	// What an absolute one leads to when the process starts is what is written,
	// rotated and read.
	Stdout, Stderr string

	// CPUs are the processors that the process may run on. Nil means those of
	// this process; one that does not exist makes the launch fail.
	CPUs []int

	Limits Limits
}

// Limits are the resource limits of a process.
type Limits struct {
	// CoreBytes bounds a core dump. Nil means as much as this process may
	// grant, which is no limit where it runs as root.
	CoreBytes *uint64

	// OpenFiles bounds the file descriptors. Zero means this process's own limit.
	OpenFiles uint64

	// MemoryBytes bounds what the process can allocate: heap and private
	// writable mappings together (RLIMIT_DATA), so not what it maps of files
	// or of network rings. Beyond it, allocations fail. It bounds each process
	// of a node by itself, and is at least 16 MiB. Zero means no limit.
	//
	// RLIMIT_AS would count address space that is only reserved, which both Go
	// programs and packet rings do by the gigabyte.
	MemoryBytes uint64
}

// Limits of a Spec beyond those of its fields.
const (
	maxName = 200     // bytes; it becomes part of a file name
	maxSpec = 1 << 20 // bytes of arguments and environment together
	maxCPU  = 1024    // processors that a CPU set of the kernel's default size names

	minMemory = 16 << 20 // bytes of a memory limit; no program starts below
)

// check reports what makes s impossible to launch.
func (s *Spec) check() error {
	size := 0
	for _, text := range [][]string{s.Argv, s.Env, {s.Dir, s.Stdout, s.Stderr}} {
		for _, t := range text {
			size += len(t)
			if strings.ContainsRune(t, 0) {
				return fmt.Errorf("%.40q contains a zero byte", t)
			}
		}
	}
	switch {
	case s.Name == "":
		return errors.New("it has no name")
	case len(s.Name) > maxName:
		return fmt.Errorf("its name exceeds %d bytes", maxName)
	case len(s.Argv) == 0 || s.Argv[0] == "":
		return errors.New("no program is named")
	case size > maxSpec:
		return fmt.Errorf("arguments and environment exceed %d bytes", maxSpec)
	case !filepath.IsAbs(s.Dir):
		return fmt.Errorf("its working directory %q is not an absolute path", s.Dir)
	}
	if m := s.Limits.MemoryBytes; m != 0 && m < minMemory {
		return fmt.Errorf("its memory limit of %d bytes is below %d", m, minMemory)
	}
	for _, cpu := range s.CPUs {
		if cpu < 0 || cpu >= maxCPU {
			return fmt.Errorf("CPU %d is outside 0..%d", cpu, maxCPU-1)
		}
	}
	return nil
}

// Event is an outcome that a Host reports. The set is closed.
type Event interface{ isEvent() }

// Started says that a launch's program runs, and that its record is on disk.
type Started struct {
	Name   string
	Launch uint64
	PID    int
}

// StartFailed says that a launch came to nothing; no process of it is left.
type StartFailed struct {
	Name   string
	Launch uint64
	Err    error // one sentence that names the node

	// Stdout and Stderr are the last lines of this launch's output, as in
	// Exited.
	Stdout, Stderr string
}

// Exited says that a started or adopted process has ended. It is to be forgotten
// (Host.Forget).
type Exited struct {
	Name   string
	Launch uint64
	PID    int
	Status Status
	Ran    time.Duration

	// Killed says that Stop or Kill sent SIGKILL.
	Killed bool

	// Left are processes of its session that outlived it, at most 100; they
	// are left alone.
	Left []int

	// Stdout and Stderr are the last lines of this launch's output
	// (Config.TailLines), joined by newlines, without one at the end.
	Stdout, Stderr string

	Fingerprint string // as in its Spec
}

func (Started) isEvent()     {}
func (StartFailed) isEvent() {}
func (Exited) isEvent()      {}
func (StopFailed) isEvent()  {}
func (Freed) isEvent()       {}

// StopFailed says that a process which Stop or Kill was to end could not be
// signalled, and runs on. It can be tried again.
type StopFailed struct {
	Name   string
	Launch uint64
	Err    error
}

// Freed says that an Unseen process is gone.
type Freed struct {
	Name   string
	Launch uint64 // as in Unseen
	PID    int
	// Last says that no other of that node is left.
	Last bool
}

// Status is how a process ended. Its zero value says that this is unknown:
// only the parent of a process learns it, and an adopted process has another.
type Status struct {
	Known      bool
	Code       int         // exit code, if Signal is 0
	Signal     unix.Signal // the signal that ended it, or 0
	CoreDumped bool
}

// String returns "exit code 1", "signal SIGKILL", or "exit status unknown".
func (s Status) String() string {
	switch {
	case !s.Known:
		return "exit status unknown"
	case s.Signal == 0:
		return fmt.Sprintf("exit code %d", s.Code)
	}
	name := unix.SignalName(s.Signal)
	if name == "" {
		name = fmt.Sprint(int(s.Signal))
	}
	if s.CoreDumped {
		return fmt.Sprintf("signal %s (core dumped)", name)
	}
	return fmt.Sprintf("signal %s", name)
}
