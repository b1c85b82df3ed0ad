package launching

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

// Name is Argv[0] of a launch helper. A program started from a shell cannot
// have this name by accident.
const Name = "zeekfleet: launching"

// The helper's descriptors besides the standard ones. It reads Orders from the first, and writes
// what becomes of them to the second. The program inherits only the standard ones.
const (
	ordersFD = 3
	statusFD = 4
)

// statusReady is the byte that the helper writes right before it executes the
// program. If the execution fails, the helper writes a failure after it.
const statusReady = '+'

// MaxStatus bounds the bytes that the helper writes.
const MaxStatus = 64 << 10

func init() {
	if len(os.Args) > 0 && os.Args[0] == Name {
		os.Exit(run())
	}
}

// Orders tell the helper what to execute.
type Orders struct {
	Program   string
	Argv, Env []string
	Dir       string
	CPUs      []int
	Limits    Limits
	User      *User // nil: the user of this process
	Captures  bool  // the program may capture packets, whoever its user is
}

// orders are Orders as they travel, as JSON. Texts are bytes, because JSON strings cannot hold
// text that is not UTF-8.
type orders struct {
	Program  []byte
	Argv     [][]byte
	Env      [][]byte
	Dir      []byte
	CPUs     []int
	Limits   Limits
	User     *User
	Captures bool
}

// Encode returns o as the helper reads it.
func (o Orders) Encode() []byte {
	text, err := json.Marshal(orders{
		[]byte(o.Program), toBytes(o.Argv), toBytes(o.Env), []byte(o.Dir), o.CPUs, o.Limits, o.User, o.Captures,
	})
	if err != nil {
		panic(fmt.Sprintf("launching: marshal orders: %v", err)) // JSON can express every field
	}
	return text
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

// A failure is the helper's reason why it could not execute the program.
type failure struct{ Reason string }

// ParseStatus reads everything that the helper has written. The error is the
// helper's failure.
func ParseStatus(said []byte) (ready bool, err error) {
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

// run is the helper. It returns an exit code, and only if the program
// cannot be executed.
func run() (code int) {
	// The program gets only descriptors 0 to 2, even if the helper inherited more.
	if err := unix.CloseRange(ordersFD, math.MaxInt32, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		unix.CloseOnExec(ordersFD)
		unix.CloseOnExec(statusFD)
	}
	var o orders
	if err := json.NewDecoder(os.NewFile(ordersFD, "orders")).Decode(&o); err != nil {
		return 1 // the agent has ended, or has undone the launch
	}
	status := os.NewFile(statusFD, "status")
	err := o.execute(status)
	// If the pipe is closed, the agent has ended and needs no reason.
	_ = json.NewEncoder(status).Encode(failure{Reason: err.Error()})
	return 1
}

// execute turns the helper into the program. It returns only if that fails.
func (o *orders) execute(status io.Writer) error {
	runtime.LockOSThread() // the program gets the affinity of the thread that executes it
	if err := os.Chdir(string(o.Dir)); err != nil {
		return fmt.Errorf("working directory: %w", err)
	}
	if err := setCPUs(o.CPUs); err != nil {
		return err
	}
	if err := o.Limits.set(); err != nil {
		return err
	}
	if err := o.User.become(o.Captures); err != nil {
		return err
	}
	if _, err := status.Write([]byte{statusReady}); err != nil {
		return err
	}
	path := string(o.Program)
	return execError(path, syscall.Exec(path, toStrings(o.Argv), toStrings(o.Env)))
}

// execError returns an error that names the cause as a person would look for it.
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
		// The kernel ignores processors that do not exist, unless none exists.
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
