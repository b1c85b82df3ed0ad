package daemon_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/form"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/launch/launchtest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// damages is how many random damages the nodes of this test live through. The
// race detector finds all that it can in fewer.
func damages() int {
	if raceDetector {
		return 500
	}
	return 10_000
}

// A site is a host with an agent, a controller, and nodes that live.
type site struct {
	t          *testing.T
	stateDir   string
	agent      string // its directory
	controller string
	procDir    string // shows the nodes alone
	nodes      map[mgmt.NodeName]int
	files      map[string][]byte // those with state, undamaged
	zeek       launch.ZeekConfig
	log        bytes.Buffer
	logger     *slog.Logger
}

// memoryDir is a directory in memory where there is one: files are written ten
// thousand times.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "zeekfleet-damage-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func newSite(t *testing.T) *site {
	t.Helper()
	base := memoryDir(t)
	s := &site{
		t: t, stateDir: base,
		agent: filepath.Join(base, "nodes", "agent-sensor"), controller: filepath.Join(base, "nodes", "controller"),
		procDir: filepath.Join(base, "proc"), nodes: map[mgmt.NodeName]int{}, files: map[string][]byte{},
	}
	s.logger = slog.New(slog.NewTextHandler(&s.log, nil))
	install := launchtest.InstallZeek(t)
	found, err := launch.FindZeek(t.Context(), install, os.Environ(), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.zeek = launch.ZeekConfig{
		Install: found, AgentProtocol: zeek.AgentBroker, Site: zeek.Site{StateDir: s.stateDir, SpoolDir: filepath.Join(s.stateDir, "spool"), AgentAddr: netip.AddrPortFrom(launch.Loopback, 2151)},
		RecordDir: filepath.Join(s.agent, "launches"), GeneratedDir: filepath.Join(s.agent, "generated"),
	}
	desired := siteConfiguration(3)
	s.startNodes(desired)
	for rev := range 3 {
		c := siteConfiguration(rev + 1)
		s.change(s.agent, rev, agentChanges(c)...)
		s.change(s.controller, rev, deployedChanges(rev+1, c)...)
	}
	for _, pattern := range []string{"nodes/*/state.db", "nodes/agent-sensor/processes/*.json", "nodes/agent-sensor/launches/*.json"} {
		paths, err := filepath.Glob(filepath.Join(base, pattern))
		if err != nil || len(paths) == 0 {
			t.Fatalf("%s: %v, %v", pattern, paths, err)
		}
		for _, path := range paths {
			if s.files[path], err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
	}
	return s
}

// siteConfiguration has so many nodes; the agent is to run three.
func siteConfiguration(n int) mgmt.Configuration {
	c := mgmt.Configuration{ID: "site", Instances: []mgmt.Instance{{Name: "agent-sensor", Host: mgmt.UnknownHost}}}
	for i := range n {
		c.Nodes = append(c.Nodes, mgmt.Node{
			Name: mgmt.NodeName(fmt.Sprintf("worker-%d", i)), Instance: "agent-sensor", Role: mgmt.Worker,
		})
	}
	c.Nodes = append(c.Nodes, mgmt.Node{Name: "manager", Instance: "agent-sensor", Role: mgmt.Manager, Port: new(mgmt.TCPPort(2200))})
	return c
}

// deployedChanges has a controller whose configuration of this revision is
// deployed.
func deployedChanges(rev int, config mgmt.Configuration) []store.Change {
	key := func(rev int) string { return fmt.Sprintf("deployed/%016x", rev) }
	return []store.Change{
		{Key: "state", Value: form.Encode(map[string]any{"version": 1, "revision": rev, "deployed": rev})},
		{Key: key(rev), Value: form.Encode(map[string]any{
			"version": 1, "revision": rev, "when": time.Unix(0, 0).UTC(), "who": "test", "configuration": form.NewConfiguration(config),
		})},
		{Key: key(rev - 1)},
	}
}

func (s *site) change(dir string, rev int, changes ...store.Change) {
	s.t.Helper()
	st, err := boltstore.Open(s.t.Context(), filepath.Join(dir, "state.db"), boltstore.Config{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer st.Close()
	_, current, err := st.Load(s.t.Context(), "")
	if err != nil || int(current) != rev {
		s.t.Fatalf("revision %d, %v, want %d", current, err, rev)
	}
	if _, err := st.Save(s.t.Context(), changes, current); err != nil {
		s.t.Fatal(err)
	}
}

// startNodes starts a process for each node, as the agent does, which sleeps.
func (s *site) startNodes(desired mgmt.Configuration) {
	s.t.Helper()
	host, err := proc.New(proc.Config{RecordDir: filepath.Join(s.agent, "processes"), NodesDir: launch.NodeDir(s.stateDir, "")})
	if err != nil {
		s.t.Fatal(err)
	}
	launcher := launch.NewZeek(s.zeek)
	ctx, cancel := context.WithCancel(s.t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = host.Run(ctx)
	}()
	if err := os.Mkdir(s.procDir, 0o755); err != nil {
		s.t.Fatal(err)
	}
	shown := []string{"1"}
	for i, n := range desired.Nodes {
		plan, _ := mgmt.PlanFor(desired, n.Name)
		process, err := launcher.Launch(plan, uint64(i+1))
		if err != nil {
			s.t.Fatal(err)
		}
		spec := process.Spec
		spec.Name, spec.Launch, spec.Fingerprint = string(n.Name), uint64(i+1), string(plan.Fingerprint())
		spec.Argv, spec.Env = []string{"sleep", "86400"}, []string{"CLUSTER_NODE=" + string(n.Name)}
		if err := host.Start(spec); err != nil {
			s.t.Fatal(err)
		}
		started, ok := patience.Next(s.t, host.Events(), "a process to be started").(proc.Started)
		if !ok {
			s.t.Fatalf("%s was not started", n.Name)
		}
		s.nodes[n.Name] = started.PID
		shown = append(shown, fmt.Sprint(started.PID))
	}
	cancel()
	patience.Closed(s.t, ended, "the processes to be let go of")
	s.t.Cleanup(func() {
		for _, pid := range s.nodes {
			unix.Kill(pid, unix.SIGKILL)
			unix.Wait4(pid, nil, 0, nil)
		}
	})
	for _, pid := range shown {
		if err := os.Symlink("/proc/"+pid, filepath.Join(s.procDir, pid)); err != nil {
			s.t.Fatal(err)
		}
	}
}

// restore writes the undamaged content to all files.
func (s *site) restore() {
	s.t.Helper()
	for path, text := range s.files {
		if now, err := os.ReadFile(path); err == nil && bytes.Equal(now, text) {
			continue
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			s.t.Fatal(err)
		}
	}
}

// damage changes one random file in a random way, and returns what it did.
func (s *site) damage(rng *rand.Rand) (path, how string) {
	s.t.Helper()
	paths := slices.Sorted(maps.Keys(s.files))
	path = paths[rng.IntN(len(paths))]
	text := bytes.Clone(s.files[path])
	var err error
	switch kind := rng.IntN(10); kind {
	case 0:
		how, err = "removed", os.Remove(path)
	case 1:
		how, err = "emptied", os.WriteFile(path, nil, 0o600)
	case 2, 3:
		n := rng.IntN(len(text))
		how, err = fmt.Sprintf("cut to %d bytes", n), os.WriteFile(path, text[:n], 0o600)
	default:
		at, bit := rng.IntN(len(text)), rng.IntN(8)
		if rng.IntN(4) == 0 {
			at = rng.IntN(min(len(text), 3*os.Getpagesize())) // where bbolt begins
		}
		text[at] ^= 1 << bit
		how, err = fmt.Sprintf("bit %d of byte %d flipped", bit, at), os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return path, how
}

// wake starts the agent and the controller, and returns what both find, and what
// they say about it.
func (s *site) wake() (woken daemon.Woken, deployed controller.State, said string) {
	s.t.Helper()
	s.log.Reset()
	woken, agentErr := daemon.WakeAgent(s.t.Context(), s.agent, s.stateDir, s.procDir, launch.NewZeek(s.zeek), s.logger)
	deployed, effects, controllerErr := daemon.WakeController(s.t.Context(), s.controller, s.logger)
	said = fmt.Sprintln(s.log.String(), agentErr, controllerErr)
	for _, e := range woken.Effects {
		switch e := e.(type) {
		case agent.Stop:
			s.t.Fatalf("%s is stopped; the log:\n%s", e.Node, said)
		case agent.Start:
			s.t.Fatalf("%s is started a second time; the log:\n%s", e.Plan.Node.Name, said)
		case agent.Note:
			said += fmt.Sprintln(e.Text, e.Node, e.Err)
		}
	}
	for _, e := range effects {
		if send, ok := e.(controller.ToAgent); ok {
			if _, bad := send.Msg.(mgmt.AgentStandbyRequest); bad {
				s.t.Fatalf("the agent is told to stand by; the log:\n%s", said)
			}
		}
	}
	return woken, deployed, said
}

// TestNoNodeIsStoppedByTenThousandDamages damages the files of an agent and of a
// controller, one at a time, while nodes live. Every damage is reported, with the name
// of the file. If the file is gone, the report names the node.
func TestNoNodeIsStoppedByTenThousandDamages(t *testing.T) {
	s := newSite(t)
	want, wantDeployed, said := s.wake()
	if len(want.Adopted.Processes) != len(s.nodes) || len(want.Adopted.Unseen) > 0 || len(want.Effects) == 0 && strings.Contains(said, "WARN") {
		t.Fatalf("undamaged: %+v, and it said:\n%s", want.Adopted, said)
	}
	rng := rand.New(rand.NewPCG(20, 26))
	harmless := 0
	for round := range damages() {
		path, how := s.damage(rng)
		got, deployed, said := s.wake()
		if sameSight(want, got) && reflect.DeepEqual(wantDeployed, deployed) {
			harmless++ // it damaged bytes that the program does not read
		} else if !names(said, path, how) {
			t.Fatalf("round %d: %s %s, and nobody says so:\n%s", round, path, how, said)
		}
		s.restore()
	}
	for node, pid := range s.nodes {
		if err := unix.Kill(pid, 0); err != nil {
			t.Errorf("%s: %v", node, err)
		}
	}
	t.Logf("%d of %d damages hit what nobody reads", harmless, damages())
	if harmless > damages()*3/4 {
		t.Error("hardly any damage was noticed")
	}
}

func sameSight(a, b daemon.Woken) bool {
	a.Effects, b.Effects = nil, nil
	return reflect.DeepEqual(a, b)
}

// names reports whether a damaged file is named, or the node of a record that is
// gone.
func names(said, path, how string) bool {
	if strings.Contains(said, path) {
		return true
	}
	node, _, _ := strings.Cut(filepath.Base(path), ".")
	return how == "removed" && strings.Contains(said, node)
}

func TestPipeCalledLikeAStatusFileHoldsUpNobody(t *testing.T) {
	dir := t.TempDir()
	pipe, link, file := filepath.Join(dir, "pipe"), filepath.Join(dir, "link"), filepath.Join(dir, "file")
	if err := errors.Join(
		unix.Mkfifo(pipe, 0o600),
		os.WriteFile(file, []byte("RUNNING [run_loop]\n"), 0o600),
		os.Symlink(file, link),
	); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{pipe: false, link: false, file: true, filepath.Join(dir, "none"): false, dir: false} {
		if got := daemon.SaysRunning(path); got != want {
			t.Errorf("%s: says that it runs: %t, want %t", path, got, want)
		}
	}
}
