package proc

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"runtime"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// helperName is Argv[0] of a process that is to be a launch helper. No file has
// that name, so nothing is called so by accident.
const helperName = "zeekfleet: launching"

// The helper's descriptors beyond the standard ones, which the program inherits.
const (
	ordersFD = 3
	statusFD = 4
)

// statusReady is what the helper writes right before it executes the program.
// If that fails, a failure follows.
const statusReady = '+'

// maxStatus bounds what the helper says.
const maxStatus = 64 << 10

// ChildMain turns this process into a program of a node if a Host started it as
// launch helper, and then does not return. It must be called first in main, and
// in TestMain where a Host is tested: the processes of a Host are forked from
// its own executable.
func ChildMain() {
	if len(os.Args) > 0 && os.Args[0] == helperName {
		os.Exit(helperMain())
	}
}

// orders tell the helper what to do. Bytes, because strings would lose what is
// not UTF-8 on their way through JSON.
type orders struct {
	Program []byte
	Argv    [][]byte
	Env     [][]byte
	Dir     []byte
	CPUs    []int
	Limits  Limits
}

func newOrders(s *Spec, program string) orders {
	return orders{
		Program: []byte(program),
		Argv:    toBytes(s.Argv),
		Env:     toBytes(s.Env),
		Dir:     []byte(s.Dir),
		CPUs:    s.CPUs,
		Limits:  s.Limits,
	}
}

func toBytes(texts []string) [][]byte {
	all := make([][]byte, len(texts))
	for i, t := range texts {
		all[i] = []byte(t)
	}
	return all
}

func toStrings(texts [][]byte) []string {
	all := make([]string, len(texts))
	for i, t := range texts {
		all[i] = string(t)
	}
	return all
}

// A failure is what the helper could not do.
type failure struct{ Reason string }

func parseStatus(said []byte) (ready bool, err error) {
	rest, ready := bytes.CutPrefix(said, []byte{statusReady})
	if len(rest) == 0 {
		return ready, nil
	}
	var f failure
	if err := json.Unmarshal(rest, &f); err != nil {
		return ready, fmt.Errorf("the launch helper said %.100q", said)
	}
	return ready, errors.New(f.Reason)
}

// helperMain runs in the helper, and returns only if the program cannot be
// executed.
func helperMain() (code int) {
	// The program gets descriptors 0 to 2, whatever else was inherited.
	if err := unix.CloseRange(ordersFD, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		unix.CloseOnExec(ordersFD)
		unix.CloseOnExec(statusFD)
	}
	var o orders
	if err := json.NewDecoder(os.NewFile(ordersFD, "orders")).Decode(&o); err != nil {
		return 1 // the agent has ended or thought better of it
	}
	status := os.NewFile(statusFD, "status")
	err := o.execute(status)
	// If nobody hears it, nobody is there to care.
	_ = json.NewEncoder(status).Encode(failure{Reason: err.Error()})
	return 1
}

// execute becomes the program. It returns what prevented that.
func (o *orders) execute(status io.Writer) error {
	runtime.LockOSThread() // affinity is the thread's that executes
	if err := os.Chdir(string(o.Dir)); err != nil {
		return fmt.Errorf("working directory: %w", err)
	}
	if err := setCPUs(o.CPUs); err != nil {
		return err
	}
	if err := o.Limits.set(); err != nil {
		return err
	}
	if _, err := status.Write([]byte{statusReady}); err != nil {
		return err
	}
	path := string(o.Program)
	return execError(path, syscall.Exec(path, toStrings(o.Argv), toStrings(o.Env)))
}

// execError says what a person can look for.
func execError(path string, err error) error {
	switch _, missing := os.Stat(path); {
	case errors.Is(err, unix.ENOENT) && missing == nil:
		return fmt.Errorf("program %s: its interpreter does not exist", path)
	case errors.Is(err, unix.ENOENT):
		return fmt.Errorf("program %s does not exist", path)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("program %s is not executable", path)
	case errors.Is(err, unix.ENOEXEC):
		return fmt.Errorf("program %s has no format that can be executed here", path)
	}
	return fmt.Errorf("program %s: %w", path, err)
}

func setCPUs(cpus []int) error {
	if len(cpus) == 0 {
		return nil
	}
	var set, got unix.CPUSet
	for _, cpu := range cpus {
		set.Set(cpu)
	}
	err := unix.SchedSetaffinity(0, &set)
	if err == nil {
		// The kernel leaves out those that do not exist, as long as one does.
		err = unix.SchedGetaffinity(0, &got)
	}
	if errors.Is(err, unix.EINVAL) || err == nil && got != set {
		missing := slices.DeleteFunc(slices.Clone(cpus), got.IsSet)
		return fmt.Errorf("CPU affinity: this host has no CPU %v for it", missing)
	}
	if err != nil {
		return fmt.Errorf("CPU affinity: %w", err)
	}
	return nil
}

func (l Limits) set() error {
	if err := l.setCore(); err != nil {
		return fmt.Errorf("limit of core dumps: %w", err)
	}
	if n := l.OpenFiles; n > 0 {
		if err := syscall.Setrlimit(unix.RLIMIT_NOFILE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("limit of %d open files: %w", n, err)
		}
	}
	if n := l.MemoryBytes; n > 0 {
		if err := syscall.Setrlimit(unix.RLIMIT_DATA, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			return fmt.Errorf("limit of %d bytes of memory: %w", n, err)
		}
	}
	return nil
}

func (l Limits) setCore() error {
	if l.CoreBytes != nil {
		return syscall.Setrlimit(unix.RLIMIT_CORE, &syscall.Rlimit{Cur: *l.CoreBytes, Max: *l.CoreBytes})
	}
	const unlimited = math.MaxUint64 // RLIM_INFINITY
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
