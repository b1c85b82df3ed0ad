package ledger

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Key tells requests in flight apart.
type Key struct {
	Asker mgmt.PeerID
	ID    mgmt.ReqID
}

// Request is one request that its core has not answered yet.
type Request[W cmp.Ordered, D any] struct {
	Key
	// Deadline is when Due lists the request. The zero time means never: the core
	// ends the request in another way.
	Deadline time.Time
	// Results holds the results that have come, in the order in which they came.
	Results []mgmt.Result
	// Detail is what the core keeps with the request.
	Detail D

	awaited map[W]struct{}
}

// Await lets the request wait for w.
func (r *Request[W, D]) Await(w W) {
	if r.awaited == nil {
		r.awaited = map[W]struct{}{}
	}
	r.awaited[w] = struct{}{}
}

// Awaits reports whether the request waits for w.
func (r *Request[W, D]) Awaits(w W) bool {
	_, ok := r.awaited[w]
	return ok
}

// Awaited returns everything that the request waits for, sorted.
func (r *Request[W, D]) Awaited() []W { return slices.Sorted(maps.Keys(r.awaited)) }

// Settle ends the wait for w, if there is one, and adds these results.
func (r *Request[W, D]) Settle(w W, results ...mgmt.Result) {
	delete(r.awaited, w)
	r.Results = append(r.Results, results...)
}

// Settled reports whether the request waits for nothing.
func (r *Request[W, D]) Settled() bool { return len(r.awaited) == 0 }
