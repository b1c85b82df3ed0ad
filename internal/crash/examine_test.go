package crash_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/crash"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
)

// roleEnv makes the test binary run as debugger, in one of several roles.
const roleEnv = "CRASH_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleEnv) {
	case "debugger":
		fmt.Println("#0  0xdeadbeef in crash ()")
		fmt.Println("arguments:", strings.Join(os.Args[1:], "|"))
		os.Exit(0)
	case "reader":
		text, err := os.ReadFile(os.Args[len(os.Args)-1])
		fmt.Printf("%s, %v", text, err)
		os.Exit(0)
	case "talker":
		for range 100_000 {
			fmt.Println("#0  recursion ()")
		}
		os.Exit(0)
	case "failure":
		fmt.Println("GNU something")
		fmt.Println("not in executable format")
		os.Exit(1)
	case "mute":
		os.Exit(0)
	case "thinker":
		time.Sleep(time.Hour)
	}
	goleak.VerifyTestMain(m)
}

func TestPatternOfCoreFiles(t *testing.T) {
	r := crash.Record{
		PID: 4711, Dir: "/state/nodes/worker-1", Program: "/opt/zeek/bin/zeek",
		Exit: crash.Exit{Known: true, Signal: 11, CoreDumped: true},
	}
	for name, tt := range map[string]struct {
		pattern string
		usesPID bool
		want    string
	}{
		"in the working directory":      {"core", false, "/state/nodes/worker-1/core"},
		"with the PID appended":         {"core", true, "/state/nodes/worker-1/core.4711"},
		"with the PID in the name":      {"core.%p", true, "/state/nodes/worker-1/core.4711"},
		"in a fixed directory":          {"/cores/core.%e.%p", false, "/cores/core.*.4711"},
		"by signal, time and host":      {"core-%s-%t-%h", false, "/state/nodes/worker-1/core-11-*-*"},
		"by the path of the program":    {"core%E", false, "/state/nodes/worker-1/core!opt!zeek!bin!zeek*"},
		"with PIDs of other namespaces": {"core.%P.%i.%I", false, "/state/nodes/worker-1/core.*.*.*"},
		"a percent sign":                {"100%%", false, "/state/nodes/worker-1/100%"},
		"unknown letters are dropped":   {"core%z%", false, "/state/nodes/worker-1/core"},
		"names are escaped":             {"co[r]e*?", false, `/state/nodes/worker-1/co\[r]e\*\?`},
		"with a directory for each PID": {"/cores/%p/core", true, "/cores/4711/core"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := crash.Glob(tt.pattern, tt.usesPID, r); got != tt.want {
				t.Errorf("pattern %q, want %q", got, tt.want)
			}
		})
	}
}

