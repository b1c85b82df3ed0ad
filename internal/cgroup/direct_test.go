package cgroup_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/cgroup"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// kernel stands for the kernel's groups: a new group has its files, and a group with members
// cannot be removed.
type kernel struct{ root, proc string }

func newKernel(t *testing.T) kernel {
	k := kernel{t.TempDir(), t.TempDir()}
	k.files(k.root)
	if err := os.Remove(filepath.Join(k.root, "cgroup.type")); err != nil {
		t.Fatal(err)
	}
	return k
}

func (k kernel) files(dir string) {
	for name, content := range map[string]string{
		"cgroup.controllers": "cpu memory\n", "cgroup.procs": "", "cgroup.subtree_control": "", "cgroup.type": "domain\n",
		"memory.max": "max\n", "memory.swap.max": "max\n", "cpu.weight": "100\n", "memory.events": "oom 0\noom_kill 0\noom_group_kill 0\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			panic(err)
		}
	}
}

func (k kernel) Mkdir(dir string, mode fs.FileMode) error {
	if err := os.Mkdir(dir, mode); err != nil {
		return err
	}
	k.files(dir)
	return nil
}

func (k kernel) Remove(dir string) error {
	members, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return err
	}
	if len(members) > 0 {
		return syscall.EBUSY
	}
	return os.RemoveAll(dir)
}

// is says in which group a process is.
func (k kernel) is(process, group string) {
	dir := filepath.Join(k.proc, process)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		panic(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup"), []byte("1:name=systemd:/x\n0::"+group+"\n"), 0o644); err != nil {
		panic(err)
	}
}

func (k kernel) open(t *testing.T, way cgroup.Way) (*cgroup.Groups, string, error) {
	return cgroup.Open(t.Context(), cgroup.Config{Way: way, Root: k.root, Proc: k.proc}.In(k))
}

func (k kernel) want(t *testing.T, file, want string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(k.root, file))
	first, _, _ := strings.Cut(string(got), "\n") // what was there before was longer
	if err != nil || first != want {
		t.Errorf("%s has %q, %v, want %q", file, got, err, want)
	}
}

func TestGroupsInTheTopmostGroup(t *testing.T) {
	k := newKernel(t)
	k.is("self", "/")
	g, _, err := k.open(t, cgroup.Direct)
	if err != nil {
		t.Fatal(err)
	}
	k.want(t, "cgroup.subtree_control", "+cpu +memory")
	k.want(t, "zeekfleet/cgroup.subtree_control", "+cpu +memory")
	const group = "/zeekfleet/zeekfleet-node-w%201"
	k.is("7", group)
	if err := g.Enter(t.Context(), "w 1", 7, proc.Limits{MemoryBytes: 1 << 30, CPUWeight: 200}); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"memory.max": "1073741824", "memory.swap.max": "0", "cpu.weight": "200", "cgroup.procs": "7"} {
		k.want(t, group+"/"+file, want)
	}
	if err := g.Limit(t.Context(), "w 1", 7, proc.Limits{}); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{"memory.max": "max", "memory.swap.max": "max", "cpu.weight": "100"} {
		k.want(t, group+"/"+file, want)
	}
}

func TestGroupsBelowTheAgentsOwn(t *testing.T) {
	k := newKernel(t)
	own := "/system.slice/agent.service"
	if err := os.MkdirAll(filepath.Join(k.root, own), 0o755); err != nil {
		t.Fatal(err)
	}
	k.files(filepath.Join(k.root, own))
	k.is("self", own)
	members := filepath.Join(k.root, own, "cgroup.procs")
	put := func(text string) {
		if err := os.WriteFile(members, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	put("1\n" + strconv.Itoa(os.Getpid()) + "\n")
	if _, _, err := k.open(t, cgroup.Direct); err == nil || !strings.Contains(err.Error(), "process 1 is there, too") {
		t.Errorf("an agent that is not alone: got %v", err)
	}
	if g, why, err := k.open(t, cgroup.Auto); err != nil || g.Way() != cgroup.Rlimit || g.Control() != nil || !strings.Contains(why, "process 1 is there, too") {
		t.Errorf("an agent that is not alone: got %v, %q, %v", g.Way(), why, err)
	}
	put(strconv.Itoa(os.Getpid()) + "\n")
	if _, _, err := k.open(t, cgroup.Direct); err != nil {
		t.Fatal(err)
	}
	k.want(t, own+"/agent/cgroup.procs", fmt.Sprint(os.Getpid()))
	k.want(t, own+"/cgroup.subtree_control", "+cpu +memory")

	// The next agent is where this one has moved.
	k.is("self", own+"/agent")
	put("")
	g, _, err := k.open(t, cgroup.Direct)
	if err != nil {
		t.Fatal(err)
	}
	// An earlier process of the node has left programs behind.
	k.is("8", own+"/zeekfleet-node-w1@8")
	if err := (k.Mkdir(filepath.Join(k.root, own, "zeekfleet-node-w1"), 0o755)); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(k.root, own, "zeekfleet-node-w1/cgroup.procs"), []byte("99"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := g.Enter(t.Context(), "w1", 8, proc.Limits{}); err != nil {
		t.Fatal(err)
	}
	k.want(t, own+"/zeekfleet-node-w1@8/cgroup.procs", "8")
	if g.Ended(8) {
		t.Error("a process that the kernel left alone was ended by it")
	}
}

func TestTheKernelEndsAProcessThatHasUsedUpItsMemory(t *testing.T) {
	k := newKernel(t)
	k.is("self", "/")
	g, _, err := k.open(t, cgroup.Direct)
	if err != nil {
		t.Fatal(err)
	}
	k.is("9", "/zeekfleet/zeekfleet-node-w2")
	if err := g.Enter(t.Context(), "w2", 9, proc.Limits{MemoryBytes: 1 << 30}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(k.root, "zeekfleet/zeekfleet-node-w2")
	if err := os.WriteFile(filepath.Join(dir, "memory.events"), []byte("oom 3\noom_kill 1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if !g.Ended(9) {
		t.Error("nobody says that the memory of the node was used up")
	}
	if g.Ended(9) {
		t.Error("it was said twice")
	}
	if err := os.WriteFile(filepath.Join(dir, "cgroup.procs"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	g.Leave(9, "w2")
	if _, err := os.Stat(dir); err == nil {
		t.Error("the group of a node that has ended is left")
	}
}

func TestWaysThatDoNotWork(t *testing.T) {
	k := newKernel(t)
	k.is("self", "/../elsewhere")
	if _, _, err := k.open(t, cgroup.Direct); err == nil || !strings.Contains(err.Error(), "agent.limits_by") {
		t.Errorf("got %v", err)
	}
	if _, _, err := cgroup.Open(t.Context(), cgroup.Config{Way: cgroup.Direct, Root: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "is no cgroup v2") {
		t.Errorf("no cgroup v2: got %v", err)
	}
	if g, why, err := cgroup.Open(t.Context(), cgroup.Config{Way: cgroup.Rlimit, Root: t.TempDir()}); err != nil || why != "" || g.Control() != nil {
		t.Errorf("rlimits: got %v, %q", err, why)
	}
}
