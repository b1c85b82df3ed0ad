package measure

import (
	"os"
	"runtime"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/machine"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/procfs"
)

// Config says what is measured. Its zero value works.
type Config struct {
	// Dirs are the directories whose disks are of interest.
	Dirs []machine.Dir
	// MaxInterfaces bounds the interfaces of a sample. Those on which nodes capture come
	// first. Zero means 64.
	MaxInterfaces int
	// Proc is where the kernel shows processes. Empty means procfs.Root.
	Proc procfs.Dir
}

// Sampler takes samples. One goroutine at a time may use it.
type Sampler struct {
	cfg       Config
	processes map[int]reading
	whole     procfs.Processors // at the sample before
	at        time.Time         // of the sample before
	speeds    map[string]speed
	booted    time.Time
}

// reading is what a process had used at the sample before.
type reading struct{ start, used uint64 }

// NewSampler returns a Sampler. What it says in its first sample of processors is the mean
// since the start of each process, and since the boot of the host.
func NewSampler(cfg Config) *Sampler {
	if cfg.MaxInterfaces <= 0 {
		cfg.MaxInterfaces = 64
	}
	if cfg.Proc == "" {
		cfg.Proc = procfs.Root
	}
	return &Sampler{cfg: cfg, processes: map[int]reading{}, speeds: map[string]speed{}, booted: machine.Booted()}
}

// Take measures the host and the processes of nodes, whose PID, Started and Interface are
// filled in. It fills in the rest of what it measures.
func (s *Sampler) Take(now time.Time, nodes []mgmt.NodeSample) *mgmt.HostSample {
	sample := &mgmt.HostSample{Time: now.UTC(), CPUs: runtime.NumCPU(), Nodes: nodes}
	machine.Measure(sample, s.cfg.Dirs)
	s.busy(sample)
	was := s.processes
	s.processes = make(map[int]reading, len(nodes))
	for i := range nodes {
		if nodes[i].PID != 0 {
			s.process(now, &nodes[i], was)
		}
	}
	sample.Interfaces = s.interfaces(nodes)
	s.at = now
	return sample
}

// busy measures the processors of the host.
func (s *Sampler) busy(sample *mgmt.HostSample) {
	whole, err := s.cfg.Proc.Processors()
	if err != nil {
		return
	}
	if all := whole.Total - s.whole.Total; whole.Total > s.whole.Total && whole.Busy >= s.whole.Busy {
		sample.Busy = float64(whole.Busy-s.whole.Busy) / float64(all) * float64(sample.CPUs)
	}
	s.whole = whole
}

// process measures the process of a node. It is left out if it has just ended.
func (s *Sampler) process(now time.Time, n *mgmt.NodeSample, was map[int]reading) {
	stat, err := s.cfg.Proc.Stat(n.PID)
	if err != nil || stat.Dead() {
		n.PID = 0
		return
	}
	n.Memory = stat.Pages * uint64(os.Getpagesize())
	n.Threads = stat.Threads
	n.Files, _ = s.cfg.Proc.Files(n.PID)
	const tick = time.Second / procfs.TicksPerSecond
	started := s.booted.Add(time.Duration(stat.Ticks) * tick)
	if n.Started.IsZero() {
		n.Started = started.UTC().Truncate(time.Second)
	}
	used, since := stat.Used, now.Sub(started)
	if before, ok := was[n.PID]; ok && before.start == stat.Ticks && before.used <= used {
		used, since = used-before.used, now.Sub(s.at)
	}
	if since > 0 {
		n.CPU = (time.Duration(used) * tick).Seconds() / max(since, tick).Seconds()
	}
	s.processes[n.PID] = reading{stat.Ticks, stat.Used}
}
