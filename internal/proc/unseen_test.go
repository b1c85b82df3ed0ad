package proc_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// quick is the configuration of a Host that checks often, with the directory of the
// nodes.
func quick(base string) proc.Config {
	return proc.Config{NodesDir: base, Housekeeping: 5 * time.Millisecond}
}

// leftRunning starts a node whose environment names it, and ends its Host. It returns
// the directory of the nodes, the file of the node's record, and the PID.
func leftRunning(t *testing.T) (base string, record string, pid int) {
	t.Helper()
	base = t.TempDir()
	first := newFleet(t, base, proc.Config{})
	spec := first.spec("worker-1", "sleeper")
	spec.Fingerprint = "1:022f"
	spec.Env = append(spec.Env, "CLUSTER_NODE=worker-1")
	first.start(spec)
	pid = next[proc.Started](first).PID
	first.hear("ready")
	return base, filepath.Join(base, "records", first.settle()[0]), pid
}

// wantUnseen checks that Adopt returns one Unseen with this PID and these words in
// Why, and that Start refuses its node.
func wantUnseen(t *testing.T, f *fleet, pid int, words ...string) {
	t.Helper()
	a, err := f.Adopt(t.Context())
	if err != nil || len(a.Running)+len(a.Ended) > 0 || len(a.Unseen) != 1 || a.Unseen[0].Name != "worker-1" || a.Unseen[0].PID != pid {
		t.Fatalf("Adopt: got %+v, %v, want process %d unseen", a, err, pid)
	}
	for _, want := range append(words, "nothing is started in its place") {
		if !strings.Contains(a.Unseen[0].Why, want) {
			t.Errorf("got %q, want %q in it", a.Unseen[0].Why, want)
		}
	}
	again := f.spec("worker-1", "sleeper")
	again.Launch = 7
	if err := f.Start(again); err == nil || !strings.Contains(err.Error(), a.Unseen[0].Why) {
		t.Errorf("Start in its place: got %v, want it refused", err)
	}
}

// wantFreed kills the process and checks that Freed follows and that the node can be
// started again.
func wantFreed(t *testing.T, f *fleet, pid int) {
	t.Helper()
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatalf("the process had ended: %v", err)
	}
	if got := next[proc.Freed](f); got.Name != "worker-1" || got.PID != pid || !got.Last {
		t.Errorf("got %+v, want process %d freed", got, pid)
	}
	f.start(f.spec("worker-1", "crasher", "exit", "0", "", ""))
	next[proc.Started](f)
	next[proc.Exited](f)
	_ = endsWithin(pid, patience)
}

func TestHiddenProcessIsNeitherEndedNorReplaced(t *testing.T) {
	base, record, pid := leftRunning(t)
	cfg := quick(base)
	cfg.ProcDir = t.TempDir() // as if /proc hid everything
	f := newFleet(t, base, cfg)
	wantUnseen(t, f, pid, fmt.Sprintf("process %d may be the process of node worker-1, but the agent cannot inspect it", pid), "remove "+record)
	wantFreed(t, f, pid)
}

func TestRemovalOfTheRecordFreesTheNode(t *testing.T) {
	base, record, pid := leftRunning(t)
	cfg := quick(base)
	cfg.ProcDir = t.TempDir()
	f := newFleet(t, base, cfg)
	wantUnseen(t, f, pid, "remove "+record)
	if err := os.Remove(record); err != nil {
		t.Fatal(err)
	}
	if got := next[proc.Freed](f); got.Name != "worker-1" || !got.Last {
		t.Errorf("got %+v", got)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatalf("the process had ended: %v", err)
	}
	_ = endsWithin(pid, patience)
}

func TestDamagedRecordDoesNotMakeItsNodeRunTwice(t *testing.T) {
	for name, damage := range map[string]func(path string, text []byte) error{
		"a digit of the PID": func(path string, text []byte) error {
			at := bytes.Index(text, []byte(`"pid":`)) + len(`"pid":`)
			text[at] ^= 1
			return os.WriteFile(path, text, 0o600)
		},
		"the boot": func(path string, text []byte) error {
			text[bytes.Index(text, []byte(`"boot_id":"`))+len(`"boot_id":"`)] ^= 1
			return os.WriteFile(path, text, 0o600)
		},
		"the fingerprint": func(path string, text []byte) error {
			text[bytes.Index(text, []byte(`"fingerprint":"`))+len(`"fingerprint":"`)] ^= 1
			return os.WriteFile(path, text, 0o600)
		},
		"cut":   func(path string, text []byte) error { return os.WriteFile(path, text[:len(text)/2], 0o600) },
		"empty": func(path string, _ []byte) error { return os.WriteFile(path, nil, 0o600) },
		"a pipe": func(path string, _ []byte) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return unix.Mkfifo(path, 0o600)
		},
		"a link": func(path string, text []byte) error {
			if err := os.Rename(path, path+".elsewhere"); err != nil {
				return err
			}
			return os.Symlink(path+".elsewhere", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			base, record, pid := leftRunning(t)
			text, err := os.ReadFile(record)
			if err != nil {
				t.Fatal(err)
			}
			if err := damage(record, text); err != nil {
				t.Fatal(err)
			}
			f := newFleet(t, base, quick(base))
			wantUnseen(t, f, pid, fmt.Sprintf("process %d runs as node worker-1", pid), record, "cannot be read")
			wantFreed(t, f, pid)
		})
	}
}

