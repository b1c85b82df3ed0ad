package web

import (
	"container/list"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// attempts limits how often somebody may try to join or to log in.
type attempts struct {
	burst    int
	interval time.Duration
	most     int // addresses that are remembered

	mu     sync.Mutex
	all    *rate.Limiter
	byAddr map[netip.Addr]*list.Element
	recent *list.List // of *attempter, the latest first
}

type attempter struct {
	addr  netip.Addr
	limit *rate.Limiter
}

func newAttempts(cfg Config) *attempts {
	return &attempts{
		burst: cfg.AttemptsBurst, interval: cfg.AttemptInterval, most: cfg.MaxAttempters,
		all:    rate.NewLimiter(rate.Every(cfg.AllAttemptInterval), cfg.AllAttemptsBurst),
		byAddr: map[netip.Addr]*list.Element{}, recent: list.New(),
	}
}

// site48 is how many bits of an IPv6 address count here: one attacker can have as many
// networks of 64 bits as the limit for all addresses would let through.
const site48 = 48

// take counts an attempt. It returns zero, or how long the address must wait.
func (a *attempts) take(now time.Time, addr netip.Addr) time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	one := a.of(network(addr, site48)).ReserveN(now, 1)
	if wait := one.DelayFrom(now); wait > 0 {
		one.CancelAt(now)
		return wait
	}
	all := a.all.ReserveN(now, 1)
	if wait := all.DelayFrom(now); wait > 0 {
		all.CancelAt(now)
		one.CancelAt(now)
		return wait
	}
	return 0
}

// of returns the limit of an address. If too many are remembered, the one that has tried
// least recently is forgotten. The caller holds mu.
func (a *attempts) of(addr netip.Addr) *rate.Limiter {
	if known := a.byAddr[addr]; known != nil {
		a.recent.MoveToFront(known)
		return known.Value.(*attempter).limit
	}
	if a.recent.Len() >= a.most {
		oldest := a.recent.Remove(a.recent.Back()).(*attempter)
		delete(a.byAddr, oldest.addr)
	}
	fresh := &attempter{addr, rate.NewLimiter(rate.Every(a.interval), a.burst)}
	a.byAddr[addr] = a.recent.PushFront(fresh)
	return fresh.limit
}
