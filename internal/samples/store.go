package samples

import (
	"maps"
	"sort"
	"sync"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config bounds a Store. Its zero value works.
type Config struct {
	// MaxHosts bounds the hosts. A further one is not kept. Zero means 10,000.
	MaxHosts int
	// Fresh is how long a sample counts as the newest one of a host. Zero means 20 s.
	Fresh time.Duration
	// MaxHistories bounds the hosts, nodes and interfaces that have history, and PerHost
	// those of one host. Beyond them a further one has none, unless another one of its host
	// was not heard of for a minute: that one goes. Zero means 20,000 and 2048.
	MaxHistories, PerHost int
	// HistoryBytes bounds the history of one of them, in bytes. What is oldest goes. Zero
	// means 8 KiB.
	HistoryBytes int
}

func (c Config) withDefaults() Config {
	if c.MaxHosts <= 0 {
		c.MaxHosts = 10_000
	}
	if c.Fresh <= 0 {
		c.Fresh = 4 * mgmt.SampleInterval
	}
	if c.MaxHistories <= 0 {
		c.MaxHistories = 20_000
	}
	if c.PerHost <= 0 {
		c.PerHost = 2048
	}
	if c.HistoryBytes <= 0 {
		c.HistoryBytes = 8 << 10
	}
	return c
}

// Store keeps samples.
type Store struct {
	cfg Config

	mu      sync.Mutex
	hosts   map[mgmt.InstanceName]*host
	taken   uint64 // samples
	things  int    // that have history
	missing map[mgmt.InstanceName]string
	changed chan struct{} // closed when the next sample comes; nil: nobody waits
}

// host is what is kept of one host.
type host struct {
	view Host
	// number counts all samples, up to the newest one of this host.
	number uint64
	told   map[mgmt.NodeName]told
	past   *history // nil: there was no room for it
}

// New returns an empty Store.
func New(cfg Config) *Store {
	return &Store{cfg: cfg.withDefaults(), hosts: map[mgmt.InstanceName]*host{}, missing: map[mgmt.InstanceName]string{}}
}

// Take keeps a sample, which must not be changed any more. It reports false if there are too
// many hosts.
func (s *Store) Take(now time.Time, instance mgmt.InstanceName, sample *mgmt.HostSample) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hosts[instance]
	if h == nil {
		if len(s.hosts) >= s.cfg.MaxHosts {
			return false
		}
		h = &host{}
		s.hosts[instance] = h
	}
	h.view = rates(instance, now, sample, h.view.Sample, h.told)
	h.told = toldOf(sample, h.told)
	s.taken++
	h.number = s.taken
	s.remember(now, h)
	delete(s.missing, instance)
	s.tell()
	return true
}

// Miss keeps the reason for people why no samples of an instance come, until one comes. Beyond
// MaxHosts, no further reason is kept.
func (s *Store) Miss(instance mgmt.InstanceName, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, known := s.missing[instance]; !known && len(s.missing) >= s.cfg.MaxHosts {
		return
	}
	s.missing[instance] = why
	s.tell()
}

// Missing returns the reason why no samples of an instance come, or "".
func (s *Store) Missing(instance mgmt.InstanceName) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.missing[instance]
}

// tell tells whoever waits. The caller holds mu.
func (s *Store) tell() {
	if s.changed != nil {
		close(s.changed)
		s.changed = nil
	}
}

// remember adds the newest sample of a host to its history. The caller holds mu.
func (s *Store) remember(now time.Time, h *host) {
	if h.past == nil {
		if s.things >= s.cfg.MaxHistories {
			return
		}
		h.past = newHistory()
	} else {
		s.things -= h.past.things()
	}
	h.past.take(now, &h.view, func(past *history) bool {
		if here := past.things(); here < s.cfg.PerHost && s.things+here < s.cfg.MaxHistories {
			return true
		}
		return past.evict(now)
	})
	h.past.prune(now, s.cfg.HistoryBytes)
	s.things += h.past.things()
}

// Latest returns the newest sample of each host that has a fresh one, sorted by instance.
func (s *Store) Latest(now time.Time) []Host {
	list, _ := s.Since(0, now)
	return list
}

// Since is Latest of the hosts whose newest sample has come after one with a number. It also
// returns the number of the newest one of all. Numbers begin at 1.
func (s *Store) Since(number uint64, now time.Time) (list []Host, newest uint64) {
	s.mu.Lock()
	for _, h := range s.hosts {
		if h.number > number && now.Sub(h.view.Heard) <= s.cfg.Fresh {
			list = append(list, h.view)
		}
	}
	newest = s.taken
	s.mu.Unlock()
	sort.Slice(list, func(i, j int) bool { return list[i].Instance < list[j].Instance })
	return list, newest
}

// Changed returns a channel that is closed when the next sample comes.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.changed == nil {
		s.changed = make(chan struct{})
	}
	return s.changed
}

// Keep forgets the hosts for which keep is false.
func (s *Store) Keep(keep func(mgmt.InstanceName) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, h := range s.hosts {
		if !keep(name) {
			if h.past != nil {
				s.things -= h.past.things()
			}
			delete(s.hosts, name)
		}
	}
	maps.DeleteFunc(s.missing, func(name mgmt.InstanceName, _ string) bool { return !keep(name) })
}
