package proc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/procfs"
	"golang.org/x/sys/unix"
)

// ErrNoSuchLaunch says that the Host has no process of this launch: it never had
// one, or the process has ended, or the node's process is of another launch.
var ErrNoSuchLaunch = errors.New("no such launch")

// Config holds the settings of a Host. RecordDir is required; the zero value of
// every other field works.
type Config struct {
	// RecordDir is the directory for the records of processes. New creates it with
	// mode 0700 if it does not exist. Only one Host at a time may use it.
	RecordDir string

	// Logger receives messages about things that no event reports. Nil discards them.
	Logger *slog.Logger

	// MaxProcesses bounds the running processes and launches; Start refuses more.
	// Zero means 1024.
	MaxProcesses int

	// TailLines and TailBytes bound the output in an event, for stdout and for
	// stderr. Zero means 100 lines and 64 KiB.
	TailLines int
	TailBytes int

	// OutputBytes bounds an output file. A larger file is rotated, before a launch
	// and while its process runs. OutputFiles is how many rotated files are kept;
	// path.1 is the newest. Zero means 10 MiB and 2 files.
	OutputBytes int64
	OutputFiles int

	// Housekeeping is the time between two checks of the sizes of the output files
	// and of Unseen processes. Zero means 10 s.
	Housekeeping time.Duration

	// Foreign are names of programs (the last part of the path). Adopt reports their
	// processes if no record names them.
	Foreign []string

	// NodesDir is the directory that contains the working directory of each node,
	// under the node's name. Adopt searches it for processes without a readable
	// record. If NodesDir is empty, each unreadable record becomes an Unseen.
	NodesDir string

	// Control bounds processes with control groups. Nil means that only rlimits bound them.
	Control Control

	// ProcDir is the directory where Adopt finds processes. Empty means /proc.
	ProcDir string
}

func (c Config) withDefaults() Config {
	c.Logger = cmp.Or(c.Logger, slog.New(slog.DiscardHandler))
	c.MaxProcesses = cmp.Or(max(c.MaxProcesses, 0), 1024)
	c.TailLines = cmp.Or(max(c.TailLines, 0), 100)
	c.TailBytes = cmp.Or(max(c.TailBytes, 0), 64<<10)
	c.OutputBytes = cmp.Or(max(c.OutputBytes, 0), 10<<20)
	c.OutputFiles = cmp.Or(max(c.OutputFiles, 0), 2)
	c.ProcDir = cmp.Or(c.ProcDir, string(procfs.Root))
	c.Housekeeping = cmp.Or(max(c.Housekeeping, 0), 10*time.Second)
	return c
}

// A launchKey identifies a launch.
type launchKey struct {
	name   string
	launch uint64
}

// Host starts, watches and stops the processes of one agent. Its methods may be
// called from any goroutine. Except Run, none of them waits for a process.
type Host struct {
	cfg        Config
	log        *slog.Logger
	records    records
	outputs    outputs
	bootID     string
	oomKills   killCounter
	unseen     unseenSet
	events     chan Event
	wake       chan struct{} // tells Run that the queue is not empty
	limitsWake chan struct{} // tells limitAll that limits is not empty
	gone       chan struct{} // closed when Run stops watching the processes

	mu       sync.Mutex
	procs    map[launchKey]*process
	queue    []*process          // the processes for which Run has no goroutine yet
	limits   map[*process]Limits // the limits that processes did not get yet
	detached bool                // Run has ended, or is about to
}

