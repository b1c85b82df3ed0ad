package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"golang.org/x/sys/unix"
)

// Unseen is a node that may have a process which can be neither watched as ours
// nor taken for gone.
type Unseen struct {
	Name   string
	Launch uint64 // 0: no record says
	PID    int    // 0: nobody knows which it is
	// Why is what a person is told: which process, which file, what to do.
	Why string
}

// unseen is one until it is gone: its process has ended or, where it is a file
// that stands for a process, somebody has removed that.
type unseen struct {
	Unseen
	pidfd *os.File // nil: no process is known
	file  string   // empty: there is none
}

func (u *unseen) gone() bool {
	if u.pidfd != nil && hasEnded(u.pidfd) {
		return true
	}
	if u.file == "" {
		return false
	}
	_, err := os.Lstat(u.file)
	return errors.Is(err, fs.ErrNotExist)
}

// unseenSet may be used from any goroutine.
type unseenSet struct {
	mu  sync.Mutex
	all []*unseen
}

func (s *unseenSet) add(u *unseen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, u)
}

func (s *unseenSet) list() []Unseen {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []Unseen
	for _, u := range s.all {
		list = append(list, u.Unseen)
	}
	return list
}

// of returns why a process of the node may live, or nothing.
func (s *unseenSet) of(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.all {
		if u.Name == name {
			return u.Why
		}
	}
	return ""
}

// takeGone removes those that are gone.
func (s *unseenSet) takeGone() []Freed {
	s.mu.Lock()
	all := slices.Clone(s.all)
	s.mu.Unlock()
	gone := map[*unseen]bool{}
	for _, u := range all {
		gone[u] = u.gone()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var freed []Freed
	s.all = slices.DeleteFunc(s.all, func(u *unseen) bool {
		if !gone[u] {
			return false
		}
		u.close()
		freed = append(freed, Freed{Name: u.Name, Launch: u.Launch, PID: u.PID})
		return true
	})
	for i, f := range freed {
		same := func(g Freed) bool { return g.Name == f.Name }
		freed[i].Last = !slices.ContainsFunc(freed[i+1:], same) &&
			!slices.ContainsFunc(s.all, func(u *unseen) bool { return u.Name == f.Name })
	}
	return freed
}

func (s *unseenSet) closeAll() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, u := range s.all {
		u.close()
	}
	s.all = nil
}

func (u *unseen) close() {
	if u.pidfd != nil {
		u.pidfd.Close()
	}
}

// freeUnseen reports the unseen processes that are gone.
func (h *Host) freeUnseen(ctx context.Context) {
	for _, freed := range h.unseen.takeGone() {
		if !h.emit(ctx, freed) {
			return
		}
	}
}

// lookAround finds the processes of nodes that no readable record names: a
// record that was lost or damaged must not make its node run twice.
func (h *Host) lookAround(a *Adoption, lost []lostRecord, ours map[int]bool) error {
	if h.cfg.NodesDir == "" && len(lost) == 0 {
		return nil
	}
	recorded, err := h.recordedByOthers()
	if err != nil {
		return err
	}
	maps.Copy(recorded, ours)
	around, err := h.unrecorded(recorded)
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for _, p := range around.processes {
		found[p.node] = true
		pidfd, err := openPidfd(p.pid)
		if err != nil {
			return err
		}
		if pidfd == nil {
			continue // it has ended just now
		}
		u := Unseen{Name: p.node, PID: p.pid, Why: fmt.Sprintf(
			"process %d runs as node %s, and its process record is missing: nothing is started in its place. End that process (kill %d), and the node is started",
			p.pid, p.node, p.pid)}
		for _, l := range lost {
			if l.name == p.node {
				u.Launch = l.launch
				u.Why = fmt.Sprintf("process %d runs as node %s, and its process record %s cannot be read (%v): nothing is started in its place. "+
					"Restore that file and restart the agent, or end that process (kill %d), and the node is started",
					p.pid, p.node, l.path, l.err, p.pid)
			}
		}
		h.unseen.add(&unseen{Unseen: u, pidfd: pidfd})
	}
	for _, l := range lost {
		switch {
		case found[l.name]:
		case around.blind != "":
			h.unseen.add(&unseen{file: l.path, Unseen: Unseen{Name: l.name, Launch: l.launch, Why: fmt.Sprintf(
				"process record %s of node %s cannot be read (%v), and its process may live where nobody can look (%s): nothing is started in its place. "+
					"When you know that the node does not run, remove that file", l.path, l.name, l.err, around.blind)}})
		default:
			// Everything that runs was looked at, and the node is not among it.
			a.Problems = append(a.Problems, fmt.Errorf("%w; node %s has no process", l, l.name))
			a.Ended = append(a.Ended, Exited{Name: l.name, Launch: l.launch})
		}
	}
	return nil
}

