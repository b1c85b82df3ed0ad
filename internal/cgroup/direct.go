package cgroup

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// The groups that the agent makes: its own, and those of nodes.
const (
	ownGroup    = "agent"
	nodePrefix  = "zeekfleet-node-"
	rootGroup   = "zeekfleet" // where the agent is in the topmost group
	controllers = "+cpu +memory"
)

// tree makes and removes groups.
type tree interface {
	Mkdir(dir string, mode fs.FileMode) error
	Remove(dir string) error
}

// kernel makes and removes groups of the kernel. Each has its files at once, and goes with them.
type kernel struct{}

func (kernel) Mkdir(dir string, mode fs.FileMode) error { return os.Mkdir(dir, mode) }
func (kernel) Remove(dir string) error                  { return unix.Rmdir(dir) }

// openDirect finds the group below which the agent can make groups, and makes it ready.
func (g *Groups) openDirect(context.Context) error {
	var st unix.Statfs_t
	if err := unix.Statfs(g.cfg.Root, &st); err != nil {
		return fmt.Errorf("%s: %w", g.cfg.Root, err)
	}
	if _, err := os.Stat(path.Join(g.cfg.Root, "cgroup.controllers")); err != nil {
		return fmt.Errorf("%s is no cgroup v2", g.cfg.Root)
	}
	text, err := os.ReadFile(path.Join(g.cfg.Proc, "self/cgroup"))
	if err != nil {
		return fmt.Errorf("find the agent's control group: %w", err)
	}
	own, _ := groupsIn(string(text))
	if own == "" || strings.HasPrefix(own, "/..") {
		return errors.New("the agent's own group is in no cgroup v2 that it can see")
	}
	base := path.Join(g.cfg.Root, own)
	if _, err := os.Stat(path.Join(base, "cgroup.type")); errors.Is(err, fs.ErrNotExist) {
		// Only the kernel's topmost group has no type. Its members need not leave it.
		if err := write(path.Join(base, "cgroup.subtree_control"), controllers); err != nil {
			return err
		}
		base = path.Join(base, rootGroup)
		if err := g.fs.Mkdir(base, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	} else {
		if path.Base(base) == ownGroup {
			base = path.Dir(base) // an agent before this one has moved there
		}
		if err := g.moveOut(base); err != nil {
			return err
		}
	}
	if err := write(path.Join(base, "cgroup.subtree_control"), controllers); err != nil {
		return fmt.Errorf("%w: the group has other members, or was not delegated to the agent (Delegate=yes)", err)
	}
	g.base = base
	return nil
}

// moveOut moves this process into a group of its own below base. It does so only if the process
// is alone in base: other programs stay where they are.
func (g *Groups) moveOut(base string) error {
	members, err := os.ReadFile(path.Join(base, "cgroup.procs"))
	if err != nil {
		return err
	}
	pid := strconv.Itoa(os.Getpid())
	for member := range strings.FieldsSeq(string(members)) {
		if member != pid {
			return fmt.Errorf("the agent is not alone in the group %s: process %s is there, too", base, member)
		}
	}
	if len(members) == 0 {
		return nil
	}
	own := path.Join(base, ownGroup)
	if err := g.fs.Mkdir(own, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return write(path.Join(own, "cgroup.procs"), pid)
}

// groupDir returns the group of a node.
func (g *Groups) groupDir(node, suffix string) string {
	return path.Join(g.base, nodePrefix+url.PathEscape(node)+suffix)
}

// owns reports whether a group is one that an agent has made for a node.
func (g *Groups) owns(dir string) bool {
	return path.Dir(dir) == g.base && strings.HasPrefix(path.Base(dir), nodePrefix)
}

// enterGroup makes a group for the process and moves the process there.
func (g *Groups) enterGroup(node string, pid int, l proc.Limits) error {
	g.removeGroups(node)
	dir := g.groupDir(node, "")
	err := g.fs.Mkdir(dir, 0o755)
	if errors.Is(err, fs.ErrExist) {
		// Programs that an earlier process of the node has started live on there.
		dir = g.groupDir(node, "@"+strconv.Itoa(pid))
		err = g.fs.Mkdir(dir, 0o755)
	}
	if err == nil {
		err = writeLimits(dir, l)
	}
	if err == nil {
		err = write(path.Join(dir, "cgroup.procs"), strconv.Itoa(pid))
	}
	if err != nil {
		g.fs.Remove(dir)
		return fmt.Errorf("control group of node %s: %w", node, err)
	}
	return nil
}

// removeGroups removes the groups of a node that have no members.
func (g *Groups) removeGroups(node string) {
	g.fs.Remove(g.groupDir(node, ""))
	old, _ := filepath.Glob(strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`).Replace(g.groupDir(node, "@")) + "*")
	for _, dir := range old {
		g.fs.Remove(dir)
	}
}

// writeLimits bounds a group.
func writeLimits(dir string, l proc.Limits) error {
	memory, swap, weight := "max", "max", "100"
	if l.MemoryBytes != 0 {
		memory, swap = strconv.FormatUint(l.MemoryBytes, 10), "0" // what is swapped out is too late for packets
	}
	if l.CPUWeight != 0 {
		weight = strconv.FormatUint(l.CPUWeight, 10)
	}
	if err := write(path.Join(dir, "memory.max"), memory); err != nil {
		return err
	}
	// A kernel without swap has no such file.
	if err := write(path.Join(dir, "memory.swap.max"), swap); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return write(path.Join(dir, "cpu.weight"), weight)
}

// write writes to a file that must exist.
func write(file, text string) error {
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text + "\n")
	return errors.Join(err, f.Close())
}

// oomKills returns how many processes of a group and of the groups below it the kernel has
// ended for lack of memory.
func oomKills(dir string) (uint64, error) {
	text, err := os.ReadFile(path.Join(dir, "memory.events"))
	if err != nil {
		return 0, err
	}
	for line := range bytes.Lines(text) {
		if n, ok := bytes.CutPrefix(line, []byte("oom_kill ")); ok {
			return strconv.ParseUint(string(bytes.TrimSpace(n)), 10, 64)
		}
	}
	return 0, nil
}
