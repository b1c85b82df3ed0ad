package proctest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/zeekfleet/zeekfleet/internal/proc"
)

// maxEvents bounds the events that were not received. A Host panics beyond it.
const maxEvents = 4096

// Config says how the nodes of a Host behave. Its zero value works.
type Config struct {
	// Survivors are the records that Adopt returns as Running.
	Survivors []proc.Record

	// Found is the rest of the result of Adopt. Its Running is ignored.
	Found proc.Adoption

	// OnStart decides about each launch: an error makes it fail with StartFailed. Nil
	// lets all launches succeed.
	OnStart func(proc.Spec) error

	// Untouchable nodes belong to another user: they cannot be signalled.
	Untouchable map[string]bool

	// Deaf nodes ignore SIGTERM.
	Deaf map[string]bool
}

// Host has the methods of a proc.Host that package daemon uses.
type Host struct {
	cfg    Config
	events chan proc.Event

	mu      sync.Mutex
	nextPID int
	nodes   map[string]*node
}

type node struct {
	rec            proc.Record
	spec           proc.Spec
	adopted        bool
	stdout, stderr string
	left           []int
	grace          *time.Timer // nil until Stop
}

// New returns a Host whose first process has PID 1001.
func New(cfg Config) *Host {
	return &Host{
		cfg:     cfg,
		events:  make(chan proc.Event, maxEvents),
		nextPID: 1001,
		nodes:   make(map[string]*node),
	}
}

// Events returns the channel of outcomes.
func (h *Host) Events() <-chan proc.Event { return h.events }

// PIDs returns the PIDs of all processes that live.
func (h *Host) PIDs() []int {
	h.mu.Lock()
	defer h.mu.Unlock()
	var pids []int
	for _, n := range h.nodes {
		pids = append(pids, n.rec.PID)
	}
	return pids
}

// Adopt returns Config.Found with Config.Survivors as Running.
func (h *Host) Adopt(ctx context.Context) (proc.Adoption, error) {
	if err := context.Cause(ctx); err != nil {
		return proc.Adoption{}, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	found := h.cfg.Found
	found.Running = slices.Clone(h.cfg.Survivors)
	for _, rec := range found.Running {
		h.nodes[rec.Name] = &node{rec: rec, adopted: true}
	}
	return found, nil
}

// Start starts a node at once. Its event is in the channel when Start returns.
func (h *Host) Start(spec proc.Spec) error {
	var refused error
	if h.cfg.OnStart != nil {
		refused = h.cfg.OnStart(spec)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if n, ok := h.nodes[spec.Name]; ok {
		return fmt.Errorf("start %s: its launch %d is under way", spec.Name, n.rec.Launch)
	}
	if refused != nil {
		h.emit(proc.StartFailed{Name: spec.Name, Launch: spec.Launch, Err: fmt.Errorf("start %s: %w", spec.Name, refused)})
		return nil
	}
	n := &node{spec: spec, rec: proc.Record{
		Name: spec.Name, Launch: spec.Launch, PID: h.nextPID,
		Fingerprint: spec.Fingerprint, Started: time.Now().UTC(),
	}}
	h.nextPID++
	h.nodes[spec.Name] = n
	h.emit(proc.Started{Name: spec.Name, Launch: spec.Launch, PID: n.rec.PID})
	return nil
}

// Stop ends a node at once with exit code 0. It ends a deaf node with SIGKILL when
// the grace is over.
func (h *Host) Stop(name string, launch uint64, grace time.Duration) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, err := h.find(name, launch)
	if err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	switch {
	case h.cfg.Untouchable[name]:
		return fmt.Errorf("stop %s: send SIGTERM: %w", name, unix.EPERM)
	case grace <= 0:
		h.end(n, killed, true)
	case !h.cfg.Deaf[name]:
		h.end(n, proc.Status{Known: true}, false)
	case n.grace == nil:
		n.grace = time.AfterFunc(grace, func() {
			h.mu.Lock()
			defer h.mu.Unlock()
			if h.nodes[name] == n {
				h.end(n, killed, true)
			}
		})
	}
	return nil
}

var killed = proc.Status{Known: true, Signal: unix.SIGKILL}

// Limit gives a node its limits at once, and its answer is in the channel.
func (h *Host) Limit(name string, launch uint64, l proc.Limits) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	n, err := h.find(name, launch)
	if err != nil {
		return fmt.Errorf("limit %s: %w", name, err)
	}
	n.spec.Limits = l
	h.emit(proc.Limited{Name: name, Launch: launch})
	return nil
}

// Forget does nothing, because there are no records.
func (h *Host) Forget(name string, launch uint64) {}

// Exit makes the node called name end by itself. left are the processes of its
// session that outlive it. Exit panics if the node does not run.
func (h *Host) Exit(name string, status proc.Status, left ...int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.running(name)
	n.left = left
	h.end(n, status, false)
}

// Write sets the output of the node called name so far. It panics if the node does
// not run.
func (h *Host) Write(name, stdout, stderr string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.running(name)
	n.stdout, n.stderr = stdout, stderr
}

// Spec returns the Spec with which the node called name was started. It panics if the
// node does not run.
func (h *Host) Spec(name string) proc.Spec {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running(name).spec
}

// Running returns the records of the nodes that run, sorted by name. The next Host
// can adopt them.
func (h *Host) Running() []proc.Record {
	h.mu.Lock()
	defer h.mu.Unlock()
	records := []proc.Record{}
	for _, name := range slices.Sorted(maps.Keys(h.nodes)) {
		records = append(records, h.nodes[name].rec)
	}
	return records
}

func (h *Host) running(name string) *node {
	n, ok := h.nodes[name]
	if !ok {
		panic("proctest: no node " + name)
	}
	return n
}

func (h *Host) find(name string, launch uint64) (*node, error) {
	if n, ok := h.nodes[name]; ok && n.rec.Launch == launch {
		return n, nil
	}
	return nil, fmt.Errorf("%w (%d)", proc.ErrNoSuchLaunch, launch)
}

// end ends a node and emits its event. The caller holds mu. The status of an adopted
// node is unknown, as in package proc.
func (h *Host) end(n *node, status proc.Status, wasKilled bool) {
	if n.grace != nil {
		n.grace.Stop()
	}
	if n.adopted {
		status = proc.Status{}
	}
	delete(h.nodes, n.rec.Name)
	h.emit(proc.Exited{
		Name: n.rec.Name, Launch: n.rec.Launch, PID: n.rec.PID,
		Status: status, Ran: max(0, time.Since(n.rec.Started)), Killed: wasKilled,
		Left:   n.left,
		Stdout: n.stdout, Stderr: n.stderr,
		Fingerprint: n.rec.Fingerprint,
	})
}

func (h *Host) emit(ev proc.Event) {
	select {
	case h.events <- ev:
	default:
		panic(fmt.Sprintf("proctest: %d events were not taken", maxEvents))
	}
}