// surroundings are the processes of nodes that no record names.
type surroundings struct {
	processes []nodeProcess
	// blind says why there may be more; empty: there are none.
	blind string
}

type nodeProcess struct {
	node string
	pid  int
}

// recordedByOthers returns the living processes that other agents of this host
// have records of: several can share one directory of nodes.
func (h *Host) recordedByOthers() (map[int]bool, error) {
	pids := map[int]bool{}
	if h.cfg.NodesDir == "" {
		return pids, nil
	}
	own := filepath.Clean(h.records.dir)
	entries, err := os.ReadDir(h.cfg.NodesDir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("process records of other agents: %w", err)
	}
	for _, e := range entries {
		dir := filepath.Join(h.cfg.NodesDir, e.Name(), filepath.Base(own))
		if dir == own {
			continue
		}
		records, err := Recorded(dir)
		if err != nil {
			continue // what cannot be read vouches for nothing
		}
		for _, rec := range records {
			pids[rec.PID] = true
		}
	}
	return pids, nil
}

// unrecorded looks at every process that leads a session, as all nodes do: it is
// a node's if its working directory is that node's and its environment says so.
// Processes with a record are passed over.
func (h *Host) unrecorded(recorded map[int]bool) (surroundings, error) {
	var s surroundings
	if h.cfg.NodesDir == "" {
		return surroundings{blind: "nobody says where the nodes' directories are"}, nil
	}
	base, err := filepath.EvalSymlinks(h.cfg.NodesDir)
	if errors.Is(err, fs.ErrNotExist) {
		base, err = h.cfg.NodesDir, nil
	}
	if err != nil {
		return s, err
	}
	pids, err := procfs.Dir(h.cfg.ProcDir).PIDs()
	if err != nil {
		return s, err
	}
	if _, err := procfs.Dir(h.cfg.ProcDir).Stat(1); err != nil {
		s.blind = "/proc hides processes"
	}
	for _, pid := range pids {
		st, err := procfs.Dir(h.cfg.ProcDir).Stat(pid)
		if err != nil || st.Dead() || st.Session != pid || recorded[pid] {
			continue
		}
		dir, err := os.Readlink(filepath.Join(h.cfg.ProcDir, fmt.Sprint(pid), "cwd"))
		if errors.Is(err, fs.ErrPermission) {
			if slices.Contains(h.cfg.Foreign, st.Name) {
				s.blind = fmt.Sprintf("process %d (%s) cannot be looked at", pid, st.Name)
			}
			continue
		}
		if err != nil {
			continue // gone
		}
		node, below := strings.CutPrefix(strings.TrimSuffix(dir, " (deleted)"), base+"/")
		if below && !strings.Contains(node, "/") && h.runsAs(pid, node) && h.couldHaveStarted(pid, dir) {
			s.processes = append(s.processes, nodeProcess{node, pid})
		}
	}
	return s, nil
}

// nodeEnv is the variable by which a process knows which node it is.
const nodeEnv = "CLUSTER_NODE"

// couldHaveStarted reports whether a process in a node's directory is of a user who
// starts nodes: root, this process's own, or the one whose directory it is. Anybody
// can go into a directory that others may enter, and call a process a node.
func (h *Host) couldHaveStarted(pid int, dir string) bool {
	var process, home unix.Stat_t
	if unix.Stat(filepath.Join(h.cfg.ProcDir, fmt.Sprint(pid)), &process) != nil {
		return false // gone
	}
	owner := unix.Stat(strings.TrimSuffix(dir, " (deleted)"), &home) == nil && home.Uid == process.Uid
	return owner || process.Uid == 0 || int64(process.Uid) == int64(os.Geteuid())
}

func (h *Host) runsAs(pid int, node string) bool {
	env, err := os.ReadFile(filepath.Join(h.cfg.ProcDir, fmt.Sprint(pid), "environ"))
	return err == nil && slices.ContainsFunc(bytes.Split(env, []byte{0}), func(kv []byte) bool {
		return string(kv) == nodeEnv+"="+node
	})
}
