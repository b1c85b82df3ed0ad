package fakezeek

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// behaviour holds the values of the FAKEZEEK variables; see the package's
// documentation.
type behaviour struct {
	versionText, prefix  string
	parseTime, startTime time.Duration
	connectTime          time.Duration
	fatal, initError     string
	busy                 bool
	checks, peers        string
	neverReady           bool
	crashes              bool
	crashAfter           time.Duration
	crashWith            string
	ignoreTerm           bool
	logPaths             []string
	printed              string
	backends             []string // nil: those of the version
	keepsConstants       bool
	memory               int // MiB
}

func parseBehaviour(env func(string) string) (behaviour, error) {
	b := behaviour{
		versionText: cmp.Or(env("FAKEZEEK_VERSION"), "8.2.2"),
		prefix:      cmp.Or(env("FAKEZEEK_PREFIX"), "/usr/local/zeek"),
		fatal:       env("FAKEZEEK_FATAL"),
		initError:   env("FAKEZEEK_INIT_ERROR"),
		busy:        env("FAKEZEEK_BUSY") != "",
		checks:      env("FAKEZEEK_CHECKS"),
		peers:       env("FAKEZEEK_PEERS"),
		neverReady:  env("FAKEZEEK_NEVER_READY") != "",
		crashes:     env("FAKEZEEK_CRASH_AFTER") != "",
		crashWith:   cmp.Or(env("FAKEZEEK_CRASH_WITH"), "SIGSEGV"),
		ignoreTerm:  env("FAKEZEEK_IGNORE_TERM") != "",
		logPaths:    strings.Fields(env("FAKEZEEK_LOGS")),
		printed:     env("FAKEZEEK_PRINT"),
		backends:    strings.Fields(env("FAKEZEEK_BACKENDS")),

		keepsConstants: env("FAKEZEEK_KEEPS_CONSTANTS") != "",
	}
	for name, d := range map[string]*time.Duration{
		"FAKEZEEK_PARSE": &b.parseTime, "FAKEZEEK_START": &b.startTime, "FAKEZEEK_CONNECT": &b.connectTime,
		"FAKEZEEK_CRASH_AFTER": &b.crashAfter,
	} {
		var err error
		if *d, err = time.ParseDuration(cmp.Or(env(name), "0s")); err != nil {
			return b, fmt.Errorf("%s: %w", name, err)
		}
	}
	var err error
	if b.memory, err = strconv.Atoi(cmp.Or(env("FAKEZEEK_MEMORY"), "0")); err != nil {
		return b, fmt.Errorf("FAKEZEEK_MEMORY: %w", err)
	}
	if _, _, err := b.crashKind(); err != nil {
		return b, err
	}
	if file := env("FAKEZEEK_CRASH_IF"); file != "" {
		_, err := os.Stat(file)
		b.crashes = b.crashes && err == nil
	}
	return b, nil
}

// take lets the time d pass on the clock or, if busy is set, uses d of a processor.
func (b behaviour) take(d time.Duration) {
	if !b.busy {
		time.Sleep(d)
		return
	}
	for used := processorTime(); processorTime()-used < d; {
		for i := range 1 << 16 {
			_ = i * i
		}
	}
}

// processorTime returns the processor time that this process has used.
func processorTime() time.Duration {
	var used unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &used); err != nil {
		panic(fmt.Sprintf("fakezeek: clock_gettime: %v", err))
	}
	return time.Duration(used.Nano())
}

// noteCheck appends a run with -a to the file of FAKEZEEK_CHECKS.
func (b behaviour) noteCheck(node string) error {
	if b.checks == "" {
		return nil
	}
	f, err := os.OpenFile(b.checks, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(f, node)
	return errors.Join(err, f.Close())
}

// crashKind returns the signal with which to crash. If it is 0, the process exits
// with the exit code.
func (b behaviour) crashKind() (unix.Signal, exitCode, error) {
	if sig := unix.SignalNum(b.crashWith); sig != 0 {
		return sig, 0, nil
	}
	code, isExit := strings.CutPrefix(b.crashWith, "exit ")
	n, err := strconv.Atoi(code)
	if !isExit || err != nil {
		return 0, 0, fmt.Errorf("FAKEZEEK_CRASH_WITH %q is neither a signal nor an exit code", b.crashWith)
	}
	return 0, exitCode(n), nil
}

// exitCode is an error that ends the process with this code and without a message.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// crash ends the process with a signal, as a bug does. If the process must end with
// an exit code instead, crash returns the code.
func (b behaviour) crash() exitCode {
	sig, code, _ := b.crashKind() // parseBehaviour has checked it
	if sig == 0 {
		return code
	}
	dieBy(sig)
	panic("fakezeek: survived " + b.crashWith)
}

// dieBy ends the process with the signal. Go's runtime catches the signal, so dieBy
// first restores the default action.
func dieBy(sig unix.Signal) {
	var byDefault [4]uint64 // struct kernel_sigaction; all zero is SIG_DFL
	_, _, errno := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&byDefault)), 0, 8, 0, 0)
	if errno != 0 && sig != unix.SIGKILL {
		panic(fmt.Sprintf("fakezeek: sigaction: %v", errno))
	}
	if err := syscall.Kill(os.Getpid(), sig); err != nil {
		panic(fmt.Sprintf("fakezeek: kill: %v", err))
	}
	select {} // the signal may be delivered to another thread
}

// occupy allocates the memory, and writes to each page so that the kernel provides
// it.
func (b behaviour) occupy() []byte {
	const page = 4096
	taken := make([]byte, b.memory<<20)
	for i := 0; i < len(taken); i += page {
		taken[i] = 1
	}
	return taken
}
