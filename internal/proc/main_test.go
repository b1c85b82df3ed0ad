package proc_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// The test binary is also the program of every process that the tests start. roleEnv
// names the role of a process. reportEnv names a pipe to which the process writes
// reports. markEnv has the same value in all processes of one test run.
const (
	roleEnv   = "PROC_TEST_ROLE"
	reportEnv = "PROC_TEST_REPORT"
	markEnv   = "PROC_TEST_MARK"
)

// patience bounds each wait. A wait should take milliseconds.
const patience = time.Minute

func TestMain(m *testing.M) {
	if role := os.Getenv(roleEnv); role != "" {
		roles := map[string]func(args []string){
			"sleeper": sleeper, "deaf": deaf, "crasher": crasher, "forker": forker,
			"heir": heir, "facts": facts, "flood": flood, "manager": manager,
			"cramped": cramped, "seeker": seeker,
		}
		roles[role](os.Args[1:])
		return
	}
	os.Setenv(markEnv, strconv.Itoa(os.Getpid()))
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		if left := marked(os.Getenv(markEnv), nil); len(left) > 0 {
			fmt.Fprintln(os.Stderr, "processes left behind:", left)
			for _, pid := range left {
				syscall.Kill(pid, syscall.SIGKILL)
			}
			code = 1
		}
		os.Exit(code)
	}))
}

// marked lists the living processes with a mark, except the known ones. It waits up
// to a second for the end of each.
func marked(mark string, known map[int]bool) []int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var found []int
	for _, dir := range dirs {
		pid, _ := strconv.Atoi(filepath.Base(dir))
		env, err := os.ReadFile(dir + "/environ")
		if err != nil || pid == os.Getpid() || known[pid] || !slices.Contains(strings.Split(string(env), "\x00"), markEnv+"="+mark) {
			continue
		}
		if !endsWithin(pid, time.Second) {
			found = append(found, pid)
		}
	}
	return found
}

// endsWithin waits for the end of a process, which need not be a child. It reports
// whether the process ended within limit.
func endsWithin(pid int, limit time.Duration) bool {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return errors.Is(err, unix.ESRCH)
	}
	defer unix.Close(fd)
	for end := time.Now().Add(limit); ; {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, int(time.Until(end).Milliseconds()))
		if !errors.Is(err, unix.EINTR) || time.Now().After(end) {
			return n > 0
		}
	}
}

// report sends a line to the test.
func report(text string) {
	pipe, err := os.OpenFile(os.Getenv(reportEnv), os.O_WRONLY, 0)
	if err != nil {
		panic(err)
	}
	defer pipe.Close()
	fmt.Fprintln(pipe, text)
}

func sleeper([]string) {
	report("ready")
	time.Sleep(24 * time.Hour)
}

// deaf is a role: it reports each SIGTERM and runs on.
func deaf([]string) {
	heard := make(chan os.Signal, 1)
	signal.Notify(heard, syscall.SIGTERM)
	report("ready")
	for range heard {
		report("heard SIGTERM")
	}
}

// crasher is a role: it writes its third argument to stdout and its fourth to stderr,
// and ends by an exit code or a signal.
func crasher(args []string) {
	n, _ := strconv.Atoi(args[1])
	fmt.Print(args[2])
	fmt.Fprint(os.Stderr, args[3])
	if args[0] == "exit" {
		os.Exit(n)
	}
	syscall.Kill(os.Getpid(), syscall.Signal(n))
	time.Sleep(24 * time.Hour)
}

// forker is a role: it starts an heir in its session, in a process group of its own.
// With the argument "exit" it then ends.
func forker(args []string) {
	signal.Ignore(syscall.SIGTERM)
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleEnv+"=heir")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	if args[0] != "exit" {
		time.Sleep(24 * time.Hour)
	}
}

// heir is a role: it reports its PID and runs on.
func heir([]string) {
	signal.Ignore(syscall.SIGTERM)
	report(strconv.Itoa(os.Getpid()))
	time.Sleep(24 * time.Hour)
}

// fact is how a process sees itself.
type fact struct {
	Args        []string
	Env         []string
	Dir         string
	Leader      bool
	Descriptors []string
	CPUs        []int
}

func facts([]string) {
	var f fact
	for _, a := range os.Args {
		f.Args = append(f.Args, strconv.QuoteToASCII(a))
	}
	f.Env = os.Environ()
	f.Dir, _ = os.Getwd()
	sid, _ := unix.Getsid(0)
	f.Leader = sid == os.Getpid() && syscall.Getpgrp() == os.Getpid()
	fds, _ := os.ReadDir("/proc/self/fd")
	for _, fd := range fds {
		target, err := os.Readlink("/proc/self/fd/" + fd.Name())
		// Readlink fails for the directory that was just read. The other two kinds
		// belong to the Go runtime.
		if err == nil && !strings.HasPrefix(target, "anon_inode:") && !strings.HasPrefix(target, "/sys/fs/cgroup/") {
			f.Descriptors = append(f.Descriptors, fd.Name()+" "+target)
		}
	}
	var set unix.CPUSet
	unix.SchedGetaffinity(0, &set)
	for cpu := range 1024 {
		if set.IsSet(cpu) {
			f.CPUs = append(f.CPUs, cpu)
		}
	}
	json.NewEncoder(os.Stdout).Encode(f)
}

