package web

import (
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
}

// notAwaited reports whether an operation ends by itself when the server ends: those that last,
// and those that make another controller lead.
func notAwaited(id string) bool {
	return lasting[id] || id == "lead-controller" || id == "remove-controller" || id == unknownOperation
}

// begin says that a request is being answered, until end is called. It returns false if the
// server takes none any more.
func (r *retiring) begin() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.retired {
		return false
	}
	r.running++
	return true
}

func (r *retiring) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.running--
	r.tell()
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
// answers them. The channel is closed when the requests that the server has taken are
// answered, but for those that last.
func (r *retiring) Retire() (idle <-chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.retired {
		r.retired, r.idle = true, make(chan struct{})
		r.tell()
	}
	return r.idle
}

// refuseRetired refuses a request because another controller is about to lead. It does not touch the
// body: whoever has sent the request may send it to that one.
func refuseRetired(s *Server, w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Retry-After", "1")
	w.Header().Set(api.NoLeaderHeader, "yes")
	w.Header().Set("Connection", "close")
	s.tell(w, r, http.StatusServiceUnavailable, "this controller hands over to another one: ask again")
}
