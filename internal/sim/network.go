package sim

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// topic is the topic of a message: one of three channels, and for the agents'
// channel the instance that follows the common prefix.
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

// agentFilter reports whether an agent gets messages of this topic. An agent
// subscribes to its own topic and to the nodes' topic. Broker matches by prefix.
func agentFilter(name mgmt.InstanceName, t topic) bool {
	return t.channel == toNodes || t.channel == toAgents && strings.HasPrefix(string(t.instance), string(name))
}

// part is a program with connections.
type part interface {
	wants(topic) bool
	peerAdded(*end)
	peerLost(*end)
	receive(*end, parcel)
}

// host is a machine on the network.
type host struct {
	addr netip.Addr
	cut  bool // off from all other hosts
}

// network connects the endpoints of a world.
type network struct {
	*environment
	// endpoints returns the endpoints that may have connections to other hosts.
	endpoints func() []*endpoint
}

// endpoint is one life of a part, as its peers see it.
type endpoint struct {
	id   mgmt.PeerID
	part part
	host *host
	ends []*end // of connections that are up, or about to come up
	gone bool
}

// end is one of the two ends of a connection.
type end struct {
	self   *endpoint
	far    *end
	dialed bool
	addr   netip.AddrPort // of the far end; if dialed, the address that was dialed
	state  endState
	dialer *dialer // keeps the connection up; nil at the other end

	announced announcement // what the far end has told this one of its subscriptions

	arrives time.Duration // when the last message on its way to this end arrives
	deaf    time.Duration // messages that arrive later are lost; zero: none is lost
	held    []parcel      // messages that wait for the end of a cut
}

type endState int

const (
	coming endState = iota
	up
	down
)

// parcel is a message with its topic.
type parcel struct {
	topic topic
	msg   mgmt.Message
}

func apart(a, b *endpoint) bool { return a.host != b.host && (a.host.cut || b.host.cut) }

// delay returns how long a message takes from one endpoint to another.
func (n *network) delay() time.Duration {
	return n.terms.delay + n.between(0, n.mood.delay)
}

// connect makes a peering between two endpoints. They notice it one after the
// other.
func (n *network) connect(d *dialer, to *endpoint) {
	from := d.from
	near := &end{self: from, dialed: true, addr: d.addr, dialer: d}
	far := &end{self: to, far: near, addr: netip.AddrPortFrom(from.host.addr, 40000)}
	near.far = far
	d.end = near
	from.ends, to.ends = append(from.ends, near), append(to.ends, far)
	near.arrives = n.now + n.delay() // before the first message of the other end
	n.at(near.arrives, func() { near.comeUp() })
	far.comeUp()
}

func (e *end) comeUp() {
	if e.state != coming || e.self.gone {
		return
	}
	e.state = up
	e.self.part.peerAdded(e)
}

// sendTo sends to one peer, if it is connected and has subscribed.
func (n *network) sendTo(from *endpoint, to mgmt.PeerID, p parcel) {
	for _, e := range from.ends {
		if e.far.self.id == to && e.state == up && !e.announced.mute && e.far.self.part.wants(p.topic) {
			n.send(e, p)
			return
		}
	}
}

// publish sends to every connected peer that has subscribed.
func (n *network) publish(from *endpoint, p parcel) {
	for _, e := range from.ends {
		if e.state == up && !e.announced.mute && e.far.self.part.wants(p.topic) {
			n.send(e, p)
		}
	}
}

func (n *network) send(e *end, p parcel) {
	to := e.far
	n.record(coretest.Entry{From: string(e.self.id), To: string(to.self.id), What: p.msg})
	to.arrives = max(to.arrives, n.now+n.delay())
	n.at(to.arrives, func() { n.arrive(to, p) })
}

func (n *network) arrive(e *end, p parcel) {
	switch {
	case e.state == down:
		n.reset(e.far) // the host says that nobody is there
	case e.deaf > 0 && n.now > e.deaf:
	case apart(e.self, e.far.self) || len(e.held) > 0:
		e.held = append(e.held, p)
	default:
		n.deliver(e, p)
	}
}

func (n *network) deliver(e *end, p parcel) {
	if !announces(p.msg) {
		n.record(coretest.Entry{From: string(e.far.self.id), To: string(e.self.id), What: p.msg, Heard: true})
	}
	e.self.part.receive(e, p)
}

// release delivers the messages that a cut held up, if the cut is over.
func (n *network) release(e *end) {
	if apart(e.self, e.far.self) {
		return
	}
	held := e.held
	e.held = nil
	for _, p := range held {
		if e.state == up {
			n.deliver(e, p)
		}
	}
}

// lose ends a connection at this end. The other end is told. If the network is cut,
// the other end notices when its patience or the cut ends.
func (n *network) lose(e *end) {
	if e.state == down {
		return
	}
	was := e.state
	n.shut(e)
	if !apart(e.self, e.far.self) {
		n.reset(e.far)
	}
	if was == up && !e.self.gone {
		n.record(coretest.Entry{From: string(e.self.id), To: string(e.far.self.id), What: "connection lost"})
		e.self.part.peerLost(e)
	}
}

