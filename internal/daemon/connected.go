package daemon

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/audit"
	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// client is a WebSocket client that is connected.
type client struct {
	bus.Peer
	user mgmt.Principal // as of its last request
}

// connected are the peers and clients of a controller. They are judged again when the
// authority of the cluster changes, and when a certificate ends: whoever does not count any
// more is dropped. It belongs to the goroutine of the controller's loop.
type connected struct {
	who     *Who
	drop    func(id string, why error)
	refused func(bus.Refusal)
	peers   map[string]bus.Peer // native peers
	clients map[mgmt.PeerID]client
	changed chan struct{} // the authority has changed
	ends    *time.Timer   // the next certificate ends, or that of somebody who has left
	next    time.Time     // when it does; zero: none does
}

// newCallers returns the callers of a controller to which nobody is connected.
func newCallers(who *Who, drop func(string, error), refused func(bus.Refusal)) *connected {
	ends := time.NewTimer(0)
	ends.Stop()
	return &connected{
		who: who, drop: drop, refused: refused, peers: map[string]bus.Peer{}, clients: map[mgmt.PeerID]client{},
		changed: make(chan struct{}, 1), ends: ends,
	}
}

// change says that the authority has changed. Any goroutine may call it.
func (c *connected) change(*access.Directory) {
	select {
	case c.changed <- struct{}{}:
	default: // the next judgement sees this change, too
	}
}

// add takes a peer that has connected. Its certificate may have stopped to count since its
// handshake.
func (c *connected) add(p bus.Peer, now time.Time) {
	if p.Kind == bus.Native {
		c.peers[p.ID] = p
	} else {
		c.clients[mgmt.PeerID(p.ID)] = client{Peer: p}
	}
	c.judge(p, now)
	if c.sooner(p, now) {
		c.ends.Reset(c.next.Sub(now))
	}
}

func (c *connected) remove(p bus.Peer) {
	delete(c.peers, p.ID)
	delete(c.clients, mgmt.PeerID(p.ID))
}

// judgeAll drops those who do not count any more.
func (c *connected) judgeAll(now time.Time) {
	for _, p := range c.peers {
		c.judge(p, now)
	}
	for _, p := range c.clients {
		c.judge(p.Peer, now)
	}
	c.await(now)
}

// judge drops a peer that does not count any more.
func (c *connected) judge(p bus.Peer, now time.Time) {
	if p.Kind == bus.WebSocket {
		c.user(p)
		return
	}
	if p.Denied == nil && p.Caller.Trusted && p.Identity == "" {
		return // it needs no certificate, and is believed as a user of this host
	}
	if err := c.who.stands(p, now); err != nil {
		c.end(p, err)
	}
}

// user returns the user for whom a client asks now. It drops a client that acts for
// nobody any more, and reports false. A user of this host stays the same for as long as the
// client is connected.
func (c *connected) user(p bus.Peer) (mgmt.Principal, bool) {
	if known := c.client(mgmt.PeerID(p.ID)).user; p.Certificate == nil && p.Bearer == "" && known.Role != mgmt.NoUser {
		return known, true
	}
	user, err := c.who.Principal(p, p.Denied, p.Bearer)
	if err != nil {
		c.end(p, err)
		return user, false
	}
	if known, ok := c.clients[mgmt.PeerID(p.ID)]; ok {
		known.user = user
		c.clients[mgmt.PeerID(p.ID)] = known
	}
	return user, true
}

// end drops a peer. It may still be heard until the end of its connection is reported.
func (c *connected) end(p bus.Peer, why error) {
	c.remove(p)
	c.report(p, why.Error())
	c.drop(p.ID, why)
}

// await sets the timer to the next moment at which a certificate ends.
func (c *connected) await(now time.Time) {
	c.ends.Stop()
	c.next = time.Time{}
	for _, p := range c.peers {
		c.sooner(p, now)
	}
	for _, p := range c.clients {
		c.sooner(p.Peer, now)
	}
	if !c.next.IsZero() {
		c.ends.Reset(c.next.Sub(now))
	}
}

// sooner reports whether the certificate of a peer ends before all others that are known, and
// notes that.
func (c *connected) sooner(p bus.Peer, now time.Time) bool {
	at := c.who.ends(p, now)
	if !at.After(now) || !c.next.IsZero() && !at.Before(c.next) {
		return false
	}
	c.next = at
	return true
}

// client returns a client. It returns an empty one for any other peer.
func (c *connected) client(id mgmt.PeerID) client { return c.clients[id] }

// report reports that something was refused to a peer.
func (c *connected) report(p bus.Peer, reason string) { c.refused(refusalOf(p, reason)) }

func (c *connected) reportID(id, reason string) {
	if p, ok := c.peers[id]; ok {
		c.report(p, reason)
	}
}

// refusalOf is the refusal of something to a peer that is connected.
func refusalOf(p bus.Peer, reason string) bus.Refusal {
	listener := bus.BrokerListener
	if p.Kind == bus.WebSocket {
		listener = bus.WebSocketListener
	}
	if p.Dialed {
		listener = bus.DialedPeer
	}
	return bus.Refusal{Addr: p.Addr, Caller: p.Caller, Certificate: p.Certificate, Identity: p.Identity, Reason: reason, Listener: listener}
}

// reporting returns a function that reports refusals to the audit, and to more.
func reporting(log *audit.Recorder, more func(bus.Refusal)) func(bus.Refusal) {
	return func(r bus.Refusal) {
		log.Refused(mgmt.AuditRecord{
			Who: refusedName(r), Source: source(r.Addr), Request: "connect", Subject: r.Listener,
			Outcome: mgmt.AuditRefused, Reason: r.Reason,
		})
		if more != nil {
			more(r)
		}
	}
}

// refusedName names who was refused. A certificate that nobody has judged names nobody.
func refusedName(r bus.Refusal) string {
	switch {
	case r.Identity != "":
		return r.Identity
	case r.Caller.Known:
		return accountName(r.Caller.UID)
	case r.Addr.IsValid():
		return "unknown at " + r.Addr.Addr().Unmap().String()
	}
	return "unknown"
}