// examined adds r, with files in its working directory, and returns its record after
// Run. The debugger is this binary in a role.
func examined(t *testing.T, cfg crash.Config, pattern, role string, r crash.Record, files ...string) crash.Record {
	t.Helper()
	if r.Dir == "" {
		r.Dir = t.TempDir()
	}
	for _, name := range files {
		if err := os.WriteFile(filepath.Join(r.Dir, name), []byte("core"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if cfg.Debugger == "" {
		cfg.Debugger = self
	}
	t.Setenv(roleEnv, role)
	cfg.Dir = crash.Dir(t.TempDir())
	s := open(t, cfg)
	r.When = time.Now()
	add(t, s, r)
	if got, _ := latest(s, r.Node); !got.Pending {
		t.Fatalf("not to be examined: %+v", got)
	}
	runUntilExamined(t, cfg, pattern, 1)
	got, _ := latest(s, r.Node)
	return got
}

// runUntilExamined calls Run of a new store until it has examined n crashes.
func runUntilExamined(t *testing.T, cfg crash.Config, pattern string, n int) {
	t.Helper()
	log := make(messages, 100)
	cfg.Logger = slog.New(log)
	s := open(t, cfg)
	s.Cores(pattern, false)
	ctx, cancel := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	for range n {
		if got := patience.Next(t, log, "a crash to be examined"); got != "crash examined" {
			t.Errorf("log: %s", got)
		}
	}
	enough := errors.New("enough")
	cancel(enough)
	if err := patience.Next(t, done, "the end of Run"); !errors.Is(err, enough) {
		t.Errorf("Run: %v, want the context's cause", err)
	}
}

// messages is a slog.Handler that sends the text of each message.
type messages chan string

func (l messages) Enabled(context.Context, slog.Level) bool { return true }
func (l messages) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l messages) WithGroup(string) slog.Handler            { return l }
func (l messages) Handle(_ context.Context, r slog.Record) error {
	l <- r.Message
	return nil
}

func TestBacktrace(t *testing.T) {
	unknown := segv()
	unknown.Exit = crash.Exit{Text: "exit status unknown"}
	nameless := segv()
	nameless.Program = ""
	gone := crash.Config{Debugger: "no-such-debugger"}
	quick := crash.Config{BacktraceTimeout: 20 * time.Millisecond}
	for name, tt := range map[string]struct {
		cfg       crash.Config
		record    crash.Record
		pattern   string
		role      string
		files     []string
		core      string
		backtrace string // its beginning
		note      string
	}{
		"a core file": {record: segv(), files: []string{"core"},
			core: "core", backtrace: "#0  0xdeadbeef in crash ()\narguments: -batch|-nx|"},
		"a core file with the PID in its name": {record: segv(), pattern: "core.%p", files: []string{"core.1000", "core.1001", "core.1002"},
			core: "core.1001", backtrace: "#0"},
		"no core file": {record: segv(),
			note: `the core file is not where core_pattern "core" says`},
		"systemd-coredump takes it": {record: segv(), pattern: "|/usr/lib/systemd/systemd-coredump %P %u", files: []string{"core"},
			note: "core file handled by /usr/lib/systemd/systemd-coredump; see coredumpctl info 1001"},
		"another program takes it": {record: segv(), pattern: "| /usr/share/apport/apport -p%p",
			note: "core file handled by /usr/share/apport/apport"},
		"no debugger": {cfg: gone, record: segv(), files: []string{"core"},
			core: "core", note: "no backtrace: no-such-debugger is not installed"},
		"no program": {record: nameless, files: []string{"core"},
			core: "core", note: "no backtrace: the program is not known"},
		"a debugger that fails": {record: segv(), role: "failure", files: []string{"core"},
			core: "core", note: "no backtrace: DEBUGGER: exit status 1: not in executable format"},
		"a debugger that prints nothing": {record: segv(), role: "mute", files: []string{"core"},
			core: "core", note: "no backtrace: DEBUGGER printed nothing"},
		"a debugger that takes too long": {cfg: quick, record: segv(), role: "thinker", files: []string{"core"},
			core: "core", note: "no backtrace: DEBUGGER took more than 20ms"},
		"unknown status, with a core file": {record: unknown, files: []string{"core"},
			core: "core", backtrace: "#0"},
		"unknown status, without a core file":        {record: unknown},
		"unknown status, a program takes core files": {record: unknown, pattern: "|/usr/share/apport/apport"},
	} {
		t.Run(name, func(t *testing.T) {
			got := examined(t, tt.cfg, cmp.Or(tt.pattern, "core"), cmp.Or(tt.role, "debugger"), tt.record, tt.files...)
			if got.Pending {
				t.Error("still to be examined")
			}
			if core := strings.TrimPrefix(got.Core, got.Dir+"/"); core != tt.core {
				t.Errorf("core %q, want %q", core, tt.core)
			}
			if !strings.HasPrefix(got.Backtrace, tt.backtrace) || tt.backtrace == "" && got.Backtrace != "" {
				t.Errorf("backtrace %q, want %q", got.Backtrace, tt.backtrace)
			}
			self, _ := os.Executable()
			if note := strings.ReplaceAll(got.Note, self, "DEBUGGER"); note != tt.note {
				t.Errorf("note %q, want %q", note, tt.note)
			}
		})
	}
}

// The debugger gets no name: the node's user could put another file there meanwhile.
func TestDebuggerGetsTheOpenedFile(t *testing.T) {
	got := examined(t, crash.Config{}, "core", "reader", segv(), "core")
	if got.Backtrace != "core, <nil>" {
		t.Errorf("the debugger read %q", got.Backtrace)
	}
	if got := examined(t, crash.Config{}, "core", "debugger", segv(), "core"); strings.Contains(got.Backtrace, got.Core) {
		t.Errorf("the debugger got the name in %q", got.Backtrace)
	}
}

func TestOnlyARegularFileIsACoreFile(t *testing.T) {
	for name, plant := range map[string]func(path string) error{
		"a pipe":      func(path string) error { return unix.Mkfifo(path, 0o600) },
		"a link":      func(path string) error { return os.Symlink("/etc/passwd", path) },
		"a directory": func(path string) error { return os.Mkdir(path, 0o700) },
	} {
		t.Run(name, func(t *testing.T) {
			r := segv()
			r.Dir = t.TempDir()
			if err := plant(filepath.Join(r.Dir, "core")); err != nil {
				t.Fatal(err)
			}
			if got := examined(t, crash.Config{}, "core", "reader", r); got.Core != "" || got.Backtrace != "" {
				t.Errorf("%s is taken for a core file: %q", got.Core, got.Backtrace)
			}
		})
	}
}

func TestBacktraceIsBounded(t *testing.T) {
	got := examined(t, crash.Config{}, "core", "talker", segv(), "core")
	if len(got.Backtrace) > 64<<10 || len(got.Backtrace) < 63<<10 {
		t.Errorf("%d bytes of backtrace, %s", len(got.Backtrace), got.Note)
	}
}

func TestCoreFileOutsideTheLifetimeIsIgnored(t *testing.T) {
	for name, age := range map[string]time.Duration{"older than the process": time.Hour, "of its successor": -time.Hour} {
		t.Run(name, func(t *testing.T) {
			r := segv()
			r.Dir = t.TempDir()
			path := filepath.Join(r.Dir, "core")
			at := time.Now().Add(-age)
			if err := errors.Join(os.WriteFile(path, []byte("core"), 0o600), os.Chtimes(path, at, at)); err != nil {
				t.Fatal(err)
			}
			if got := examined(t, crash.Config{}, "core", "debugger", r); got.Core != "" {
				t.Errorf("core %s", got.Core)
			}
		})
	}
}

func TestOnlyCrashesThatMayHaveACoreFileAreExamined(t *testing.T) {
	s := open(t, crash.Config{})
	undumped := segv()
	undumped.Exit = crash.Exit{Text: "signal SIGSEGV", Known: true, Signal: 11}
	killed := nth("worker-2", 1)
	killed.Exit = crash.Exit{Text: "signal SIGKILL", Known: true, Signal: 9}
	add(t, s, undumped, killed, nth("worker-3", 1))
	all, err := s.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		if r.Pending || (r.Note != "") != (r.Node == "worker-1") {
			t.Errorf("%s: pending %v, note %q", r.Node, r.Pending, r.Note)
		}
	}
}

func TestRunExaminesRecordsOfAnEarlierStore(t *testing.T) {
	t.Setenv(roleEnv, "debugger")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cfg := crash.Config{Dir: crash.Dir(t.TempDir()), Debugger: self}
	for n := range 3 {
		r := segv()
		r.Launch, r.Dir, r.When = uint64(n), t.TempDir(), time.Now()
		if err := os.WriteFile(filepath.Join(r.Dir, "core"), []byte("core"), 0o600); err != nil {
			t.Fatal(err)
		}
		add(t, open(t, cfg), r) // this store never runs, as if the agent had died
	}
	runUntilExamined(t, cfg, "core", 3)
	for _, r := range list(t, open(t, cfg)) {
		if r.Pending || r.Backtrace == "" {
			t.Errorf("launch %d: %+v", r.Launch, r)
		}
	}
}

func list(t *testing.T, s *crash.Store) []crash.Record {
	t.Helper()
	all, err := s.All()
	if err != nil || len(all) == 0 {
		t.Fatalf("All: %d records, %v", len(all), err)
	}
	return all
}

// TestRealCore makes a program crash and examines the crash. Whether the kernel writes
// a core file depends on the machine; the record must have a backtrace or a note.
func TestRealCore(t *testing.T) {
	r := nth("worker-1", 1)
	r.Dir = t.TempDir()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Fatal(err)
	}
	r.Program = sh
	cmd := exec.CommandContext(t.Context(), sh, "-c", "ulimit -c unlimited 2>/dev/null; kill -SEGV $$")
	cmd.Dir = r.Dir
	if err := cmd.Run(); err == nil {
		t.Fatal("it did not crash")
	}
	status := cmd.ProcessState.Sys().(syscall.WaitStatus)
	r.PID, r.When = cmd.Process.Pid, time.Now()
	r.Exit = crash.Exit{Text: "signal SIGSEGV", Known: true, Signal: int(status.Signal()), CoreDumped: status.CoreDump()}
	log := make(messages, 10)
	s := open(t, crash.Config{Logger: slog.New(log)})
	add(t, s, r)
	if got, _ := latest(s, "worker-1"); got.Pending {
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		patience.Next(t, log, "the crash to be examined")
		cancel()
		patience.Next(t, done, "the end of Run")
	}
	got, ok := latest(s, "worker-1")
	if !ok || got.Pending || got.Backtrace == "" && got.Note == "" {
		t.Errorf("got neither a backtrace nor a note: %+v", got)
	}
	t.Logf("core %s, note %s, backtrace %.200s", got.Core, got.Note, got.Backtrace)
}