// shut takes an end down, and does not tell its endpoint.
func (n *network) shut(e *end) {
	e.state, e.held = down, nil
	e.self.ends = slices.DeleteFunc(e.self.ends, func(o *end) bool { return o == e })
	if d := e.dialer; d != nil {
		d.end = nil
		n.after(n.between(0, n.terms.retry), func() { n.dial(d) })
	}
}

// reset tells an end that the other end is down, after all messages that were sent
// before.
func (n *network) reset(e *end) {
	if e.state == down {
		return
	}
	e.arrives = max(e.arrives, n.now+n.delay())
	n.at(e.arrives, func() {
		if !apart(e.self, e.far.self) {
			n.lose(e)
		}
	})
}

// vanish ends an endpoint. Its last messages may be lost. Its peers notice after
// the delay of the network, or after a while if its host lost power.
func (n *network) vanish(ep *endpoint, powerLost bool) {
	ep.gone = true
	for _, e := range slices.Clone(ep.ends) {
		far := e.far
		if n.chance(n.mood.lossAtCrash) && far.arrives > n.now {
			far.deaf = max(1, n.now+time.Duration(n.rng.Int64N(int64(far.arrives-n.now))))
		}
		e.dialer = nil
		n.shut(e)
		switch {
		case powerLost:
			n.after(n.between(0, n.terms.silence), func() { n.lose(far) })
		case !apart(e.self, far.self):
			n.reset(far)
		}
	}
}

// cutOff separates a host from all other hosts. Each end of its connections notices
// in its own time, or never if the cut is over before.
func (n *network) cutOff(h *host) {
	h.cut = true
	n.did(h.addr.String(), "is cut off")
	for _, e := range n.across(h) {
		n.after(n.between(time.Millisecond, n.terms.silence), func() {
			if apart(e.self, e.far.self) {
				n.lose(e)
			}
		})
	}
}

// mend ends a cut. A connection that is up at both ends goes on. If one end has
// given the connection up, the other end gets the messages that were sent before,
// and then notices that the connection has ended.
func (n *network) mend(h *host) {
	h.cut = false
	n.did(h.addr.String(), "is connected again")
	for _, e := range n.across(h) {
		if e.far.state == down {
			n.resend(e)
			continue
		}
		e.arrives = max(e.arrives, n.now+n.delay())
		n.at(e.arrives, func() { n.release(e) })
	}
}

// resend tells an end before long that the other end is down. The messages that a
// cut held up come first.
func (n *network) resend(e *end) {
	n.after(n.between(0, n.terms.ping), func() {
		n.release(e)
		n.reset(e)
	})
}

// across returns the ends of all connections between h and other hosts, except the
// ends that are down.
func (n *network) across(h *host) []*end {
	var list []*end
	for _, ep := range n.endpoints() {
		for _, e := range ep.ends {
			if e.far.self.host != ep.host && (ep.host == h || e.far.self.host == h) {
				list = append(list, e)
			}
		}
	}
	return list
}

// dialer keeps one connection up until it is stopped.
type dialer struct {
	from    *endpoint
	addr    netip.AddrPort
	to      func() *endpoint // returns the endpoint that listens there now, or nil
	end     *end             // of the connection; nil: there is none
	stopped bool
}

// dial makes one attempt, unless there is a connection. If the attempt fails, dial
// plans the next one.
func (n *network) dial(d *dialer) {
	if d.stopped || d.from.gone || d.end != nil {
		return
	}
	if to := d.to(); to != nil && !to.gone && !apart(d.from, to) {
		n.after(2*n.delay(), func() { n.accept(d, to) })
		return
	}
	n.redial(d)
}

func (n *network) redial(d *dialer) {
	n.after(n.terms.retry+n.between(0, n.mood.delay), func() { n.dial(d) })
}

// accept ends a handshake. If the two endpoints have a connection that works, the
// new one is refused (spec broker-wire 3.7).
func (n *network) accept(d *dialer, to *endpoint) {
	if d.stopped || d.from.gone || d.end != nil {
		return
	}
	if apart(d.from, to) || n.redundant(d.from, to) || to.gone {
		n.redial(d)
		return
	}
	if !d.from.gone && !d.stopped { // ending the earlier connection may have ended the dialer
		n.connect(d, to)
	}
}

// redundant reports whether the endpoints have a connection that works. It ends
// their connections that do not work.
func (n *network) redundant(a, b *endpoint) bool {
	for _, pair := range [2][2]*endpoint{{a, b}, {b, a}} {
		for _, e := range slices.Clone(pair[0].ends) {
			if e.far.self != pair[1] {
				continue
			}
			if e.state != down && e.far.state != down {
				return true
			}
			n.lose(e)
		}
	}
	return false
}

// hangUp stops a dialer and ends its connection.
func (n *network) hangUp(d *dialer) {
	d.stopped = true
	if e := d.end; e != nil {
		n.after(n.delay(), func() { n.lose(e) })
	}
}
