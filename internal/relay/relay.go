package relay

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/web"
)

// Relay passes requests on to the controller that leads. Any goroutine may call its methods.
type Relay struct {
	cfg    Config
	server *web.Server
	leads  leads
	kept   *kept
	// passing has the connections to the controller that leads, and pulses those for its
	// pulse: a question of life and death does not wait for others. fresh makes a connection for each
	// request. It is for changes without a body: a controller may close a connection that nobody
	// uses just when such a request comes, and then nobody knows whether it was carried out.
	passing, fresh, pulses *http.Transport
	// pulsed is when the newest connection for pulses came about, in nanoseconds since began.
	pulsed atomic.Int64
	began  time.Time
}

// New returns a relay, which can serve once. At first it believes that nobody leads.
func New(cfg Config) (*Relay, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("relay config: %w", err)
	}
	r := &Relay{cfg: cfg, kept: newKept(cfg.Limits), began: time.Now()}
	r.leads.changed, r.leads.idle = make(chan struct{}), make(chan struct{})
	r.passing, r.fresh, r.pulses = r.transport(cfg.MaxConnections), r.transport(cfg.MaxConnections), r.transport(2)
	r.fresh.DisableKeepAlives = true
	r.pulses.DialTLSContext = r.dialForPulses
	r.server, err = web.New(web.Config{
		Name: cfg.Name, HostNames: cfg.HostNames, PlainElsewhere: cfg.PlainElsewhere, Logger: cfg.Logger, Limits: cfg.Web,
		Refused: cfg.Refused, Pass: r.serve,
	})
	return r, err
}

// Follow says who leads now. It does not wait. What goes on with the controller that led
// before is ended: streams at once, and a request that changes something after Grace.
func (r *Relay) Follow(l Leader) {
	if r.leads.follow(l, r.cfg.Grace) {
		r.passing.CloseIdleConnections()
	}
}

// Retire makes the relay refuse further requests: this controller ends, and another one is to be
// asked. The channel is closed when the changes that it has passed on are answered.
func (r *Relay) Retire() (idle <-chan struct{}) { return r.leads.retire() }

// Take serves a connection. It returns soon, and the connection is closed when it has
// ended.
func (r *Relay) Take(c web.Connection) {
	if !r.server.Take(c) {
		c.Close()
	}
}

// Serve serves until ctx is done, and returns ctx's cause then.
func (r *Relay) Serve(ctx context.Context) error {
	defer r.passing.CloseIdleConnections()
	defer r.pulses.CloseIdleConnections()
	return r.server.Serve(ctx)
}

// serve answers a request that was let in.
func (r *Relay) serve(w http.ResponseWriter, req *http.Request, c web.Connection) {
	if c.By != "" {
		// Another controller believes that this one leads. It asks again.
		noLeader(w, req, "this controller does not lead")
		return
	}
	if own := r.own(req, c); own != nil {
		own(w)
		return
	}
	if r.leads.hasRetired() {
		noLeader(w, req, ends)
		return
	}
	r.pass(w, req, c)
}
