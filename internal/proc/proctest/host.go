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

// maxEvents bounds the events that nobody has taken; a test that lets more pile
// up is wrong.
const maxEvents = 4096

// Config says how the nodes of a Host behave. Its zero value works.
type Config struct {
	// Survivors are what Adopt finds running.
	Survivors []proc.Record

	// Found are the other things that Adopt finds; its Running is ignored.
	Found proc.Adoption

	// OnStart decides about a launch: an error becomes that of StartFailed.
	// Nil lets all of them start.
	OnStart func(proc.Spec) error

	// Untouchable nodes belong to another user: they cannot be signalled.
	Untouchable map[string]bool

	// Deaf nodes ignore SIGTERM.
	Deaf map[string]bool
}

// Host has the methods of a proc.Host.
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

// Events returns where outcomes arrive.
func (h *Host) Events() <-chan proc.Event { return h.events }

// Adopt finds the survivors.
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

// Start starts a node at once, and its event is there when Start returns.
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

// Stop ends a node: at once with exit code 0, or if it is deaf with SIGKILL
// when the grace is over.
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

// Forget does nothing, for there are no records.
func (h *Host) Forget(name string, launch uint64) {}

// Exit lets the node called name end by itself, survived by processes of its
// session. It panics if there is none.
func (h *Host) Exit(name string, status proc.Status, left ...int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.running(name)
	n.left = left
	h.end(n, status, false)
}

// Write sets what the node called name has written so far. It panics if there
// is none.
func (h *Host) Write(name, stdout, stderr string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := h.running(name)
	n.stdout, n.stderr = stdout, stderr
}

// Spec returns what the running node called name was started with. It panics if
// there is none.
func (h *Host) Spec(name string) proc.Spec {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.running(name).spec
}

// Running lists the nodes that run, by name. They are what the next Host would
// adopt.
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

// end is called with mu held. Only a parent learns a status.
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