// segv returns a crash with a core dump.
func segv() crash.Record {
	r := nth("worker-1", 1)
	r.Program = "/opt/zeek/bin/zeek"
	r.Exit = crash.Exit{Text: "signal SIGSEGV (core dumped)", Known: true, Signal: 11, CoreDumped: true}
	return r
}

func TestOldCoreFilesOfANodeAreRemoved(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(roleEnv, "debugger")
	cfg := crash.Config{Dir: crash.Dir(t.TempDir()), Debugger: self, Cores: 2}
	s := open(t, cfg)
	now := time.Now()
	for pid := 1; pid <= 4; pid++ {
		for _, in := range []string{dir, elsewhere} {
			if err := os.WriteFile(fmt.Sprintf("%s/core.%d", in, pid), []byte("core"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		add(t, s, crash.Record{
			Node: "worker-1", Launch: uint64(pid), PID: pid, Uptime: time.Hour, When: now.Add(time.Duration(pid) * time.Second),
			Dir: dir, Program: "/opt/zeek/bin/zeek", Exit: crash.Exit{Known: true, Signal: 11, CoreDumped: true},
		})
	}
	runUntilExamined(t, cfg, "core.%p", 4)
	for pid, want := range map[int]bool{1: false, 2: false, 3: true, 4: true} {
		if _, err := os.Stat(fmt.Sprintf("%s/core.%d", dir, pid)); (err == nil) != want {
			t.Errorf("core file of process %d: %v", pid, err)
		}
	}
	records, err := s.List("worker-1")
	if err != nil || len(records) != 4 {
		t.Fatalf("List: %v, %v", records, err)
	}
	for _, r := range records {
		if r.PID <= 2 && (r.Core != "" || !strings.Contains(r.Note, "removed")) || r.PID > 2 && r.Core == "" {
			t.Errorf("record of process %d: core %q, note %q", r.PID, r.Core, r.Note)
		}
		if r.Backtrace == "" {
			t.Errorf("record of process %d has no backtrace", r.PID)
		}
	}
}

func TestOtherCoreFilesStay(t *testing.T) {
	dir, elsewhere := t.TempDir(), t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv(roleEnv, "debugger")
	for name, pattern := range map[string]string{
		"in a directory of the operator": elsewhere + "/core.%p",
		"the same name for all crashes":  "core",
	} {
		t.Run(name, func(t *testing.T) {
			cfg := crash.Config{Dir: crash.Dir(t.TempDir()), Debugger: self, Cores: 1}
			s := open(t, cfg)
			for pid := 1; pid <= 3; pid++ {
				for _, path := range []string{fmt.Sprintf("%s/core.%d", elsewhere, pid), dir + "/core"} {
					if err := os.WriteFile(path, []byte("core"), 0o600); err != nil {
						t.Fatal(err)
					}
				}
				add(t, s, crash.Record{
					Node: "worker-1", Launch: uint64(pid), PID: pid, Uptime: time.Hour, When: time.Now(),
					Dir: dir, Program: "/opt/zeek/bin/zeek", Exit: crash.Exit{Known: true, Signal: 11, CoreDumped: true},
				})
			}
			runUntilExamined(t, cfg, pattern, 3)
			for _, path := range []string{elsewhere + "/core.1", elsewhere + "/core.2", elsewhere + "/core.3", dir + "/core"} {
				if _, err := os.Stat(path); err != nil {
					t.Error(err)
				}
			}
		})
	}
}

// A node's user rules the node's directory, and can give the agent's output file there the name of
// a core file. Root's debugger reads nothing that a node has written.
func TestDebuggerOfRootReadsNothingThatANodeWrote(t *testing.T) {
	roottest.Need(t, "gives a directory away")
	r := segv()
	r.Dir = t.TempDir()
	if err := os.Chown(r.Dir, 54321, 54321); err != nil {
		t.Fatal(err)
	}
	got := examined(t, crash.Config{}, "core", "reader", r, "core")
	if got.Backtrace != "" || got.Note != "no backtrace: the core file is root's, in a directory of another user" {
		t.Errorf("backtrace %q, note %q", got.Backtrace, got.Note)
	}
}
