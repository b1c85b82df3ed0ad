package sim

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// topic is where a message is published: one of three channels, and for
// agents' what follows their common prefix.
type topic struct {
	channel  channel
	instance mgmt.InstanceName
}

type channel int

const (
	toController channel = iota
	toAgents
	toNodes
)

// agentFilter reports whether the subscription to an agent's own topic, or to
// the nodes', matches: by prefix, as Broker's do.
func agentFilter(name mgmt.InstanceName, t topic) bool {
	return t.channel == toNodes || t.channel == toAgents && strings.HasPrefix(string(t.instance), string(name))
}

// part is a program that takes part in the network.
type part interface {
	wants(topic) bool
	peerAdded(*end)
	peerLost(*end)
	receive(*end, parcel)
}

// endpoint is one life of a part, as its peers see it.
type endpoint struct {
	id   mgmt.PeerID
	part part
	host *host
	ends []*end // of connections that are up, or about to be
	gone bool
}

// end is one of the two ends of a connection.
type end struct {
	self   *endpoint
	far    *end
	dialed bool
	addr   netip.AddrPort // of the far end; for a dialed one that which was dialed
	state  endState
	dialer *dialer // keeps the connection up; nil at the other end

	arrives time.Duration // when the latest of what is on its way to this end arrives
	deaf    time.Duration // what would arrive later is lost; zero: nothing is
	held    []parcel      // arrived at a host that is cut off, to be delivered when it is not
}

type endState int

const (
	coming endState = iota
	up
	down
)

// parcel is a message under way.
type parcel struct {
	topic topic
	msg   mgmt.Message
}

func apart(a, b *endpoint) bool { return a.host != b.host && (a.host.cut || b.host.cut) }

// delay is how long something takes from one endpoint to another.
func (w *world) delay() time.Duration {
	return w.terms.delay + w.between(0, w.mood.delay)
}

// connect makes a peering between two endpoints, which learn of it one after
// the other.
func (w *world) connect(d *dialer, to *endpoint) {
	from := d.from
	near := &end{self: from, dialed: true, addr: d.addr, dialer: d}
	far := &end{self: to, far: near, addr: netip.AddrPortFrom(from.host.addr, 40000)}
	near.far = far
	d.end = near
	from.ends, to.ends = append(from.ends, near), append(to.ends, far)
	near.arrives = w.now + w.delay() // before anything that the other sends
	w.at(near.arrives, func() { near.comeUp() })
	far.comeUp()
}

func (e *end) comeUp() {
	if e.state != coming || e.self.gone {
		return
	}
	e.state = up
	e.self.part.peerAdded(e)
}

// sendTo sends to one peer, if there is such a peer and it subscribed.
func (w *world) sendTo(from *endpoint, to mgmt.PeerID, p parcel) {
	for _, e := range from.ends {
		if e.far.self.id == to && e.state == up && e.far.self.part.wants(p.topic) {
			w.send(e, p)
			return
		}
	}
}

// publish sends to every peer that subscribed.
func (w *world) publish(from *endpoint, p parcel) {
	for _, e := range from.ends {
		if e.state == up && e.far.self.part.wants(p.topic) {
			w.send(e, p)
		}
	}
}

func (w *world) send(e *end, p parcel) {
	to := e.far
	w.record(coretest.Entry{From: string(e.self.id), To: string(to.self.id), What: p.msg})
	to.arrives = max(to.arrives, w.now+w.delay())
	w.at(to.arrives, func() { w.arrive(to, p) })
}

func (w *world) arrive(e *end, p parcel) {
	switch {
	case e.state == down:
		w.reset(e.far) // nobody there any more, and the host says so
	case e.deaf > 0 && w.now > e.deaf:
	case apart(e.self, e.far.self) || len(e.held) > 0:
		e.held = append(e.held, p)
	default:
		w.deliver(e, p)
	}
}

func (w *world) deliver(e *end, p parcel) {
	w.record(coretest.Entry{From: string(e.far.self.id), To: string(e.self.id), What: p.msg, Heard: true})
	e.self.part.receive(e, p)
}

// release delivers what was held up by a cut that is over.
func (w *world) release(e *end) {
	if apart(e.self, e.far.self) {
		return
	}
	held := e.held
	e.held = nil
	for _, p := range held {
		if e.state == up {
			w.deliver(e, p)
		}
	}
}

// lose ends a connection as this end sees it. The other end hears of it unless
// the network is cut: then its own patience, or the end of the cut, tells it.
func (w *world) lose(e *end) {
	if e.state == down {
		return
	}
	was := e.state
	w.shut(e)
	if !apart(e.self, e.far.self) {
		w.reset(e.far)
	}
	if was == up && !e.self.gone {
		w.record(coretest.Entry{From: string(e.self.id), To: string(e.far.self.id), What: "connection lost"})
		e.self.part.peerLost(e)
	}
}