func TestMissingRecordDoesNotMakeItsNodeRunTwice(t *testing.T) {
	base, record, pid := leftRunning(t)
	if err := os.Remove(record); err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, base, quick(base))
	wantUnseen(t, f, pid, fmt.Sprintf("process %d runs as node worker-1, and its process record is missing", pid))
	wantFreed(t, f, pid)
}

func TestDamagedRecordWithHiddenProcessesIsNamedWithItsFile(t *testing.T) {
	base, record, pid := leftRunning(t)
	if err := os.WriteFile(record, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	cfg := quick(base)
	cfg.ProcDir = t.TempDir()
	f := newFleet(t, base, cfg)
	wantUnseen(t, f, 0, record, "it is empty", "/proc hides processes", "remove that file")
	if err := os.Remove(record); err != nil {
		t.Fatal(err)
	}
	if got := next[proc.Freed](f); got.Name != "worker-1" || !got.Last {
		t.Errorf("got %+v", got)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatalf("the process had ended: %v", err)
	}
	_ = endsWithin(pid, patience)
}

// Several agents of one host can share a directory of nodes.
func TestNodesOfAnotherAgentAreNotUnseen(t *testing.T) {
	nodes := t.TempDir()
	start := func(agent, node string) (pid int) {
		f := newFleet(t, filepath.Join(nodes, agent), proc.Config{})
		spec := f.spec(node, "sleeper")
		spec.Dir = filepath.Join(nodes, node)
		spec.Env = append(spec.Env, "CLUSTER_NODE="+node)
		f.start(spec)
		pid = next[proc.Started](f).PID
		f.hear("ready")
		f.settle()
		return pid
	}
	pids := []int{start("agent-1", "worker-1"), start("agent-2", "worker-2")}
	f := newFleet(t, filepath.Join(nodes, "agent-1"), quick(nodes))
	if a := f.adopt(); len(a.Unseen) > 0 || len(a.Running) != 1 || a.Running[0].PID != pids[0] {
		t.Errorf("got %+v, want process %d adopted and nothing unseen", a, pids[0])
	}
	if err := os.RemoveAll(filepath.Join(nodes, "agent-2", "records")); err != nil {
		t.Fatal(err)
	}
	f.settle()
	f = newFleet(t, filepath.Join(nodes, "agent-1"), quick(nodes))
	if a := f.adopt(); len(a.Unseen) != 1 || a.Unseen[0].PID != pids[1] {
		t.Errorf("got %+v, want process %d unseen, because its record was removed", a, pids[1])
	}
	f.settle()
	for _, pid := range pids {
		if err := unix.Kill(pid, unix.SIGKILL); err != nil {
			t.Error(err)
		}
		_ = endsWithin(pid, patience)
	}
}

// A person may have a shell in a node's directory. Its environment does not name the
// node, so it is not the node's process.
func TestShellInANodesDirectoryIsNoNode(t *testing.T) {
	base := t.TempDir()
	first := newFleet(t, base, proc.Config{})
	first.start(first.spec("worker-1", "sleeper")) // its environment does not name the node
	pid := next[proc.Started](first).PID
	first.hear("ready")
	if err := os.Remove(filepath.Join(base, "records", first.settle()[0])); err != nil {
		t.Fatal(err)
	}
	f := newFleet(t, base, quick(base))
	if a := f.adopt(); len(a.Unseen) > 0 {
		t.Errorf("got %+v", a.Unseen)
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = endsWithin(pid, patience)
}

func TestRelativeOutputPathMustNotBeALink(t *testing.T) {
	f := newFleet(t, t.TempDir(), proc.Config{})
	spec := f.spec("worker-1", "crasher", "exit", "0", "said", "")
	target := filepath.Join(t.TempDir(), "target")
	if err := os.MkdirAll(spec.Dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(target, filepath.Join(spec.Dir, "stdout")); err != nil {
		t.Fatal(err)
	}
	f.start(spec)
	if got := next[proc.StartFailed](f); !strings.Contains(got.Err.Error(), "stdout file") {
		t.Errorf("got %v", got.Err)
	}
	if _, err := os.Lstat(target); err == nil {
		t.Error("the link was followed")
	}
}
