package agent

import (
	"cmp"
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// peers are the other ends of the peerings. The shell bounds their number.
type peers struct {
	*turn
	known map[mgmt.PeerID]*peer
}

// peer is the other end of a peering.
type peer struct {
	id     mgmt.PeerID
	moment uint64        // when it connected; see turn.moment
	since  uint64        // when it connected, or began to lead in its term
	name   string        // of the controller, for people; it may be empty
	term   uint64        // that it announces; zero: none
	hasLed bool          // it has announced a term on this connection
	node   mgmt.NodeName // which node it said to be; empty: none
	fleet  bool          // it is of this program
	barred string        // why it may not make requests; empty: it may
	proven bool          // it is the process that was launched as that node
	led    bool          // it has made a request that only a controller makes
	past   bool          // a controller that connected later has led, and is gone
	// can lists the dispatches that the node announced; nil: it did not.
	can []string
	// measuring is the last request for its figures.
	measuring measuring
}

func newPeers(t *turn) *peers { return &peers{turn: t, known: map[mgmt.PeerID]*peer{}} }

func (ps *peers) add(ev PeerAdded) *peer {
	p := &peer{id: ev.Peer, moment: ps.moment(), name: ev.Name, fleet: ev.Fleet, barred: ev.Barred}
	p.since = p.moment
	ps.known[ev.Peer] = p
	return p
}

// lost forgets a peer and returns it. It returns nil if the peer was not known.
func (ps *peers) lost(id mgmt.PeerID) *peer {
	p := ps.known[id]
	if p == nil {
		return nil
	}
	delete(ps.known, id)
	ps.leadLost(p)
	return p
}

// oldestFirst returns all peers in the order in which they connected.
func (ps *peers) oldestFirst() []*peer {
	return slices.SortedFunc(maps.Values(ps.known), func(a, b *peer) int { return cmp.Compare(a.moment, b.moment) })
}

// sayHello introduces the agent to a peer.
func (ps *peers) sayHello(id mgmt.PeerID) {
	ps.emit(ToController{Peer: id, Msg: mgmt.NotifyAgentHello{
		Instance:   ps.cfg.Name,
		ID:         ps.cfg.EndpointID,
		Connecting: ps.cfg.Connecting,
		APIVersion: mgmt.APIVersion,
	}})
}

// claimant returns the peer that may be n and connected last, or nil.
func (ps *peers) claimant(n *node) *peer {
	var youngest *peer
	for _, p := range ps.known {
		if p.node == n.name() && ps.whyNot(p, n) == "" && (youngest == nil || p.moment > youngest.moment) {
			youngest = p
		}
	}
	return youngest
}

// whyNot returns why a peer that said to be n does not count as n, or nothing. n is
// nil if there is no such node. A peer that connected before the process was
// launched cannot be n; an adopted process may have any peer. A proven peer takes
// the place of one that is not proven, and of an earlier proven peer.
func (ps *peers) whyNot(p *peer, n *node) string {
	switch {
	case n == nil:
		return "hello ignored: no such node here"
	case n.proc == nil:
		return "hello ignored: the node does not run"
	case n.stopping():
		return "hello ignored: the node is being stopped"
	case p.moment < n.proc.moment:
		return "hello ignored: the peering is older than the process"
	}
	present := ps.known[n.peer]
	switch {
	case present == nil || present == p:
		return ""
	case !p.proven:
		return "hello ignored: the node is connected already"
	case present.proven && p.moment < present.moment:
		return "hello ignored: the node has a younger peering"
	}
	return ""
}
