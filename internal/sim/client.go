package sim

import (
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// client is a program that talks to the controller over a WebSocket.
type client struct {
	w      *world
	name   string
	host   *host
	ep     *endpoint // nil: it neither is connected nor connects
	dialer *dialer
	life   int
	role   mgmt.UserRole // of its user, as the controller finds it when a request comes
	awaits []awaited
	last   mgmt.Configuration // the configuration that it staged last
	// heard holds the latest answer of each kind that the client got.
	heard map[string][]mgmt.Result
}

// awaited is a request of a client whose answer has not come.
type awaited struct {
	kind string
	id   mgmt.ReqID
}

// patience is how long a client waits for an answer, with the delays of the network.
const patience = 30 * time.Second

func (w *world) newClient(name string) *client {
	c := &client{w: w, name: name, host: w.clientHost(), role: mgmt.Admin, heard: map[string][]mgmt.Result{}}
	w.clients = append(w.clients, c)
	return c
}

// connect begins a connection. It comes up as soon as a controller runs.
func (c *client) connect() {
	c.leave()
	c.life++
	c.ep = &endpoint{id: mgmt.PeerID(fmt.Sprintf("%s.%d", c.name, c.life)), part: c, host: c.host}
	c.dialer = &dialer{from: c.ep, to: c.server()}
	c.w.net.dial(c.dialer)
}

// leave ends the connection and sends nothing before.
func (c *client) leave() {
	if c.ep == nil {
		return
	}
	c.dialer.stopped = true
	ep := c.ep
	c.ep, c.awaits = nil, nil
	c.w.net.vanish(ep, false)
}

func (c *client) connected() bool {
	return c.ep != nil && len(c.ep.ends) > 0 && c.ep.ends[0].state == up
}

func (c *client) wants(t topic) bool { return t.channel == toController }

func (c *client) peerAdded(*end) {}

// peerLost forgets the open requests: nobody will answer them, because a WebSocket
// client has a new identity when it connects again.
func (c *client) peerLost(*end) { c.leave() }

// receive takes the answers to the client's own requests. It also gets the answers
// to other clients.
func (c *client) receive(_ *end, got parcel) {
	resp, ok := got.msg.(mgmt.Response)
	if !ok {
		return
	}
	i := slices.IndexFunc(c.awaits, func(r awaited) bool { return answers(resp, r.kind) && r.id == resp.RequestID() })
	if i >= 0 {
		c.heard[c.awaits[i].kind] = resp.Outcomes()
		c.awaits = slices.Delete(c.awaits, i, i+1)
	}
}

// ask sends a request. It demands an answer in time if the request's ID is unique.
func (c *client) ask(msg mgmt.Message, unique bool) {
	c.w.net.publish(c.ep, parcel{topic{channel: toController}, msg})
	req, ok := mgmt.AsRequest(msg)
	if !ok || !unique || mgmt.KindOf(req).May == mgmt.NoUser {
		return
	}
	r, life := awaited{mgmt.KindOf(req).Name(), req.RequestID()}, c.life
	c.awaits = append(c.awaits, r)
	c.w.after(c.w.patience()+8*c.w.mood.delay, func() { c.demand(r, life) })
}

// broken reports whether the connection has ended, and the client cannot know it yet.
func (c *client) broken() bool {
	return slices.ContainsFunc(c.ep.ends, func(e *end) bool { return e.far.state == down || apart(e.self, e.far.self) })
}

// demand demands that the client has its answer, unless the controller waits for bundles and
// may still do so.
func (c *client) demand(r awaited, life int) {
	if c.life != life || c.ep == nil || !slices.Contains(c.awaits, r) {
		return
	}
	if slices.ContainsFunc(c.w.controllers, func(of *controllerPart) bool { return of.book.waitsForBundles(c.ep.id, r) }) || c.w.shared != nil && c.broken() {
		c.w.after(c.w.patience()+8*c.w.mood.delay, func() { c.demand(r, life) })
		return
	}
	c.w.violated("client %s waits in vain for the answer to %s %s", c.name, r.kind, r.id)
}
