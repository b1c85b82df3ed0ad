package proc_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

func TestExitIsReportedWithStatusAndOutput(t *testing.T) {
	tests := map[string]struct {
		args           []string
		status         proc.Status
		stdout, stderr string
	}{
		"exit code 0": {
			args:   []string{"exit", "0", "", ""},
			status: proc.Status{Known: true},
		},
		"exit code and output": {
			args:   []string{"exit", "7", "one\ntwo\n", "fatal error\n"},
			status: proc.Status{Known: true, Code: 7},
			stdout: "one\ntwo", stderr: "fatal error",
		},
		"signal, and an incomplete line": {
			args:   []string{"signal", strconv.Itoa(int(unix.SIGKILL)), "half a li", ""},
			status: proc.Status{Known: true, Signal: unix.SIGKILL},
			stdout: "half a li",
		},
		"more lines than TailLines": {
			args:   []string{"exit", "1", "1\n2\n\n4\n5\n6\n", ""},
			status: proc.Status{Known: true, Code: 1},
			stdout: "\n4\n5\n6",
		},
		"more bytes than TailBytes": {
			args:   []string{"exit", "1", strings.Repeat("x", 150) + "\nlast\n", strings.Repeat("y", 150)},
			status: proc.Status{Known: true, Code: 1},
			stdout: "last", stderr: strings.Repeat("y", 100),
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f := newFleet(t, t.TempDir(), proc.Config{TailLines: 4, TailBytes: 100})
			spec := f.spec("worker-1", "crasher", tt.args...)
			spec.Fingerprint = "plan"
			f.start(spec)
			started := next[proc.Started](f)
			got := next[proc.Exited](f)
			if got.Ran <= 0 {
				t.Errorf("ran for %v", got.Ran)
			}
			want := proc.Exited{
				Name: "worker-1", Launch: 1, PID: started.PID, Fingerprint: "plan",
				Status: tt.status, Stdout: tt.stdout, Stderr: tt.stderr,
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(proc.Exited{}, "Ran"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("Exited (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPIDsAreThoseOfTheProcessesThatLive(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	if got := f.PIDs(); len(got) > 0 {
		t.Errorf("before the first start: %v", got)
	}
	f.start(f.spec("worker-1", "sleeper"))
	started := next[proc.Started](f)
	if got := f.PIDs(); !slices.Equal(got, []int{started.PID}) {
		t.Errorf("PIDs are %v, want %d", got, started.PID)
	}
	if err := f.Stop("worker-1", 1, patience); err != nil {
		t.Fatal(err)
	}
	next[proc.Exited](f)
	if got := f.PIDs(); len(got) > 0 {
		t.Errorf("after the end: %v", got)
	}
}

func TestProcessRunsAsTheSpecSays(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	spec := f.spec("worker-1", "facts", "a b", "", "not UTF-8: \xff")
	spec.CPUs = []int{lastCPU(t)}
	f.start(spec)
	next[proc.Started](f)
	exited := next[proc.Exited](f)
	var got fact
	if err := json.Unmarshal([]byte(exited.Stdout), &got); err != nil {
		t.Fatalf("%v: %+v", err, exited)
	}
	want := fact{
		Args: []string{strconv.Quote(spec.Argv[0]), `"a b"`, `""`, `"not UTF-8: \xff"`},
		Env:  spec.Env, Dir: spec.Dir,
		Leader: true,
		Descriptors: []string{
			"0 /dev/null",
			"1 " + filepath.Join(spec.Dir, "stdout"),
			"2 " + filepath.Join(spec.Dir, "stderr"),
		},
		CPUs: spec.CPUs,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("facts (-want +got):\n%s", diff)
	}
}

// lastCPU returns the highest CPU that this process may use.
func lastCPU(t *testing.T) int {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		t.Fatal(err)
	}
	for cpu := 1023; cpu >= 0; cpu-- {
		if set.IsSet(cpu) {
			return cpu
		}
	}
	t.Fatal("no CPU")
	return 0
}

func TestLimitsAreSet(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	spec := f.spec("worker-1", "")
	spec.Argv = []string{"cat", "/proc/self/limits"} // found in PATH
	spec.Limits = proc.Limits{CoreBytes: new(uint64(4096)), OpenFiles: 100, MemoryBytes: 1 << 30, Nice: 3}
	f.start(spec)
	next[proc.Started](f)
	got := next[proc.Exited](f).Stdout
	for _, want := range []string{
		"Max core file size 4096 4096 bytes",
		"Max open files 100 100 files",
		"Max data size 1073741824 unlimited bytes",
	} {
		if !strings.Contains(strings.Join(strings.Fields(got), " "), want) {
			t.Errorf("got\n%s\nwant %q", got, want)
		}
	}
}

func TestCoreLimitIsTheLargestAllowed(t *testing.T) {
	var most syscall.Rlimit
	if err := syscall.Getrlimit(unix.RLIMIT_CORE, &most); err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, t.TempDir(), proc.Config{})
	spec := f.spec("worker-1", "")
	spec.Argv = []string{"sh", "-c", "ulimit -c"}
	f.start(spec)
	next[proc.Started](f)
	got := next[proc.Exited](f).Stdout
	if want := fmt.Sprint(most.Max / 512); got != "unlimited" && got != want {
		t.Errorf("core limit: got %s, want unlimited, or %s blocks", got, want)
	}
}

// impossible is a change that makes a launch fail, and a part of the error.
type impossible struct {
	change func(*proc.Spec)
	want   string
}

// impossibleLaunches are the changes for which no files must be made.
var impossibleLaunches = map[string]impossible{
	"no such program": {
		func(s *proc.Spec) { s.Argv = []string{"/does/not/exist"} },
		"start worker-1: program /does/not/exist does not exist",
	},
	"no such program in PATH": {
		func(s *proc.Spec) { s.Argv = []string{"does-not-exist"} },
		`start worker-1: program "does-not-exist" is not in PATH`,
	},
	"relative program": {
		func(s *proc.Spec) { s.Argv = []string{"./zeek"} },
		`start worker-1: program "./zeek" is neither an absolute path nor a bare name`,
	},
	"no program": {
		func(s *proc.Spec) { s.Argv = nil },
		"start worker-1: no program is named",
	},
	"too long an argument": {
		func(s *proc.Spec) { s.Argv = append(s.Argv, strings.Repeat("x", 200<<10)) },
		"argument list too long",
	},
	"relative directory": {
		func(s *proc.Spec) { s.Dir = "worker-1" },
		`start worker-1: its working directory "worker-1" is not an absolute path`,
	},
	"output that cannot be opened": {
		func(s *proc.Spec) { s.Stderr = "missing/stderr" },
		"start worker-1: stderr file: open ",
	},
	"no CPU at all": {
		func(s *proc.Spec) { s.CPUs = []int{1022, 1023} },
		"start worker-1: CPU affinity: this host has no CPU [1022 1023] for it",
	},
	"impossible CPU": {
		func(s *proc.Spec) { s.CPUs = []int{-1} },
		"start worker-1: CPU -1 is outside 0..1023",
	},
	"too little memory": {
		func(s *proc.Spec) { s.Limits.MemoryBytes = 1 },
		"start worker-1: its memory limit of 1 bytes is below 16777216",
	},
	"zero byte": {
		func(s *proc.Spec) { s.Env = []string{"A=\x00"} },
		`start worker-1: "A=\x00" contains a zero byte`,
	},
	"too much environment": {
		func(s *proc.Spec) { s.Env = slices.Repeat([]string{strings.Repeat("x", 1<<10)}, 1<<10) },
		"start worker-1: arguments and environment exceed 1048576 bytes",
	},
}

func TestErrorOfAnImpossibleLaunch(t *testing.T) {
	for name, tt := range impossibleLaunches {
		t.Run(name, tt.check)
	}
}

func TestErrorOfALaunchWithImpossibleFiles(t *testing.T) {
	dir := t.TempDir()
	file := func(name, content string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	notExecutable := file("not-executable", "#!/bin/sh\n", 0o644)
	noInterpreter := file("no-interpreter", "#!/does/not/exist\n", 0o755)
	noFormat := file("no-format", "text\n", 0o755)
	for name, tt := range map[string]impossible{
		"not executable": {
			func(s *proc.Spec) { s.Argv = []string{notExecutable} },
			"start worker-1: program " + notExecutable + " is not executable",
		},
		"a directory": {
			func(s *proc.Spec) { s.Argv = []string{dir} },
			"start worker-1: program " + dir + " is not executable",
		},
		"no interpreter": {
			func(s *proc.Spec) { s.Argv = []string{noInterpreter} },
			"start worker-1: program " + noInterpreter + ": its interpreter does not exist",
		},
		"no format": {
			func(s *proc.Spec) { s.Argv = []string{noFormat} },
			"start worker-1: program " + noFormat + " has no format that can be executed here",
		},
		"a file in the way of the directory": {
			func(s *proc.Spec) { s.Dir = filepath.Join(noFormat, "worker-1") },
			"start worker-1: working directory: mkdir " + noFormat + ": not a directory",
		},
		"output to a pipe that nobody reads": {
			func(s *proc.Spec) {
				s.Stdout = filepath.Join(dir, "fifo")
				if err := unix.Mkfifo(s.Stdout, 0o600); err != nil {
					t.Fatal(err)
				}
			},
			"start worker-1: stdout file: open ",
		},
		"no such CPU": {
			func(s *proc.Spec) { s.CPUs = []int{lastCPU(t), 1023} },
			"start worker-1: CPU affinity: this host has no CPU [1023] for it",
		},
	} {
		t.Run(name, tt.check)
	}
}

// check tries the launch and checks its error.
func (i impossible) check(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	spec := f.spec("worker-1", "sleeper")
	i.change(&spec)
	f.start(spec)
	got := next[proc.StartFailed](f)
	if got.Name != "worker-1" || got.Launch != 1 || !strings.Contains(got.Err.Error(), i.want) {
		t.Errorf("got %+v, want %q", got, i.want)
	}
	if strings.Contains(got.Err.Error(), "\n") {
		t.Errorf("got %q, want one line", got.Err)
	}
	if left := f.settle(); len(left) > 0 {
		t.Errorf("records left: %v", left)
	}
}

func TestFailureToSaveTheRecordLeavesNothing(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	inTheWay := "worker-1.1.json"
	if err := os.Mkdir(filepath.Join(f.dir, "records", inTheWay), 0o700); err != nil {
		t.Fatal(err)
	}
	f.start(f.spec("worker-1", "sleeper"))
	if got := next[proc.StartFailed](f).Err.Error(); !strings.HasPrefix(got, "start worker-1: record its process: ") {
		t.Errorf("got %q, want that it could not be recorded", got)
	}
	for _, name := range f.settle() {
		if name != inTheWay {
			t.Errorf("left: %s", name)
		}
	}
}

func TestStartIsRefusedBeyondMaxProcesses(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{MaxProcesses: 1})
	f.start(f.spec("worker-1", "sleeper"))
	next[proc.Started](f)
	f.hear("ready")
	again := f.spec("worker-1", "sleeper")
	again.Launch = 2
	for want, err := range map[string]error{
		"start worker-2: 1 processes are the limit": f.Start(f.spec("worker-2", "sleeper")),
		"start worker-1: 1 processes are the limit": f.Start(again),
	} {
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	f.kill("worker-1", 1)
}

func TestOneLaunchOfANodeAtATime(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	spec := f.spec("a/../b", "sleeper") // the name must not lead out of the record directory
	spec.Dir = f.dir
	for launch := range uint64(3) {
		spec.Launch = launch
		f.start(spec)
		next[proc.Started](f)
		f.hear("ready")
		if got := f.records(); len(got) != 1 {
			t.Errorf("records: got %v, want one", got)
		}
		spec.Launch++
		if err := f.Start(spec); err == nil || !strings.Contains(err.Error(), "is under way") {
			t.Errorf("second Start: got %v, want it refused", err)
		}
		f.kill(spec.Name, launch)
	}
}

func TestStatusText(t *testing.T) {
	for want, status := range map[string]proc.Status{
		"exit status unknown":          {},
		"exit code 3":                  {Known: true, Code: 3},
		"signal SIGTERM":               {Known: true, Signal: unix.SIGTERM},
		"signal SIGSEGV (core dumped)": {Known: true, Signal: unix.SIGSEGV, CoreDumped: true},
		"signal 63":                    {Known: true, Signal: 63},
	} {
		if got := status.String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
