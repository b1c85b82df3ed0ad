package bus

import (
	"errors"
	"log/slog"
	"net/netip"
	"sync"
	"time"
)

// refusals are the connections that a listener has refused, by where they came
// from: one that is tried again every second is logged a few times an hour.
type refusals struct {
	limit int // of sources; the one that was quiet for longest is forgotten first

	mu sync.Mutex
	by map[netip.Addr]*refusedSource
}

type refusedSource struct {
	outage outage
	last   time.Time
}

// refused logs that a connection of source was refused, unless that has been said
// lately. That a peer is connected already is nothing to look at: both sides may
// dial.
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
			delete(r.by, r.quietest())
		}
		one = new(refusedSource)
		r.by[source] = one
	}
	one.last = now
	return one.outage.failed(now, err)
}

func (r *refusals) quietest() netip.Addr {
	var found netip.Addr
	var last time.Time
	for source, one := range r.by {
		if last.IsZero() || one.last.Before(last) {
			found, last = source, one.last
		}
	}
	return found
}

// accepted says that source is welcome.
func (r *refusals) accepted(source netip.Addr) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.by, source)
}
