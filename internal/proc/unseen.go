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

// Unseen is a node that may have a process which the Host cannot watch. Start refuses
// the node until the process has ended, or a person has removed its record.
type Unseen struct {
	Name   string
	Launch uint64 // 0 if no record names it
	PID    int    // 0 if the process is not known
	// Why is text for a person: which process, which file, and what to do.
	Why string
}

// unseen is an Unseen with the means to find out when it is gone: when the process of
// pidfd has ended, or when file no longer exists.
type unseen struct {
	Unseen
	pidfd *os.File // nil if no process is known
	file  string   // empty if there is no file
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

// unseenSet is the set of a Host's Unseen nodes. Any goroutine may use it.
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

// of returns Why of the first Unseen of the node, or "" if it has none.
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

// takeGone removes the elements that are gone and returns their events.
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

// findUnrecorded finds the processes of nodes that no readable record names, and adds
// them to the Unseen nodes: a lost or damaged record must not make a node run twice.
// ours are the PIDs that are known already.
func (h *Host) findUnrecorded(a *Adoption, lost []lostRecord, ours map[int]bool) error {
	if h.cfg.NodesDir == "" && len(lost) == 0 {
		return nil
	}
	recorded, err := h.recordedByOthers()
	if err != nil {
		return err
	}
	maps.Copy(recorded, ours)
	search, err := h.searchNodes(recorded)
	if err != nil {
		return err
	}
	found := map[string]bool{}
	for _, p := range search.processes {
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
		case search.incomplete != "":
			h.unseen.add(&unseen{file: l.path, Unseen: Unseen{Name: l.name, Launch: l.launch, Why: fmt.Sprintf(
				"process record %s of node %s cannot be read (%v), and the agent cannot inspect all processes (%s): the node may be running, so nothing is started in its place. "+
					"When you know that the node does not run, remove that file", l.path, l.name, l.err, search.incomplete)}})
		default:
			// The search inspected every process, and the node is not among them.
			a.Problems = append(a.Problems, fmt.Errorf("%w; node %s has no process", l, l.name))
			a.Ended = append(a.Ended, Exited{Name: l.name, Launch: l.launch})
		}
	}
	return nil
}

// nodeSearch is the result of a search for processes of nodes without a record.
type nodeSearch struct {
	processes []nodeProcess
	// incomplete says why the search may have missed processes. It is empty if the
	// search inspected every process.
	incomplete string
}

type nodeProcess struct {
	node string
	pid  int
}

// recordedByOthers returns the PIDs of living processes for which other agents of
// this host have records. Several agents can share one directory of nodes.
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
			continue // the processes of these records count as unrecorded
		}
		for _, rec := range records {
			pids[rec.PID] = true
		}
	}
	return pids, nil
}

// searchNodes inspects every process that leads a session, as all nodes do, except
// the recorded ones. The process is that of a node if its working directory is the
// node's and its environment names the node.
func (h *Host) searchNodes(recorded map[int]bool) (nodeSearch, error) {
	var s nodeSearch
	if h.cfg.NodesDir == "" {
		return nodeSearch{incomplete: "the directory of the nodes is not configured"}, nil
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
		s.incomplete = "/proc hides processes"
	}
	for _, pid := range pids {
		st, err := procfs.Dir(h.cfg.ProcDir).Stat(pid)
		if err != nil || st.Dead() || st.Session != pid || recorded[pid] {
			continue
		}
		dir, err := os.Readlink(filepath.Join(h.cfg.ProcDir, fmt.Sprint(pid), "cwd"))
		if errors.Is(err, fs.ErrPermission) {
			if slices.Contains(h.cfg.Foreign, st.Name) {
				s.incomplete = fmt.Sprintf("process %d (%s) cannot be inspected", pid, st.Name)
			}
			continue
		}
		if err != nil {
			continue // the process has ended
		}
		node, below := strings.CutPrefix(strings.TrimSuffix(dir, " (deleted)"), base+"/")
		if below && !strings.Contains(node, "/") && h.runsAs(pid, node) && h.couldHaveStarted(pid, dir) {
			s.processes = append(s.processes, nodeProcess{node, pid})
		}
	}
	return s, nil
}

// nodeEnv is the variable that tells a process which node it is.
const nodeEnv = "CLUSTER_NODE"

// couldHaveStarted reports whether the user of a process in a node's directory can
// start nodes. These users are root, the user of this process, and the owner of the
// directory. Any other user can start a process in the directory that claims to be
// the node.
func (h *Host) couldHaveStarted(pid int, dir string) bool {
	var process, home unix.Stat_t
	if unix.Stat(filepath.Join(h.cfg.ProcDir, fmt.Sprint(pid)), &process) != nil {
		return false // the process has ended
	}
	owner := unix.Stat(strings.TrimSuffix(dir, " (deleted)"), &home) == nil && home.Uid == process.Uid
	return owner || process.Uid == 0 || int64(process.Uid) == int64(os.Geteuid())
}

// runsAs reports whether the environment of a process names the node.
func (h *Host) runsAs(pid int, node string) bool {
	env, err := os.ReadFile(filepath.Join(h.cfg.ProcDir, fmt.Sprint(pid), "environ"))
	return err == nil && slices.ContainsFunc(bytes.Split(env, []byte{0}), func(kv []byte) bool {
		return string(kv) == nodeEnv+"="+node
	})
}
