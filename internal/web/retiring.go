package web

import (
	"context"
	"net/http"
	"sync"

	"github.com/zeekfleet/zeekfleet/client/api"
)

// retiring lets a server end without cutting off the requests that it answers.
type retiring struct {
	mu      sync.Mutex
	running int
	retired bool
	idle    chan struct{} // is closed when it has retired and answers nothing
	// waits end the requests that wait on purpose, by the address of their contexts.
	waits map[*context.CancelFunc]bool
}

// whileServing returns a context that also ends when the server retires: whoever waits on purpose
// gets the answer then that comes when the time is over, and asks the next controller.
func (r *retiring) whileServing(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.retired {
		cancel()
		return ctx, cancel
	}
	if r.waits == nil {
		r.waits = map[*context.CancelFunc]bool{}
	}
	key := &cancel
	r.waits[key] = true
	return ctx, func() {
		cancel()
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.waits, key)
	}
}

// notAwaited reports whether the server does not wait for an operation when it retires: it ends by
// itself then, or its answer comes when another controller leads.
func notAwaited(id string) bool {
	return lasting[id] || id == "lead-controller" || id == "remove-controller" || id == unknownOperation
}

// changesNothing reports whether an operation may be asked for twice without harm.
func changesNothing(method, id string) bool {
	return method == http.MethodGet || method == http.MethodHead || id == "plan" || id == "preflight"
}

// harmless is the answer to a request that changes nothing. If the end of the server cuts the request
// off, the answer says that another controller can be asked.
type harmless struct {
	http.ResponseWriter
	ctx context.Context
}

func (w *harmless) WriteHeader(status int) {
	if status >= http.StatusInternalServerError && w.ctx.Err() != nil {
		askAnother(w.Header())
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets an http.ResponseController reach the connection.
func (w *harmless) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// askAnother says in an answer that the request was not carried out, and can be made again.
func askAnother(h http.Header) {
	h.Set("Retry-After", "1")
	h.Set(api.NoLeaderHeader, "yes")
	h.Set("Connection", "close")
}

// begin says that an operation is being carried out, until end is called. It returns false if the
// server takes none any more.
func (r *retiring) begin(operation string) (end func(), ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.retired:
		return nil, false
	case notAwaited(operation):
		return func() {}, true
	}
	r.running++
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.running--
		r.tell()
	}, true
}

// tell closes idle if nothing is to be awaited. mu is held.
func (r *retiring) tell() {
	if r.retired && r.running == 0 {
		select {
		case <-r.idle:
		default:
			close(r.idle)
		}
	}
}

// Retire makes the server refuse further requests: another controller is about to lead, and
// answers them. What waits on purpose is answered now. The channel is closed when the requests
// that the server has taken are answered, but for those that last.
func (r *retiring) Retire() (idle <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.retired {
		r.retired, r.idle = true, make(chan struct{})
		r.tell()
		for cancel := range r.waits {
			(*cancel)()
		}
	}
	return r.idle
}

// refuseRetired refuses a request because another controller is about to lead. It does not touch the
// body: whoever has sent the request may send it to that one.
func refuseRetired(s *Server, w http.ResponseWriter, r *http.Request) {
	askAnother(w.Header())
	s.tell(w, r, http.StatusServiceUnavailable, "this controller hands over to another one: ask again")
}
