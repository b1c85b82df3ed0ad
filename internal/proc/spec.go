package proc

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Spec describes one launch of a node.
type Spec struct {
	Name        string   // the node's name; at most 200 bytes
	Launch      uint64   // the number of the launch, unique for the node
	Argv        []string // Argv[0] is an absolute path, or a bare name to find in this process's PATH
	Env         []string // the complete environment, as name=value
	Dir         string   // absolute working directory, created with mode 0755 if it does not exist
	Fingerprint string   // the plan's fingerprint; the record keeps it for an agent that adopts the process

	// Stdout and Stderr are the files to which the process appends, relative to Dir
	// or absolute. They may be the same file. They are created with mode 0640 and
	// rotated (Config.OutputBytes). Empty means /dev/null. A relative file must not
	// be a link, because the node's user can put a link there. An absolute file may
	// be a link: it is resolved once, when the process starts.
	Stdout, Stderr string

	// CPUs are the processors on which the process may run. Nil means those of this
	// process. The launch fails if a processor does not exist.
	CPUs []int

	Limits Limits

	// User is the user as whom the program runs. Nil means that of this process. Otherwise
	// this process must be root. Captures lets the program keep CAP_NET_RAW then.
	User     *User
	Captures bool
}

// The limits of a Spec.
const (
	maxName = 200     // bytes; it becomes part of a file name
	maxSpec = 1 << 20 // bytes of arguments and environment together
	maxCPU  = 1024    // processors in a CPU set of the kernel's default size
)

// check returns an error if s cannot be launched.
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
	if err := s.Limits.check(); err != nil {
		return err
	}
	for _, cpu := range s.CPUs {
		if cpu < 0 || cpu >= maxCPU {
			return fmt.Errorf("CPU %d is outside 0..%d", cpu, maxCPU-1)
		}
	}
	return nil
}

// Event is an outcome that a Host reports: Started, StartFailed, Exited, StopFailed,
// Limited or Freed.
type Event interface{ isEvent() }

// Started says that the program of a launch runs and that its record is on disk.
type Started struct {
	Name   string
	Launch uint64
	PID    int
}

// StartFailed says that a launch failed. No process of the launch is left.
type StartFailed struct {
	Name   string
	Launch uint64
	Err    error // one sentence that names the node

	// Stdout and Stderr are the last lines of this launch's output, as in Exited.
	Stdout, Stderr string
}

// Exited says that a started or adopted process has ended. When the receiver has
// handled the end, it must call Host.Forget.
type Exited struct {
	Name   string
	Launch uint64
	PID    int
	Status Status
	Ran    time.Duration

	// Killed says that Stop sent SIGKILL.
	Killed bool

	// Memory says that the kernel ended it for lack of memory. Empty means that nothing says
	// so.
	Memory string

	// Left are the PIDs of processes of its session that outlived it, at most 100.
	// The Host leaves them alone.
	Left []int

	// Stdout and Stderr are the last lines of this launch's output
	// (Config.TailLines), joined by newlines, without one at the end.
	Stdout, Stderr string

	Fingerprint string // as in the Spec
}

func (Started) isEvent()     {}
func (StartFailed) isEvent() {}
func (Exited) isEvent()      {}
func (StopFailed) isEvent()  {}
func (Freed) isEvent()       {}

// StopFailed says that Stop could not signal a process. The process runs on. The
// caller can try again.
type StopFailed struct {
	Name   string
	Launch uint64
	Err    error
}

// Freed says that an Unseen process has ended, or that its record was removed.
type Freed struct {
	Name   string
	Launch uint64 // as in Unseen
	PID    int
	// Last says that the node has no other Unseen process.
	Last bool
}

// Status says how a process ended. The zero value means unknown: the kernel tells
// the status only to the parent, and this process is not the parent of an adopted
// process.
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
