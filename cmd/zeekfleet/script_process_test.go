package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"
)

// scriptProcess is a process that a script has started.
type scriptProcess struct {
	cmd  *exec.Cmd
	out  *output
	done chan struct{} // closed when it has ended
	// terminal is the user's end of its terminal. It is nil if there is none.
	terminal *os.File
}

// output is the output of a process on both of its streams.
type output struct {
	grown chan struct{} // holds one token if there is new output

	mu   sync.Mutex
	text []byte
	seen int // number of bytes up to the end of the last awaited line
}

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	o.text = append(o.text, p...)
	o.mu.Unlock()
	select {
	case o.grown <- struct{}{}:
	default: // the token of earlier output is still there
	}
	return len(p), nil
}

// find reports whether a complete line below the last awaited line matches want.
// The first such line becomes the last awaited line.
func (o *output) find(want *regexp.Regexp) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	at := o.seen
	for line := range strings.Lines(string(o.text[o.seen:])) {
		if at += len(line); strings.HasSuffix(line, "\n") && want.MatchString(strings.TrimSuffix(line, "\n")) {
			o.seen = at
			return true
		}
	}
	return false
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

func cmdStart(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: start NAME PROGRAM [ARG…]")
	}
	s, name := scriptOf(ts), args[0]
	if s.started[name] != nil {
		ts.Fatalf("%s was started and has not ended", name)
	}
	b := &scriptProcess{
		cmd:  exec.Command(findProgram(ts, args[1]), args[2:]...),
		out:  &output{grown: make(chan struct{}, 1)},
		done: make(chan struct{}),
	}
	b.cmd.Dir, b.cmd.Env = ts.MkAbs("."), scriptEnv(ts)
	b.cmd.Stdout, b.cmd.Stderr = b.out, b.out
	b.cmd.WaitDelay = time.Second // a descendant may still have the output open
	ts.Check(b.cmd.Start())
	s.started[name] = b
	go func() {
		defer close(b.done)
		b.cmd.Wait() // the ProcessState holds the exit status
	}()
}

// findProgram finds a program in the script's PATH.
func findProgram(ts *testscript.TestScript, name string) string {
	for _, dir := range filepath.SplitList(ts.Getenv("PATH")) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path
		}
	}
	ts.Fatalf("%s is not in PATH", name)
	return ""
}

// scriptEnv returns the environment of the script's commands.
func scriptEnv(ts *testscript.TestScript) []string {
	ts.Check(ts.Exec("env", "-0"))
	return strings.Split(strings.TrimSuffix(ts.ReadFile("stdout"), "\x00"), "\x00")
}

// running returns a process that was started under the name.
func running(ts *testscript.TestScript, name string) *scriptProcess {
	b := scriptOf(ts).started[name]
	if b == nil {
		ts.Fatalf("nothing was started as %s", name)
	}
	return b
}

func cmdAwait(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await NAME REGEXP")
	}
	b := running(ts, args[0])
	want, err := regexp.Compile(args[1])
	ts.Check(err)
	deadline := time.After(patience)
	for ended := false; !b.out.find(want); {
		if ended {
			ts.Fatalf("%s ended (%v) before it printed %q; it printed:\n%v", args[0], b.cmd.ProcessState, args[1], b.out)
		}
		select {
		case <-b.out.grown:
		case <-b.done:
			ended = true
		case <-deadline:
			ts.Fatalf("%s did not print %q within %v; it printed:\n%v", args[0], args[1], patience, b.out)
		}
	}
}

func cmdSignal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 || unix.SignalNum(args[1]) == 0 {
		ts.Fatalf("usage: signal NAME|PID SIGNAL")
	}
	s, sig := scriptOf(ts), unix.SignalNum(args[1])
	pid, err := strconv.Atoi(args[0])
	switch {
	case err != nil:
		ts.Check(running(ts, args[0]).cmd.Process.Signal(sig))
	case !s.owns(pid):
		ts.Fatalf("process %d is not the script's", pid)
	default:
		ts.Check(syscall.Kill(pid, sig))
	}
}

func cmdEnded(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 || len(args) > 2 {
		ts.Fatalf("usage: ended NAME [STATUS]")
	}
	b, want := running(ts, args[0]), "exit status 0"
	if len(args) > 1 {
		want = args[1]
	}
	select {
	case <-b.done:
	case <-time.After(patience):
		ts.Fatalf("%s did not end within %v; it printed:\n%v", args[0], patience, b.out)
	}
	delete(scriptOf(ts).started, args[0])
	if got := b.cmd.ProcessState.String(); got != want {
		ts.Fatalf("%s ended with %s, not %s; it printed:\n%v", args[0], got, want, b.out)
	}
	ts.Logf("%s printed:\n%v", args[0], b.out)
}

func cmdChild(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: child NAME VAR")
	}
	b := running(ts, args[0])
	for deadline := time.Now().Add(patience); ; time.Sleep(pollInterval) {
		children := b.children()
		if len(children) == 1 {
			ts.Setenv(args[1], strconv.Itoa(children[0]))
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s does not have one child, but %v; it printed:\n%v", args[0], children, b.out)
		}
	}
}

// children returns the PIDs of a process's children.
func (b *scriptProcess) children() []int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", b.cmd.Process.Pid))
	if err != nil {
		return nil // it has ended
	}
	var pids []int
	for field := range strings.FieldsSeq(string(text)) {
		if pid, err := strconv.Atoi(field); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

// interrupt sends a process SIGINT, so that it ends. unshare ignores the signal;
// then the processes that unshare started get it.
func (b *scriptProcess) interrupt() {
	if filepath.Base(b.cmd.Path) == "unshare" {
		for _, pid := range b.children() {
			syscall.Kill(pid, syscall.SIGINT)
		}
		return
	}
	b.cmd.Process.Signal(os.Interrupt)
}
