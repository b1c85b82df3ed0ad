package daemon_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// launches is an agent's launcher of Zeek processes, and its directory.
type launches struct {
	daemon.Launcher
	t   *testing.T
	dir string
}

func newLaunches(t *testing.T, more ...func(*settings.Agent)) *launches {
	t.Helper()
	l := &launches{t: t}
	zeek := installed(t)
	a, err := openAgent(t, func(a *settings.Agent) {
		a.Zeek.Path, l.dir = zeek, a.Directory
		for _, change := range more {
			change(a)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	l.Launcher = a.Launch
	return l
}

// launch returns the facts of a launch of the worker with one more option.
func (l *launches) launch(number uint64, option string) daemon.Facts {
	l.t.Helper()
	plan := workerPlan(mgmt.Node{})
	e := plan.Cluster["worker"]
	e.MetricsPort = new(mgmt.TCPPort(uint16(number))) // it is part of what is generated
	plan.Cluster["worker"] = e
	plan.Node.Options = []mgmt.Option{{Name: option, Value: "T"}}
	launch, err := l.Launch(plan, number)
	if err != nil {
		l.t.Fatal(err)
	}
	return launch.Facts
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
	// An agent that is restarted keeps what its node reads.
	if got, err := l.Recall("worker", 1); got != first || err != nil {
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
	l := newLaunches(t, func(a *settings.Agent) { a.Zeek.NodeScript = "upstream" })
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
	ln, err := daemon.Listen(t.Context(), "127.0.0.1:"+portText(first.WebSocketPort), "none")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if second := l.launch(2, "a"); second.WebSocketPort == first.WebSocketPort || second.WebSocketPort == 0 {
		t.Errorf("the node serves on port %d, which is taken", second.WebSocketPort)
	}
}

// A check runs elsewhere, so that the node's status file stays as it is.
func TestCheckFindsScriptsRelativeToTheNodesDirectory(t *testing.T) {
	l := newLaunches(t)
	plan := workerPlan(mgmt.Node{Scripts: []string{"./mine", "policy/tuning/json-logs"}})
	check, err := l.Check(plan, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	want := []string{filepath.Join(check.WorkDir, "mine"), "policy/tuning/json-logs"}
	if got := check.Argv[max(0, len(check.Argv)-2):]; !slices.Equal(got, want) {
		t.Errorf("the check loads %q, want %q", got, want)
	}
}

// TestNoNodeRunsInADirectoryThatHoldsAState has a node named as a controller of its
// host, of which neither its own controller nor its agent know.
func TestNoNodeRunsInADirectoryThatHoldsAState(t *testing.T) {
	cluster := startCluster(t)
	cluster.startAgent("a")
	dir := filepath.Join(cluster.dir, "a", "nodes", "worker")
	state := filepath.Join(dir, "state.db")
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(state, []byte("what it was told"), 0o600)); err != nil {
		t.Fatal(err)
	}
	conn := cluster.client()
	defer conn.Close()
	if staged, err := conn.Stage(t.Context(), twoNodes("two", "a")); err != nil || !staged[0].Success {
		t.Fatalf("stage: %+v, %v", staged, err)
	}
	deployed, err := conn.Deploy(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	why := map[client.NodeName]string{}
	for _, r := range deployed {
		if !r.Success {
			why[r.Node] += r.Error
		}
	}
	if !strings.Contains(why["worker"], dir+" is the directory of a controller or an agent; name the node otherwise") || len(why) != 1 {
		t.Errorf("failures %q", why)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("the directory has %v, %v; want what it had", entries, err)
	}
	if text, err := os.ReadFile(state); string(text) != "what it was told" {
		t.Errorf("the state is %q, %v", text, err)
	}
}
