package ledger

import (
	"cmp"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Limits bounds what a Ledger holds.
type Limits struct {
	// Requests bounds the requests in flight. Zero means no bound.
	Requests int
	// PerAsker bounds the requests of one asker. Zero means no bound.
	PerAsker int
	// Shared says that the askers share Requests. An asker with less than its share
	// in flight, or with none, may open a request although Requests are in flight.
	// So other askers cannot keep it out.
	Shared bool
	// IDBytes bounds the ID of a request. Zero means no bound.
	IDBytes int
}

// Refusal says why a Ledger does not take a request.
type Refusal int

// The refusals. Admitted is none.
const (
	Admitted  Refusal = iota
	LongID            // the ID is longer than Limits.IDBytes
	IDInUse           // the asker has a request with this ID in flight
	AskerFull         // the asker has Limits.PerAsker requests in flight
	Full              // there are Limits.Requests requests in flight
)

// Ledger holds the requests in flight of one core.
type Ledger[W cmp.Ordered, D any] struct {
	limits Limits
	order  []*Request[W, D] // in the order of their arrival
	byKey  map[Key]*Request[W, D]
	owed   map[mgmt.PeerID]int // the requests in flight of each asker that has any
}

// New returns a Ledger without requests.
func New[W cmp.Ordered, D any](limits Limits) *Ledger[W, D] {
	return &Ledger[W, D]{limits: limits, byKey: map[Key]*Request[W, D]{}, owed: map[mgmt.PeerID]int{}}
}

// Judge returns why a request with this key cannot be opened now, or Admitted.
func (l *Ledger[W, D]) Judge(key Key) Refusal {
	own := l.owed[key.Asker]
	switch {
	case l.limits.IDBytes > 0 && len(key.ID) > l.limits.IDBytes:
		return LongID
	case l.byKey[key] != nil:
		return IDInUse
	case l.limits.PerAsker > 0 && own >= l.limits.PerAsker:
		return AskerFull
	case l.limits.Requests > 0 && len(l.order) >= l.limits.Requests && own >= l.share():
		return Full
	}
	return Admitted
}

// share returns how many requests each asker may have when the Ledger is full.
func (l *Ledger[W, D]) share() int {
	if !l.limits.Shared {
		return 0
	}
	return max(1, l.limits.Requests/max(1, len(l.owed)))
}

// Open takes a request. The caller has judged its key.
func (l *Ledger[W, D]) Open(r *Request[W, D]) {
	if l.byKey[r.Key] != nil {
		panic("ledger: request " + string(r.ID) + " of " + string(r.Asker) + " is open")
	}
	l.order = append(l.order, r)
	l.byKey[r.Key] = r
	l.owed[r.Asker]++
}

// Holds reports whether a request is open.
func (l *Ledger[W, D]) Holds(r *Request[W, D]) bool { return l.byKey[r.Key] == r }

// Close forgets a request, and reports whether it was open.
func (l *Ledger[W, D]) Close(r *Request[W, D]) bool {
	if !l.Holds(r) {
		return false
	}
	delete(l.byKey, r.Key)
	l.order = slices.DeleteFunc(l.order, func(o *Request[W, D]) bool { return o == r })
	if l.owed[r.Asker]--; l.owed[r.Asker] == 0 {
		delete(l.owed, r.Asker)
	}
	return true
}

// Leave forgets all requests of an asker that is gone, and returns them in the
// order of their arrival.
func (l *Ledger[W, D]) Leave(asker mgmt.PeerID) []*Request[W, D] {
	if l.owed[asker] == 0 {
		return nil
	}
	left := l.list(func(r *Request[W, D]) bool { return r.Asker == asker })
	for _, r := range left {
		l.Close(r)
	}
	return left
}

// Len returns how many requests are in flight.
func (l *Ledger[W, D]) Len() int { return len(l.order) }

// All returns the requests in flight, in the order of their arrival.
func (l *Ledger[W, D]) All() []*Request[W, D] { return slices.Clone(l.order) }

// Awaiting returns the requests that wait for w, in the order of their arrival.
func (l *Ledger[W, D]) Awaiting(w W) []*Request[W, D] {
	return l.list(func(r *Request[W, D]) bool { return r.Awaits(w) })
}

// Due returns the requests whose deadline has come, the earliest deadline first.
func (l *Ledger[W, D]) Due(now time.Time) []*Request[W, D] {
	due := l.list(func(r *Request[W, D]) bool { return !r.Deadline.IsZero() && !now.Before(r.Deadline) })
	slices.SortStableFunc(due, func(r, s *Request[W, D]) int { return r.Deadline.Compare(s.Deadline) })
	return due
}

// Next returns the earliest deadline, and false if no request has one.
func (l *Ledger[W, D]) Next() (time.Time, bool) {
	var next time.Time
	for _, r := range l.order {
		if !r.Deadline.IsZero() && (next.IsZero() || r.Deadline.Before(next)) {
			next = r.Deadline
		}
	}
	return next, !next.IsZero()
}

func (l *Ledger[W, D]) list(wanted func(*Request[W, D]) bool) []*Request[W, D] {
	var list []*Request[W, D]
	for _, r := range l.order {
		if wanted(r) {
			list = append(list, r)
		}
	}
	return list
}
