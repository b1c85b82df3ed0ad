package bus

import (
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// refusals logs the connections that a listener has refused. If a source address
// tries again every second, only a few refusals an hour are logged for it.
type refusals struct {
	limit int // of sources; beyond it the source that was refused least recently is forgotten

	mu sync.Mutex
	by map[netip.Addr]*refusedSource
}

type refusedSource struct {
	outage outage
	last   time.Time
}

// refused logs that a connection of source was refused, unless that was logged
// lately. If the peer is connected already, the refusal is no warning, because
// both sides may dial.
func (r *refusals) refused(log *slog.Logger, source netip.Addr, err error) {
	if why, ok := errors.AsType[*refusal](err); ok && why.existing != nil {
		log.Info("connection refused", "err", err)
		return
	}
	if tell, lasted := r.add(time.Now(), source, err); tell {
		log.Warn("connection refused", "for", lasted.Round(time.Second), "err", err)
	}
}

func (r *refusals) add(now time.Time, source netip.Addr, err error) (tell bool, lasted time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	one := r.by[source]
	if one == nil {
		if r.by == nil {
			r.by = map[netip.Addr]*refusedSource{}
		}
		if len(r.by) >= r.limit {
			delete(r.by, r.leastRecent())
		}
		one = new(refusedSource)
		r.by[source] = one
	}
	one.last = now
	return one.outage.failed(now, err)
}

// leastRecent returns the source that was refused least recently. The caller holds
// mu.
func (r *refusals) leastRecent() netip.Addr {
	var found netip.Addr
	var last time.Time
	for source, one := range r.by {
		if last.IsZero() || one.last.Before(last) {
			found, last = source, one.last
		}
	}
	return found
}

// accepted says that a connection of source was accepted, which ends its outage.
func (r *refusals) accepted(source netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.by, source)
}