// New returns a Host. Launches begin only when Run is called. New returns an error
// if the record directory cannot be used or the kernel is too old.
func New(cfg Config) (*Host, error) {
	cfg = cfg.withDefaults()
	dir, err := openRecords(cfg.RecordDir)
	if err != nil {
		return nil, err
	}
	boot, err := readBootID()
	if err != nil {
		return nil, err
	}
	fd, err := unix.PidfdOpen(unix.Getpid(), 0)
	if err != nil {
		return nil, fmt.Errorf("this kernel cannot watch processes (Linux 5.4 or newer can): pidfd_open: %w", err)
	}
	unix.Close(fd)
	h := &Host{
		cfg:        cfg,
		log:        cfg.Logger,
		records:    dir,
		outputs:    outputs{limit: cfg.OutputBytes, keep: cfg.OutputFiles, bytes: int64(cfg.TailBytes), lines: cfg.TailLines},
		bootID:     boot,
		events:     make(chan Event),
		wake:       make(chan struct{}, 1),
		limitsWake: make(chan struct{}, 1),
		limits:     map[*process]Limits{},
		gone:       make(chan struct{}),
		procs:      make(map[launchKey]*process),
	}
	h.oomKills.look()
	return h, nil
}

// Events returns the channel of outcomes. Those of one launch come in order: Started
// or StartFailed, then Exited. A launch waits until its event is received; it does
// not delay other launches. The channel is never closed.
func (h *Host) Events() <-chan Event { return h.events }

// Run does the work until ctx is done, and returns the cause of ctx. The processes
// then run on, and their records stay on disk. A launch whose program is not yet
// executed is undone. Run may be called once.
func (h *Host) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	defer tasks.Wait()
	defer h.detach()

	tasks.Go(func() { h.housekeep(ctx) })
	tasks.Go(func() { h.limitAll(ctx) })
	for {
		for _, p := range h.takeQueue() {
			tasks.Go(func() { h.follow(ctx, p) })
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-h.wake:
		}
	}
}

// Start begins a launch and returns at once. Started or StartFailed follows. If Start
// returns an error, no event follows: the Host has MaxProcesses, or it has a launch
// of this node, or the node is Unseen, or Run has ended.
func (h *Host) Start(spec Spec) error {
	p := &process{host: h, spec: spec, rec: Record{
		Name:        spec.Name,
		Launch:      spec.Launch,
		Fingerprint: spec.Fingerprint,
	}}
	if err := h.add(p); err != nil {
		return fmt.Errorf("start %s: %w", spec.Name, err)
	}
	return nil
}

// stopFailed reports that a process could not be signalled. It does nothing after the
// end of Run.
func (h *Host) stopFailed(rec Record, err error) {
	select {
	case h.events <- StopFailed{Name: rec.Name, Launch: rec.Launch, Err: err}:
	case <-h.gone:
	}
}

// Stop ends a launch: it sends SIGTERM now, and SIGKILL to the whole session when the
// grace is over. If grace is not positive, it sends SIGKILL at once. Stop returns
// immediately. Exited follows, or StartFailed if the program was not yet executed.
// After several calls the earliest end of a grace counts. The error is
// fs.ErrPermission if the process may not be signalled. If only SIGKILL fails,
// StopFailed follows.
func (h *Host) Stop(name string, launch uint64, grace time.Duration) error {
	p, err := h.find(name, launch)
	if err == nil {
		err = p.stop(grace)
	}
	if err != nil {
		return fmt.Errorf("stop %s: %w", name, err)
	}
	return nil
}

// Forget removes the record of a launch that has ended, after its Exited event or
// after Adopt listed it in Ended. Call it when the end is completely handled: until
// then, Adopt of the next Host lists the launch in Ended.
func (h *Host) Forget(name string, launch uint64) {
	if err := h.records.remove(Record{Name: name, Launch: launch}); err != nil {
		h.log.Warn("process record not removed", "node", name, "err", err)
	}
}

func (h *Host) find(name string, launch uint64) (*process, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if p, ok := h.procs[launchKey{name, launch}]; ok {
		return p, nil
	}
	return nil, fmt.Errorf("%w (%d)", ErrNoSuchLaunch, launch)
}