// flood is a role: it writes to stdout until the file has been truncated.
func flood([]string) {
	line := bytes.Repeat([]byte("x"), 99)
	line = append(line, '\n')
	var before int64
	for {
		os.Stdout.Write(line)
		info, err := os.Stdout.Stat()
		if err != nil {
			panic(err)
		}
		if info.Size() < before {
			break
		}
		before = info.Size()
	}
	report("truncated")
	time.Sleep(24 * time.Hour)
}

// manager is a role: its Host starts args[1] sleepers. It prints their PIDs and runs
// on.
func manager(args []string) {
	h, err := proc.New(proc.Config{RecordDir: args[0]})
	if err != nil {
		panic(err)
	}
	n, _ := strconv.Atoi(args[1])
	for i := range n {
		if err := h.Start(childSpec(args[2], fmt.Sprintf("node-%d", i), os.Getenv(reportEnv), "sleeper")); err != nil {
			panic(err)
		}
	}
	go h.Run(context.Background())
	for ev := range h.Events() {
		switch ev := ev.(type) {
		case proc.Started:
			fmt.Println(ev.PID)
		default:
			panic(fmt.Sprintf("%T: %+v", ev, ev))
		}
	}
}

// cramped is a role: it adopts with so few descriptors left that it can watch a
// process but cannot inspect it. It prints the result.
func cramped(args []string) {
	h, err := proc.New(proc.Config{RecordDir: args[0]})
	if err != nil {
		panic(err)
	}
	next := must(os.Open(os.DevNull))
	limit := uint64(next.Fd()) + 1
	next.Close()
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: limit, Max: limit}); err != nil {
		panic(err)
	}
	a, err := h.Adopt(context.Background())
	fmt.Printf("running %d, ended %d, error: %v\n", len(a.Running), len(a.Ended), err)
}

// childSpec returns the Spec of a launch of this binary in a role.
func childSpec(dir, name, pipe, role string, args ...string) proc.Spec {
	return proc.Spec{
		Name:   name,
		Launch: 1,
		Argv:   append([]string{must(os.Executable())}, args...),
		Env:    []string{roleEnv + "=" + role, reportEnv + "=" + pipe, markEnv + "=" + os.Getenv(markEnv)},
		Dir:    filepath.Join(dir, name),
		Stdout: "stdout",
		Stderr: "stderr",
	}
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// fleet is the Host of one test.
type fleet struct {
	*proc.Host
	t    *testing.T
	dir  string
	pipe string
	said *bufio.Reader
	stop func() // ends Run; the processes run on
}

// newFleet returns a running Host with its records in dir/records.
func newFleet(t *testing.T, dir string, cfg proc.Config) *fleet {
	t.Helper()
	f := openFleet(t, dir, cfg)
	f.run()
	return f
}

// openFleet returns a Host that does not run yet.
func openFleet(t *testing.T, dir string, cfg proc.Config) *fleet {
	t.Helper()
	cfg.RecordDir = filepath.Join(dir, "records")
	h, err := proc.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	// Open the pipe for reading and writing: then neither open nor read depends on
	// a process that has the pipe open for writing.
	said, err := os.OpenFile(pipe, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { said.Close() })
	if err := said.SetReadDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &fleet{Host: h, t: t, dir: dir, pipe: pipe, said: bufio.NewReader(said), stop: func() {}}
}

func (f *fleet) run() {
	f.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := f.Run(ctx); !errors.Is(err, context.Canceled) {
			f.t.Errorf("Run: got %v, want context.Canceled", err)
		}
	})
	f.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	f.t.Cleanup(f.stop)
}

func (f *fleet) spec(name, role string, args ...string) proc.Spec {
	return childSpec(f.dir, name, f.pipe, role, args...)
}

func (f *fleet) start(s proc.Spec) {
	f.t.Helper()
	if err := f.Start(s); err != nil {
		f.t.Fatal(err)
	}
}

// hear waits for a report.
func (f *fleet) hear(want string) {
	f.t.Helper()
	if got := f.hearAny(); got != want {
		f.t.Fatalf("a process reported %q, want %q", got, want)
	}
}

func (f *fleet) hearAny() string {
	f.t.Helper()
	line, err := f.said.ReadString('\n')
	if err != nil {
		f.t.Fatalf("wait for a report of a process: %v", err)
	}
	return strings.TrimSuffix(line, "\n")
}

// next waits for an event of type T.
func next[T proc.Event](f *fleet) T {
	f.t.Helper()
	select {
	case ev := <-f.Events():
		if ev, ok := ev.(T); ok {
			return ev
		}
		f.t.Fatalf("got %T %+v, want %T", ev, ev, *new(T))
	case <-time.After(patience):
		f.t.Fatalf("no event came, want %T", *new(T))
	}
	panic("unreachable")
}

// records lists the names of the files in the record directory.
func (f *fleet) records() []string {
	f.t.Helper()
	entries, err := os.ReadDir(filepath.Join(f.dir, "records"))
	if err != nil {
		f.t.Fatal(err)
	}
	names := []string{}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// forget calls Forget for a launch that has ended, and checks that its record exists
// until then.
func (f *fleet) forget(name string, launch uint64) {
	f.t.Helper()
	file := fmt.Sprintf("%s.%d.json", url.PathEscape(name), launch)
	if got := f.records(); !slices.Contains(got, file) {
		f.t.Errorf("records: got %v, want %s among them until Forget", got, file)
	}
	f.Forget(name, launch)
}

// settle ends Run, so that records no longer change, and returns their names.
func (f *fleet) settle() []string {
	f.t.Helper()
	f.stop()
	return f.records()
}
