package cgroup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/proc"
	"github.com/zeekfleet/zeekfleet/internal/systemd"
)

// Way says how processes of nodes are bounded.
type Way string

// The ways.
const (
	Auto    Way = "auto"    // the first of the following that works
	Systemd Way = "systemd" // scopes of systemd
	Direct  Way = "cgroup"  // groups that the agent makes itself
	Rlimit  Way = "rlimit"  // no groups: limits of single processes
)

// Config holds the settings of Groups. Its zero value works.
type Config struct {
	// Way chooses a way. Empty means Auto.
	Way Way
	// Root is where cgroup v2 is mounted. Empty means /sys/fs/cgroup. Proc is the directory
	// with what the kernel tells of processes. Empty means /proc.
	Root, Proc string
	// Manager is the host's systemd.
	Manager systemd.Manager
	// Unit is the agent's own service of systemd: systemd stops it before the nodes. Empty
	// means that there is none.
	Unit   string
	Logger *slog.Logger

	fs tree // nil: the kernel's
}

// slice is where the scopes of nodes are.
const slice = "zeekfleet.slice"

// Groups puts processes into groups. Its methods may be called from any goroutine.
type Groups struct {
	cfg  Config
	way  Way
	fs   tree
	base string // for Direct: the directory below which the groups are
	// For Systemd: what the groups of this kernel do not bound. A kernel can have groups without
	// the controllers, as with cgroup_disable=memory, and systemd does not complain.
	noMemory, noCPU bool

	mu     sync.Mutex
	places map[int]place // by PID
}

// place is where a process is.
type place struct {
	dir   string // its group; empty: it is in cgroup v1, or not known
	scope string // its scope; empty: it has none
	kills uint64 // of the group above, when it was looked at last
}

// Open finds the way in which processes can be bounded here. If the configuration demands a
// way that does not work, the error says why. why says why a better way than the chosen one
// does not work.
func Open(ctx context.Context, cfg Config) (g *Groups, why string, err error) {
	if cfg.Root == "" {
		cfg.Root = "/sys/fs/cgroup"
	}
	if cfg.Proc == "" {
		cfg.Proc = "/proc"
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	if cfg.fs == nil {
		cfg.fs = kernel{}
	}
	g = &Groups{cfg: cfg, fs: cfg.fs, places: map[int]place{}}
	var reasons []string
	for _, try := range []struct {
		way  Way
		open func(context.Context) error
	}{{Systemd, g.openSystemd}, {Direct, g.openDirect}} {
		if cfg.Way != "" && cfg.Way != Auto && cfg.Way != try.way {
			continue
		}
		err := try.open(ctx)
		if err == nil {
			g.way = try.way
			return g, strings.Join(reasons, "; "), nil
		}
		reasons = append(reasons, fmt.Sprintf("%s: %v", try.way, err))
	}
	why = strings.Join(reasons, "; ")
	if cfg.Way == Systemd || cfg.Way == Direct {
		return nil, "", fmt.Errorf("limits of nodes by %s: %s; choose another way with agent.limits_by", cfg.Way, why)
	}
	g.way = Rlimit
	return g, why, nil
}

// Way returns the way.
func (g *Groups) Way() Way { return g.way }

// Control returns what bounds the processes of a proc.Host. It is nil for Rlimit.
func (g *Groups) Control() proc.Control {
	if g.way == Rlimit {
		return nil
	}
	return g
}

func (g *Groups) openSystemd(ctx context.Context) error {
	if !systemd.Booted() && g.cfg.Manager.Socket == "" {
		return errors.New("systemd does not run here")
	}
	if os.Geteuid() != 0 {
		return errors.New("only an agent that is root may make scopes")
	}
	g.noMemory, g.noCPU = !g.controls("memory"), !g.controls("cpu")
	return g.cfg.Manager.Reach(ctx)
}

// controls reports whether the kernel has a controller for control groups, of version 2 or 1.
func (g *Groups) controls(controller string) bool {
	if text, err := os.ReadFile(path.Join(g.cfg.Root, "cgroup.controllers")); err == nil {
		return slices.Contains(strings.Fields(string(text)), controller)
	}
	_, err := os.Stat(path.Join(g.cfg.Root, controller))
	return err == nil
}

// Unbounded says what the groups cannot bound here. It is empty if they bound everything.
func (g *Groups) Unbounded() string {
	var lacks []string
	if g.noMemory {
		lacks = append(lacks, "memory")
	}
	if g.noCPU {
		lacks = append(lacks, "cpu")
	}
	return strings.Join(lacks, " and ")
}

// unbounded fails if the group of a process does not bound what the limits say.
func (g *Groups) unbounded(l proc.Limits) error {
	switch {
	case g.noCPU && l.CPUWeight != 0:
		return errors.New("the control groups of this kernel know no CPU weights: it has no controller for cpu")
	case g.noMemory && l.MemoryBytes != 0:
		return errors.New("the control groups of this kernel bound no memory: it has no controller for memory")
	}
	return nil
}

// Enter implements proc.Control.
func (g *Groups) Enter(ctx context.Context, node string, pid int, l proc.Limits) error {
	switch g.way {
	case Systemd:
		if err := g.enterScope(ctx, node, pid, l); err != nil {
			return err
		}
	case Direct:
		if err := g.enterGroup(node, pid, l); err != nil {
			return err
		}
	}
	return errors.Join(g.find(pid), g.unbounded(l))
}

// Limit implements proc.Control. A process that has no group yet gets one: a zeekfleet without
// groups has started it.
func (g *Groups) Limit(ctx context.Context, node string, pid int, l proc.Limits) error {
	p, known := g.place(pid)
	if !known {
		if err := g.find(pid); err != nil {
			return err
		}
		p, _ = g.place(pid)
	}
	switch {
	case g.way == Systemd && p.scope != "":
		return errors.Join(g.cfg.Manager.SetLimits(ctx, p.scope, systemdLimits(l)), g.unbounded(l))
	case g.way == Direct && g.owns(p.dir):
		return writeLimits(p.dir, l)
	}
	return g.Enter(ctx, node, pid, l)
}

func systemdLimits(l proc.Limits) systemd.Limits {
	return systemd.Limits{Memory: l.MemoryBytes, CPUWeight: l.CPUWeight}
}

// enterScope makes a scope for the process.
func (g *Groups) enterScope(ctx context.Context, node string, pid int, l proc.Limits) error {
	s := systemd.Scope{
		Name: scopeName(node, ""), Slice: slice, Description: "node " + node + " of zeekfleet", PID: pid, Limits: systemdLimits(l),
	}
	if g.cfg.Unit != "" {
		s.Before = []string{g.cfg.Unit}
	}
	err := g.cfg.Manager.StartScope(ctx, s)
	if errors.Is(err, systemd.ErrExists) {
		// Programs that an earlier process of the node has started live on in its scope.
		s.Name = scopeName(node, fmt.Sprintf("-%d", pid))
		err = g.cfg.Manager.StartScope(ctx, s)
	}
	return err
}

const scopePrefix, scopeSuffix = "zeekfleet-node-", ".scope"

// maxUnit bounds the name of a unit, in bytes.
const maxUnit = 255

// scopeName returns the name of a node's scope. Characters that a unit's name cannot have are
// written as systemd-escape does. A name that is too long loses its end: then the scope of
// another node can have the same name, and the PID distinguishes them.
func scopeName(node, suffix string) string {
	var b strings.Builder
	b.WriteString(scopePrefix)
	for i := range len(node) {
		c := node[i]
		part := string(rune(c))
		if !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-_.:", c) >= 0) {
			part = fmt.Sprintf(`\x%02x`, c)
		}
		if b.Len()+len(part)+len(suffix)+len(scopeSuffix) > maxUnit {
			break
		}
		b.WriteString(part)
	}
	return b.String() + suffix + scopeSuffix
}