// shut makes an end one that is down, without telling its endpoint.
func (w *world) shut(e *end) {
	e.state, e.held = down, nil
	e.self.ends = slices.DeleteFunc(e.self.ends, func(o *end) bool { return o == e })
	if d := e.dialer; d != nil {
		d.end = nil
		w.after(w.between(0, w.terms.retry), func() { w.dial(d) })
	}
}

// reset tells an end that the other is down, after all that was sent before.
func (w *world) reset(e *end) {
	if e.state == down {
		return
	}
	e.arrives = max(e.arrives, w.now+w.delay())
	w.at(e.arrives, func() {
		if !apart(e.self, e.far.self) {
			w.lose(e)
		}
	})
}

// vanish ends an endpoint's life. Of what it sent, the end may not arrive. Its
// peers hear of it at once, or if its host lost power only after a while.
func (w *world) vanish(ep *endpoint, powerLost bool) {
	ep.gone = true
	for _, e := range slices.Clone(ep.ends) {
		far := e.far
		if w.chance(w.mood.lossAtCrash) && far.arrives > w.now {
			far.deaf = max(1, w.now+time.Duration(w.rng.Int64N(int64(far.arrives-w.now))))
		}
		e.dialer = nil
		w.shut(e)
		switch {
		case powerLost:
			w.after(w.between(0, w.terms.silence), func() { w.lose(far) })
		case !apart(e.self, far.self):
			w.reset(far)
		}
	}
}

// cutOff separates a host from all others. Each end of its connections notices
// in its own time, or not at all if the cut is over before.
func (w *world) cutOff(h *host) {
	h.cut = true
	w.did(h.addr.String(), "is cut off")
	for _, e := range w.across(h) {
		w.after(w.between(time.Millisecond, w.terms.silence), func() {
			if apart(e.self, e.far.self) {
				w.lose(e)
			}
		})
	}
}

// mend ends a cut. Connections that both ends still believe in go on. Of one
// that an end has given up the other gets what was sent before, and its end,
// when it is sent again.
func (w *world) mend(h *host) {
	h.cut = false
	w.did(h.addr.String(), "is connected again")
	for _, e := range w.across(h) {
		if e.far.state == down {
			w.resend(e)
			continue
		}
		e.arrives = max(e.arrives, w.now+w.delay())
		w.at(e.arrives, func() { w.release(e) })
	}
}

// resend has an end whose other is down hear of that before long.
func (w *world) resend(e *end) {
	w.after(w.between(0, w.terms.ping), func() {
		w.release(e)
		w.reset(e)
	})
}

// across returns the ends of all connections between h and other hosts, as far
// as they are not down.
func (w *world) across(h *host) []*end {
	var list []*end
	for _, ep := range w.endpoints() {
		for _, e := range ep.ends {
			if e.far.self.host != ep.host && (ep.host == h || e.far.self.host == h) {
				list = append(list, e)
			}
		}
	}
	return list
}

// endpoints returns those that have connections between hosts.
func (w *world) endpoints() []*endpoint {
	var list []*endpoint
	if w.controller.ep != nil {
		list = append(list, w.controller.ep)
	}
	for _, a := range w.agents {
		if a.ep != nil {
			list = append(list, a.ep)
		}
	}
	return list
}

// dialer keeps one connection up until it is stopped.
type dialer struct {
	from    *endpoint
	addr    netip.AddrPort
	to      func() *endpoint // who listens there now; nil is nobody
	end     *end             // of the connection, if there is one
	stopped bool
}

// dial makes one attempt, unless there is a connection already, and sees to the
// next one.
func (w *world) dial(d *dialer) {
	if d.stopped || d.from.gone || d.end != nil {
		return
	}
	if to := d.to(); to != nil && !to.gone && !apart(d.from, to) {
		w.after(2*w.delay(), func() { w.accept(d, to) })
		return
	}
	w.redial(d)
}

func (w *world) redial(d *dialer) {
	w.after(w.terms.retry+w.between(0, w.mood.delay), func() { w.dial(d) })
}

// accept ends a handshake. Of two connections between the same endpoints one
// survives: the existing one if it works (spec broker-wire 3.7).
func (w *world) accept(d *dialer, to *endpoint) {
	if d.stopped || d.from.gone || d.end != nil {
		return
	}
	if apart(d.from, to) || w.redundant(d.from, to) || to.gone {
		w.redial(d)
		return
	}
	if !d.from.gone && !d.stopped { // or else it was the loss of the earlier one that ended it
		w.connect(d, to)
	}
}

// redundant reports whether the endpoints have a connection that works, and
// ends those that do not.
func (w *world) redundant(a, b *endpoint) bool {
	for _, pair := range [2][2]*endpoint{{a, b}, {b, a}} {
		for _, e := range slices.Clone(pair[0].ends) {
			if e.far.self != pair[1] {
				continue
			}
			if e.state != down && e.far.state != down {
				return true
			}
			w.lose(e)
		}
	}
	return false
}

// hangUp stops a dialer and ends its connection.
func (w *world) hangUp(d *dialer) {
	d.stopped = true
	if e := d.end; e != nil {
		w.after(w.delay(), func() { w.lose(e) })
	}
}
