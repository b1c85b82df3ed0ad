package launch_test

import (
	"errors"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/launch/launchtest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// launches is a launcher of Zeek processes, and its directory.
type launches struct {
	launch.Launcher
	t   *testing.T
	dir string
}

func newLaunches(t *testing.T, more ...func(*launch.ZeekConfig)) *launches {
	t.Helper()
	dir := t.TempDir()
	install, err := launch.FindZeek(t.Context(), launchtest.InstallZeek(t), os.Environ(), nil)
	if err != nil {
		t.Fatal(err)
	}
	cfg := launch.ZeekConfig{
		Install:      install,
		Site:         zeek.Site{StateDir: dir, SpoolDir: filepath.Join(dir, "spool"), AgentAddr: netip.AddrPortFrom(launch.Loopback, 2151)},
		RecordDir:    filepath.Join(dir, "launches"),
		GeneratedDir: filepath.Join(dir, "generated"),
	}
	for _, change := range more {
		change(&cfg)
	}
	return &launches{Launcher: launch.NewZeek(cfg), t: t, dir: dir}
}

// launch returns the facts of a launch of the worker with one more option.
func (l *launches) launch(number uint64, option string) launch.Facts {
	l.t.Helper()
	plan := launchtest.WorkerPlan(mgmt.Node{})
	e := plan.Cluster["worker"]
	e.MetricsPort = new(mgmt.TCPPort(uint16(number))) // the port is part of the generated files
	plan.Cluster["worker"] = e
	plan.Node.Options = []mgmt.Option{{Name: option, Value: "T"}}
	process, err := l.Launch(plan, number)
	if err != nil {
		l.t.Fatal(err)
	}
	return process.Facts
}

func (l *launches) generated() []string { return entries(l.t, filepath.Join(l.dir, "generated")) }

func TestFactsOfALaunchSurviveTheAgent(t *testing.T) {
	l := newLaunches(t)
	want := l.launch(7, "a")
	if want.WebSocketPort == 0 || want.Version != "8.2.2" {
		t.Errorf("facts %+v", want)
	}
	got, err := l.Recall("worker", 7)
	if diff := gocmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("recalled %v (-want +got):\n%s", err, diff)
	}
	other, err := l.Recall("worker", 6)
	if other.WebSocketPort != 0 || other.Dir != want.Dir || err == nil {
		t.Errorf("facts of a launch that was not the last: %+v, %v", other, err)
	}
}

