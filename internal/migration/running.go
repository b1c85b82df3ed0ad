package migration

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"github.com/zeekfleet/zeekfleet/internal/zeekconf"
)

// This is this host.
type This struct {
	Hostname  string
	Addresses []netip.Addr
	Proc      procfs.Dir
}

// is reports whether a host of the other manager is this one, without asking a name service.
func (t This) is(host string) bool {
	key := canonicalHost(host)
	if addr, err := netip.ParseAddr(key); err == nil {
		return slices.Contains(t.Addresses, addr)
	}
	own := strings.ToLower(t.Hostname)
	return key == "localhost" || key == own || label(key) == label(own)
}

// A Running is a process of the other manager that runs on this host.
type Running struct {
	Name      string
	PID       int
	Interface string
	CPUs      []int
	// env is nil if this program may not know it.
	env       []string
	toRunning time.Duration
}

// running returns what the other manager runs on this host, by name.
func (r *Result) running(t This) (map[string]Running, error) {
	found := map[string]Running{}
	if r.From == Zeekctl {
		spooled, err := readSpool(r.Spool)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, fmt.Errorf("read zeekctl's spool: %w", err)
		}
		for _, s := range spooled {
			if one, ok := t.process(s.pid); ok {
				one.Name, one.toRunning = s.node, s.toRunning
				found[s.node] = one
			}
		}
		return found, nil
	}
	pids, err := t.Proc.PIDs()
	if err != nil {
		return nil, err
	}
	for _, pid := range pids {
		one, ok := t.process(pid)
		if !ok {
			continue
		}
		for _, v := range one.env {
			if name, is := strings.CutPrefix(v, "CLUSTER_NODE="); is && name != "" {
				one.Name = name
				found[name] = one
			}
		}
	}
	return found, nil
}

// process returns a living process, if it is a Zeek.
func (t This) process(pid int) (one Running, ok bool) {
	stat, err := t.Proc.Stat(pid)
	if err != nil || stat.Dead() {
		return one, false
	}
	args, err := t.Proc.Args(pid)
	if err != nil || len(args) == 0 || filepath.Base(args[0]) != "zeek" {
		return one, false
	}
	one.PID = pid
	if i := slices.Index(args, "-i"); i >= 0 && i+1 < len(args) {
		one.Interface = args[i+1]
	}
	if allowed, err := t.Proc.Allowed(pid); err == nil {
		one.CPUs, _ = zeekconf.CPUList(allowed)
	}
	one.env, _ = t.Proc.Environ(pid)
	return one, true
}

// State says how a node of the cluster file compares with what runs.
type State string

// The states of a comparison.
const (
	Same      State = "same"
	Different State = "different"
	Absent    State = "not running"
	Elsewhere State = "other host"
	Unknown   State = "not imported"
)

// A Comparison is a node of the cluster file, or a process that is none, and what runs of it on
// this host.
type Comparison struct {
	Node  string `json:"node"`
	State State  `json:"state"`
	PID   int    `json:"pid,omitempty"`
	// Differences say in what the running process is not what was imported.
	Differences []string `json:"differences,omitempty"`
}

// compare compares the processes that were imported with those that run here.
func (r *Result) compare(t This, running map[string]Running) []Comparison {
	here := map[string]bool{} // instances of this host
	for _, h := range r.Hosts {
		if t.is(h.Name) {
			here[string(h.Instance)] = true
		}
	}
	var list []Comparison
	seen := map[string]bool{}
	for _, p := range r.Processes {
		name := p.Name
		if p.Replaces != "" && p.Role != "WORKER" {
			continue // the manager of a standalone Zeek, which is compared with the worker
		}
		if p.Replaces != "" {
			name = p.Replaces
		}
		seen[name] = true
		one, ok := running[name]
		c := Comparison{Node: p.Name, PID: one.PID}
		switch {
		case !ok && !here[string(p.Instance)]:
			c.State = Elsewhere
		case !ok:
			c.State = Absent
		default:
			c.Differences = p.unlike(one)
			c.State = Same
			if len(c.Differences) > 0 {
				c.State = Different
			}
		}
		list = append(list, c)
	}
	var extra []string
	for name := range running {
		if !seen[name] {
			extra = append(extra, name)
		}
	}
	slices.Sort(extra)
	for _, name := range extra {
		list = append(list, Comparison{Node: name, State: Unknown, PID: running[name].PID, Differences: []string{"it runs, and the files do not name it: they have changed since it was started"}})
	}
	return list
}

// unlike says in what a running process is not the one that was imported. Values of variables
// may be secret.
func (p Process) unlike(one Running) []string {
	var list []string
	if one.Interface != p.Interface {
		list = append(list, fmt.Sprintf("it captures from %s, and was imported with %s", orNothing(one.Interface), orNothing(p.Interface)))
	}
	switch {
	case len(p.CPUs) > 0 && !slices.Equal(one.CPUs, p.CPUs):
		list = append(list, fmt.Sprintf("it may run on processors %s, and was imported with %s", orNothing(cpusText(one.CPUs)), cpusText(p.CPUs)))
	case len(p.CPUs) == 0 && len(one.CPUs) == 1:
		list = append(list, fmt.Sprintf("it is bound to processor %s, and was imported without one", cpusText(one.CPUs)))
	}
	if one.env == nil {
		if len(p.Env) > 0 {
			list = append(list, "its environment cannot be read: run the command as root")
		}
		return list
	}
	for name, value := range p.Env {
		if !slices.Contains(one.env, name+"="+value) {
			list = append(list, fmt.Sprintf("it has another value of the variable %s, or none", name))
		}
	}
	slices.Sort(list)
	return list
}

func orNothing(text string) string {
	if text == "" {
		return "nothing"
	}
	return text
}
