package run_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/run"
)

func shell(script string, args ...string) []string {
	return append([]string{"/bin/sh", "-c", script, "sh"}, args...)
}

func TestProgramRunsAsConfigured(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("in the file"), 0o600); err != nil {
		t.Fatal(err)
	}
	opened, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	out, problems := &run.Head{Limit: 1000}, &run.Head{Limit: 1000}
	err = run.Program{
		// The program has begun when it gets its priority.
		Argv: shell(`echo "$1"; echo "$MINE"; pwd; cat <&3; echo; until [ "$(nice)" = 7 ]; do sleep 0.01; done; nice; echo wrong >&2; exit 3`, "an argument"),
		Env:  []string{"MINE=its own", "PATH=" + os.Getenv("PATH")},
		Dir:  dir, Files: []*os.File{opened}, Stdout: out, Stderr: problems, Nice: 7,
	}.Run(patience.Context(t))
	if ended, ok := errors.AsType[*exec.ExitError](err); !ok || ended.ExitCode() != 3 {
		t.Errorf("got %v, want exit status 3", err)
	}
	want := strings.Join([]string{"an argument", "its own", dir, "in the file", "7", ""}, "\n")
	if out.String() != want || problems.String() != "wrong\n" {
		t.Errorf("printed %q and %q, want %q", out.String(), problems.String(), want)
	}
}

func TestErrorNamesAMissingProgram(t *testing.T) {
	err := run.Program{Argv: []string{"/nonexistent/program"}}.Run(t.Context())
	if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), "/nonexistent/program") {
		t.Errorf("got %v", err)
	}
}

// The program starts a child and prints the child's PID.
func TestEndOfTheContextKillsTheGroup(t *testing.T) {
	late := errors.New("it took too long")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	child := make(chan int, 1) // a pidfd
	program := run.Program{
		Argv: shell(`sleep 1000 & echo $!; wait`),
		Stdout: printed(func(text string) {
			pid, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil {
				t.Errorf("printed %q", text)
			}
			fd, err := unix.PidfdOpen(pid, 0)
			if err != nil {
				t.Errorf("open process %d: %v", pid, err)
			}
			child <- fd
			cancel(late)
		}),
	}
	if err := program.Run(ctx); !errors.Is(err, late) {
		t.Errorf("got %v, want the cause of the context", err)
	}
	fd := patience.Next(t, child, "the program's child")
	defer unix.Close(fd)
	if n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, 10_000); n != 1 || err != nil {
		t.Errorf("the program's child outlives it: %d, %v", n, err)
	}
}

// The program's child has the program's output open, and ends when the test closes
// its input.
func TestProgramSucceedsAlthoughItsChildHasTheOutputOpen(t *testing.T) {
	hold, letGo, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer letGo.Close()
	defer hold.Close()
	out := &run.Head{Limit: 100}
	err = run.Program{Argv: shell(`cat <&3 & echo done`), Files: []*os.File{hold}, Stdout: out}.Run(t.Context())
	if err != nil || out.String() != "done\n" {
		t.Errorf("got %v, printed %q", err, out.String())
	}
}

// A goroutine that ends while it is locked to its thread ends the thread. The kernel
// kills the programs that this thread has started.
func TestProgramOutlivesTheThreadsOfOthers(t *testing.T) {
	const programs = 50
	ended := make(chan error, programs)
	hold, letGo, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer hold.Close()
	var all, locked sync.WaitGroup
	locked.Add(programs)
	for range programs {
		go func() { ended <- run.Program{Argv: shell(`cat <&3`), Files: []*os.File{hold}}.Run(t.Context()) }()
		all.Go(func() {
			runtime.LockOSThread()
			locked.Done()
			locked.Wait() // so that each has a thread of its own
		})
	}
	all.Wait()
	letGo.Close()
	for range programs {
		if err := patience.Next(t, ended, "a program's end"); err != nil {
			t.Error(err)
		}
	}
}

// printed is a writer that calls the function with each text.
type printed func(text string)

func (p printed) Write(text []byte) (int, error) {
	p(string(text))
	return len(text), nil
}

func TestHeadAndTailAreBounded(t *testing.T) {
	for name, tt := range map[string]struct {
		writes     []string
		head, tail string
	}{
		"less than the limit":           {[]string{"ab\n", "cd\n"}, "ab\ncd\n", "ab\ncd"},
		"more, in many writes":          {[]string{"line 1\n", "line 2\n", "line 3\n"}, "line 1\nline", "line 3"},
		"more, in one write":            {[]string{"line 1\nline 2\nline 3\n"}, "line 1\nline", "line 3"},
		"a line longer than the limit":  {[]string{"0123456789abcdefgh"}, "0123456789a", "789abcdefgh"},
		"one write longer, then little": {[]string{"0123456789abcdefgh\n", "x\n"}, "0123456789a", "x"},
	} {
		t.Run(name, func(t *testing.T) {
			head, tail := &run.Head{Limit: 11}, &run.Tail{Limit: 11}
			for _, text := range tt.writes {
				for _, w := range []interface{ Write([]byte) (int, error) }{head, tail} {
					if n, err := w.Write([]byte(text)); n != len(text) || err != nil {
						t.Fatalf("wrote %d of %d bytes: %v", n, len(text), err)
					}
				}
			}
			if head.String() != tt.head || tail.String() != tt.tail {
				t.Errorf("kept %q and %q, want %q and %q", head.String(), tail.String(), tt.head, tt.tail)
			}
		})
	}
}