func TestDamagedLaunchRecordIsNamedAndItsProcessKeepsWhatItReads(t *testing.T) {
	for name, damage := range map[string]func(path string, text []byte) error{
		"flipped": func(path string, text []byte) error {
			text[len(text)/2] ^= 1
			return os.WriteFile(path, text, 0o600)
		},
		"cut":     func(path string, text []byte) error { return os.WriteFile(path, text[:len(text)/2], 0o600) },
		"empty":   func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
		"removed": func(path string, _ []byte) error { return os.Remove(path) },
		"a pipe": func(path string, _ []byte) error {
			return errors.Join(os.Remove(path), unix.Mkfifo(path, 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLaunches(t)
			first := l.launch(1, "a")
			path := filepath.Join(l.dir, "launches", "worker.json")
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(path, text); err != nil {
				t.Fatal(err)
			}
			if _, err := l.Recall("worker", 1); err == nil || !strings.Contains(err.Error(), path) {
				t.Fatalf("Recall: got %v, want %s named", err, path)
			}
			second := l.launch(2, "b")
			want := []string{first.Generated, second.Generated}
			slices.Sort(want)
			if diff := gocmp.Diff(want, l.generated()); diff != "" {
				t.Errorf("generated while the process may live (-want +got):\n%s", diff)
			}
			l.Forget("worker", 1)
			third := l.launch(3, "c")
			if diff := gocmp.Diff([]string{third.Generated}, l.generated()); diff != "" {
				t.Errorf("generated after its end (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSecretIsOfOneLaunchAndForTheNodeAndItsAgentAlone(t *testing.T) {
	l := newLaunches(t)
	first := l.launch(1, "a")
	if !first.Secret.Usable() {
		t.Fatalf("secret %q", first.Secret)
	}
	options := filepath.Join(l.dir, "generated", first.Generated, "zeekfleet-options.zeek")
	record := filepath.Join(l.dir, "launches", "worker.json")
	for _, path := range []string{options, record} {
		text, err := os.ReadFile(path)
		if err != nil || !strings.Contains(string(text), string(first.Secret)) {
			t.Errorf("%s lacks the secret: %v", path, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	l.Forget("worker", 1)
	if second := l.launch(2, "a"); second.Secret == first.Secret {
		t.Error("two launches have one secret")
	}
}

func TestWhatIsGeneratedLivesAsLongAsTheProcess(t *testing.T) {
	l := newLaunches(t)
	first := l.launch(1, "a")
	if diff := gocmp.Diff([]string{first.Generated}, l.generated()); diff != "" {
		t.Fatalf("generated (-want +got):\n%s", diff)
	}
	// A restarted agent keeps the files of its living node.
	if got, err := l.Recall("worker", 1); !gocmp.Equal(got, first) || err != nil {
		t.Fatal("the launch was forgotten")
	}
	l.Forget("worker", 1)
	second := l.launch(2, "b")
	if second.Generated == first.Generated {
		t.Fatal("the plans differ, what is generated does not")
	}
	if diff := gocmp.Diff([]string{second.Generated}, l.generated()); diff != "" {
		t.Errorf("generated after the next launch (-want +got):\n%s", diff)
	}
	if second.WebSocketPort != first.WebSocketPort {
		t.Errorf("the node served on port %d, and now on %d", first.WebSocketPort, second.WebSocketPort)
	}
}

func TestGeneratedFilesThatWereTamperedWithAreMadeAnew(t *testing.T) {
	// With upstream's node script there is no secret, and equal plans share files.
	l := newLaunches(t, func(c *launch.ZeekConfig) { c.NodeScript = zeek.UpstreamNodeScript })
	first := l.launch(1, "a")
	layout := filepath.Join(l.dir, "generated", first.Generated, "cluster-layout.zeek")
	want, err := os.ReadFile(layout)
	if err != nil {
		t.Fatal(err)
	}
	for name, damage := range map[string]func() error{
		"cut":         func() error { return os.WriteFile(layout, want[:10], 0o644) },
		"gone":        func() error { return os.Remove(layout) },
		"one to many": func() error { return os.WriteFile(layout+".zeek", nil, 0o644) },
	} {
		t.Run(name, func(t *testing.T) {
			if err := damage(); err != nil {
				t.Fatal(err)
			}
			l.Forget("worker", 1)
			l.launch(1, "a")
			got, err := os.ReadFile(layout)
			if err != nil || string(got) != string(want) {
				t.Errorf("layout: %v\n%s", err, got)
			}
			if _, err := os.Stat(layout + ".zeek"); err == nil {
				t.Error("the file that is one too many is still there")
			}
		})
	}
}

func TestPortOnWhichANodeServesIsChosenAnewWhenItIsTaken(t *testing.T) {
	l := newLaunches(t)
	first := l.launch(1, "a")
	l.Forget("worker", 1)
	ln, err := net.Listen("tcp4", netip.AddrPortFrom(launch.Loopback, first.WebSocketPort).String())
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if second := l.launch(2, "a"); second.WebSocketPort == first.WebSocketPort || second.WebSocketPort == 0 {
		t.Errorf("the node serves on port %d, which is taken", second.WebSocketPort)
	}
}

// A check runs in another directory, so that it does not change the node's status
// file.
func TestCheckFindsScriptsRelativeToTheNodesDirectory(t *testing.T) {
	l := newLaunches(t)
	plan := launchtest.WorkerPlan(mgmt.Node{Scripts: []string{"./mine", "policy/tuning/json-logs"}})
	check, err := l.Check(plan, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(check.WorkDir, "mine"), "policy/tuning/json-logs"}
	if got := check.Argv[max(0, len(check.Argv)-2):]; !slices.Equal(got, want) {
		t.Errorf("the check loads %q, want %q", got, want)
	}
}

// The status file of an earlier process says RUNNING. A new process must not count
// as running before it has written the file itself.
func TestStatusFileOfAnEarlierProcessIsGoneBeforeTheNext(t *testing.T) {
	l := newLaunches(t)
	status := filepath.Join(launch.NodeDir(l.dir, "worker"), ".status")
	if err := os.MkdirAll(filepath.Dir(status), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(status, []byte("RUNNING [run_loop]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	process, err := l.Launch(launchtest.WorkerPlan(mgmt.Node{}), 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := filepath.Join(process.Facts.Dir, process.Facts.StatusFile); got != status {
		t.Errorf("status file %s, want %s", got, status)
	}
	if _, err := os.Stat(status); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("status file before the launch: %v", err)
	}
}

func entries(t *testing.T, dir string) []string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	return names
}

// A node that was taken over rules its directory. A directory in the place of the status file must
// not keep the node from starting ever again.
func TestDirectoryInThePlaceOfTheStatusFileIsRemoved(t *testing.T) {
	roottest.Need(t, "nodes run as another user")
	l := newLaunches(t, func(c *launch.ZeekConfig) { c.User = &proc.User{UID: 54321, GID: 54321} })
	status := filepath.Join(launch.NodeDir(l.dir, "worker"), ".status")
	if err := os.MkdirAll(filepath.Join(status, "below"), 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := l.Launch(launchtest.WorkerPlan(mgmt.Node{}), 1); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(status); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("before the launch: %v", err)
	}
}