// place returns where a process is, as far as that was found.
func (g *Groups) place(pid int) (place, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	p, ok := g.places[pid]
	return p, ok
}

// find finds the group of a process, and remembers it.
func (g *Groups) find(pid int) error {
	text, err := os.ReadFile(path.Join(g.cfg.Proc, fmt.Sprint(pid), "cgroup"))
	if err != nil {
		return fmt.Errorf("find the control group of process %d: %w", pid, err)
	}
	unified, named := groupsIn(string(text))
	p := place{}
	for _, dir := range []string{unified, named} {
		if unit := path.Base(dir); strings.HasPrefix(unit, scopePrefix) && strings.HasSuffix(unit, scopeSuffix) {
			p.scope = unit
			break
		}
	}
	if unified != "" && unified != "/" {
		p.dir = path.Join(g.cfg.Root, unified)
		p.kills, _ = oomKills(path.Dir(p.dir))
	}
	g.mu.Lock()
	g.places[pid] = p
	g.mu.Unlock()
	return nil
}

// groupsIn returns the group of cgroup v2, and that of systemd's own hierarchy, in the text of
// a process's cgroup file.
func groupsIn(text string) (unified, named string) {
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if dir, ok := strings.CutPrefix(line, "0::"); ok {
			unified = dir
		}
		if _, dir, ok := strings.Cut(line, ":name=systemd:"); ok {
			named = dir
		}
	}
	return unified, named
}

// Ended implements proc.Control.
func (g *Groups) Ended(pid int) (outOfMemory bool) {
	g.mu.Lock()
	p, ok := g.places[pid]
	delete(g.places, pid)
	g.mu.Unlock()
	if !ok || p.dir == "" {
		return false
	}
	kills, err := oomKills(p.dir)
	if err != nil {
		// systemd has removed the group already. The group above counts its kills too.
		above, err := oomKills(path.Dir(p.dir))
		return err == nil && above > p.kills
	}
	return kills > 0
}

// Leave implements proc.Control.
func (g *Groups) Leave(pid int, node string) {
	if g.way == Direct {
		g.removeGroups(node)
	}
}