// add hands p to Run.
func (h *Host) add(p *process) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.detached:
		return errors.New("no more processes are started")
	case !p.adopted && h.unseen.of(p.rec.Name) != "":
		return errors.New(h.unseen.of(p.rec.Name))
	case !p.adopted && len(h.procs) >= h.cfg.MaxProcesses:
		return fmt.Errorf("%d processes are the limit", h.cfg.MaxProcesses)
	}
	for key, other := range h.procs {
		if key.name == p.rec.Name && (!p.adopted || key.launch == p.rec.Launch) {
			return fmt.Errorf("its launch %d is under way", other.rec.Launch)
		}
	}
	h.procs[launchKey{p.rec.Name, p.rec.Launch}] = p
	h.queue = append(h.queue, p)
	select {
	case h.wake <- struct{}{}:
	default: // Run will see this process too
	}
	return nil
}

func (h *Host) takeQueue() []*process {
	h.mu.Lock()
	defer h.mu.Unlock()
	queue := h.queue
	h.queue = nil
	return queue
}

// drop removes p, so that another launch of the node can begin. It comes before the
// last event of p, because the receiver of that event may start the node again at
// once.
func (h *Host) drop(p *process) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.procs, launchKey{p.rec.Name, p.rec.Launch})
}

// PIDs returns the PIDs of all processes that live. It has the PID of a process before
// the program of the process runs.
func (h *Host) PIDs() []int {
	var pids []int
	for _, p := range h.all() {
		if pid := p.record().PID; pid != 0 {
			pids = append(pids, pid)
		}
	}
	return pids
}

func (h *Host) all() []*process {
	h.mu.Lock()
	defer h.mu.Unlock()
	all := make([]*process, 0, len(h.procs))
	for _, p := range h.procs {
		all = append(all, p)
	}
	return all
}

// detach ends the goroutines of all processes.
func (h *Host) detach() {
	h.mu.Lock()
	h.detached = true
	h.mu.Unlock()
	close(h.gone)
	h.unseen.closeAll()
	for _, p := range h.all() {
		p.detach()
	}
}

// follow launches p, unless it is adopted, waits for its end and reports both. It is
// the goroutine of p.
func (h *Host) follow(ctx context.Context, p *process) {
	defer p.close()
	if !p.adopted {
		err := p.launch(ctx)
		if errors.Is(err, errDetached) {
			return
		}
		if err != nil {
			stdout, stderr := p.output()
			h.drop(p)
			if h.emit(ctx, StartFailed{
				Name: p.rec.Name, Launch: p.rec.Launch,
				Err:    fmt.Errorf("start %s: %w", p.rec.Name, err),
				Stdout: stdout, Stderr: stderr,
			}) {
				h.Forget(p.rec.Name, p.rec.Launch)
			}
			return
		}
		if !h.emit(ctx, Started{Name: p.rec.Name, Launch: p.rec.Launch, PID: p.rec.PID}) {
			return
		}
		if p.lacks != nil && !h.emit(ctx, Limited{Name: p.rec.Name, Launch: p.rec.Launch, Err: p.lacks}) {
			return
		}
	}
	exited, err := p.wait()
	switch {
	case err == nil:
		h.drop(p)
		h.emit(ctx, exited) // if nobody receives it, the next Host finds the record
	case !errors.Is(err, errDetached):
		h.log.Error("process is no longer watched", "node", p.rec.Name, "err", err)
	}
}

func (h *Host) emit(ctx context.Context, ev Event) bool {
	select {
	case h.events <- ev:
		return true
	case <-ctx.Done():
		return false
	}
}

// housekeep trims the output files and reports Unseen processes that have ended.
func (h *Host) housekeep(ctx context.Context) {
	tick := time.NewTicker(h.cfg.Housekeeping)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		for _, p := range h.all() {
			if err := p.trimOutput(); err != nil {
				h.log.Warn("output not rotated", "node", p.rec.Name, "err", err)
			}
		}
		h.freeUnseen(ctx)
		h.oomKills.look()
	}
}
