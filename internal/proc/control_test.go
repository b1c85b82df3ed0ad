package proc_test

import (
	"context"
	"errors"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// groups stand for control groups.
type groups struct {
	refuse error // Enter and Limit fail with it

	mu     sync.Mutex
	limits map[string]proc.Limits // of nodes
	full   bool                   // the kernel ends processes for lack of memory
	left   []string               // nodes whose processes are reaped
}

func (g *groups) Enter(_ context.Context, node string, pid int, l proc.Limits) error {
	// The program does not run yet.
	if name, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline"); err != nil || !strings.HasPrefix(string(name), "zeekfleet: launching\x00") {
		return errors.Join(err, errors.New("the program runs already"))
	}
	return g.Limit(context.Background(), node, pid, l)
}

func (g *groups) Limit(_ context.Context, node string, _ int, l proc.Limits) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuse == nil {
		g.limits[node] = l
	}
	return g.refuse
}

func (g *groups) Ended(int) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.full
}

func (g *groups) Leave(_ int, node string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.left = append(g.left, node)
}

func TestAGroupBoundsTheProcess(t *testing.T) {
	g := &groups{limits: map[string]proc.Limits{}}
	f := newFleet(t, t.TempDir(), proc.Config{Control: g})
	spec := f.spec("worker-1", "")
	spec.Argv = []string{"sleep", "1000"}
	spec.Limits = proc.Limits{MemoryBytes: 1 << 30, CPUWeight: 200}
	f.start(spec)
	pid := next[proc.Started](f).PID
	if got := g.limits["worker-1"]; got != spec.Limits {
		t.Errorf("the group has %+v", got)
	}
	if text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits"); err != nil || !strings.Contains(strings.Join(strings.Fields(string(text)), " "), "Max data size unlimited") {
		t.Errorf("the process has a limit of its own, too: %v\n%s", err, text)
	}
	other := proc.Limits{MemoryBytes: 2 << 30}
	if err := f.Limit("worker-1", spec.Launch, other); err != nil {
		t.Fatal(err)
	}
	if ev := next[proc.Limited](f); ev.Err != nil || g.limits["worker-1"] != other {
		t.Errorf("got %+v, and the group has %+v", ev, g.limits)
	}
	g.mu.Lock()
	g.full = true
	g.mu.Unlock()
	syscall.Kill(pid, syscall.SIGKILL)
	if ev := next[proc.Exited](f); !strings.Contains(ev.Memory, "used up its memory limit") || len(g.left) != 1 {
		t.Errorf("it ended %+v, and left are %v", ev, g.left)
	}
}

func TestWithoutAGroupAProcessHasRlimits(t *testing.T) {
	g := &groups{refuse: errors.New("no groups today")}
	f := newFleet(t, t.TempDir(), proc.Config{Control: g})
	spec := f.spec("worker-1", "")
	spec.Argv = []string{"sleep", "1000"}
	spec.Limits = proc.Limits{MemoryBytes: 1 << 30, CPUWeight: 200}
	f.start(spec)
	pid := next[proc.Started](f).PID
	if ev := next[proc.Limited](f); ev.Err == nil || !strings.Contains(ev.Err.Error(), "no groups today") {
		t.Errorf("got %+v, want that it has no CPU weight", ev)
	}
	bounded := func(want string) {
		t.Helper()
		if text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/limits"); err != nil || !strings.Contains(strings.Join(strings.Fields(string(text)), " "), "Max data size "+want) {
			t.Errorf("want %s: %v\n%s", want, err, text)
		}
	}
	bounded("1073741824")
	if err := f.Limit("worker-1", spec.Launch, proc.Limits{MemoryBytes: 2 << 30}); err != nil {
		t.Fatal(err)
	}
	if ev := next[proc.Limited](f); ev.Err != nil {
		t.Errorf("rlimits suffice, and it says %v", ev.Err)
	}
	bounded("2147483648")
	if err := f.Limit("worker-1", spec.Launch, proc.Limits{MemoryBytes: 3 << 30, CPUWeight: 300, Nice: -30}); err == nil {
		t.Error("a nice value of -30 is taken")
	}
	for _, l := range []proc.Limits{{CPUWeight: 300}, {}} {
		if err := f.Limit("worker-1", spec.Launch, l); err != nil {
			t.Fatal(err)
		}
		if ev := next[proc.Limited](f); (ev.Err != nil) != (l.CPUWeight != 0) || ev.Err != nil && strings.Contains(ev.Err.Error(), "\n") {
			t.Errorf("%+v: got %v", l, ev.Err)
		}
	}
	syscall.Kill(pid, syscall.SIGTERM)
	next[proc.Exited](f)
	if err := f.Limit("worker-1", spec.Launch, proc.Limits{}); !errors.Is(err, proc.ErrNoSuchLaunch) {
		t.Errorf("a process that has ended: got %v", err)
	}
}
