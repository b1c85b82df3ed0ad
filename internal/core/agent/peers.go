package agent

import (
	"cmp"
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// peer is the other end of a peering. There are as many as the shell lets in.
type peer struct {
	id     mgmt.PeerID
	moment uint64        // of the peering, among the launches
	node   mgmt.NodeName // which node it said to be; empty: none
	fleet  bool          // it is of this program
	barred string        // why it may not make requests; empty: it may
	proven bool          // it is the process that was launched as that node
	led    bool          // it made requests that only a controller makes
	past   bool          // one that connected later has led, and is gone
	// can lists the dispatches that the node announced; nil: it did not.
	can []string
}

func (m *Machine) peerAdded(ev PeerAdded) {
	m.peerLost(PeerLost{ev.Peer}) // in case nobody said so
	m.moments++
	m.peers[ev.Peer] = &peer{id: ev.Peer, moment: m.moments, fleet: ev.Fleet, barred: ev.Barred}
	m.sayHello(ev.Peer)
}

// peerUpdated repeats the hello, which a controller that had not subscribed
// yet has missed.
func (m *Machine) peerUpdated(ev PeerUpdated) {
	p, ok := m.peers[ev.Peer]
	if !ok {
		return
	}
	p.fleet = ev.Fleet
	if p.node == "" {
		m.sayHello(ev.Peer)
	}
}

// sayHello introduces the agent, from when it knows what it runs until it is
// shut down.
func (m *Machine) sayHello(id mgmt.PeerID) {
	if m.mode != serving {
		return
	}
	m.emit(ToController{Peer: id, Msg: mgmt.NotifyAgentHello{
		Instance:   m.cfg.Name,
		ID:         m.cfg.EndpointID,
		Connecting: m.cfg.Connecting,
		APIVersion: mgmt.APIVersion,
	}})
}

// peerLost turns the node behind the peering Unknown: its process may live, but
// nobody can tell what it does. Another peering that may be the node's takes its
// place.
func (m *Machine) peerLost(ev PeerLost) {
	p, ok := m.peers[ev.Peer]
	if !ok {
		return
	}
	delete(m.peers, ev.Peer)
	if m.prepared != nil && m.prepared.peer == p.id {
		m.prepared = nil
	}
	m.leadLost(p)
	n, ok := m.nodes[p.node]
	if !ok || n.peer != p.id {
		return
	}
	n.peer = ""
	m.failDispatches(n, "connection to cluster node "+string(p.node)+" lost")
	if n.proc.state == mgmt.Running {
		n.proc.state = mgmt.Unknown
		if !n.proc.halt {
			m.setState(n, mgmt.Unknown)
		}
	}
	m.claimAgain(n)
}

// claimAgain lets the latest peering that said to be n, if any, be n's.
func (m *Machine) claimAgain(n *node) {
	var latest *peer
	for _, p := range m.peers {
		if p.node == n.name() && m.whyNot(p) == "" && (latest == nil || byMoment(latest, p) < 0) {
			latest = p
		}
	}
	if latest != nil {
		m.claim(latest)
	}
}

func (m *Machine) fromNode(ev FromNode) {
	p, ok := m.peers[ev.Peer]
	if !ok {
		m.emit(Note{Level: Debug, Text: "message from a peer that is not connected", Peer: ev.Peer})
		return
	}
	switch msg := ev.Msg.(type) {
	case mgmt.NotifyNodeHello:
		m.nodeHello(p, msg.Node, ev.Proof)
	case mgmt.NodeDispatchResponse:
		m.nodeAnswered(p, msg)
	case mgmt.NotifyDispatches:
		m.nodeCan(p, msg)
	default:
		m.emit(Note{Level: Debug, Text: "message that an agent has no use for", Peer: ev.Peer})
	}
}

func (m *Machine) nodeHello(p *peer, name mgmt.NodeName, proof Proof) {
	if proof.Other != "" {
		m.emit(Note{Level: Warn, Text: "hello refused: it is not from the process that was launched as the node", Node: name, Peer: p.id, Err: proof.Other})
		return
	}
	if p.node != "" && p.node != name {
		m.emit(Note{Level: Warn, Text: "hello ignored: the peer is another node already", Node: name, Peer: p.id})
		return
	}
	p.node, p.proven = name, proof.Is
	if m.mode != waiting { // else Adopted comes back to it
		m.claim(p)
	}
}

// claim connects a peer that said hello with the process that it says to be.
// Only a peering younger than the launch can be that process's; an adopted
// process may have any.
func (m *Machine) claim(p *peer) {
	n := m.nodes[p.node]
	if why := m.whyNot(p); why != "" {
		level := Warn
		if n.stopping() {
			level = Debug // it may connect once more before it has understood
		}
		m.emit(Note{Level: level, Text: why, Node: p.node, Peer: p.id})
		return
	}
	n.peer = p.id
	m.cameUp(n)
	m.askLate(n)
}

// adopted takes over the processes that an earlier life of the agent left, and
// brings them in line with what is desired.
func (m *Machine) adopted(ev Adopted) {
	if m.mode != waiting {
		m.emit(Note{Level: Warn, Text: "processes adopted twice"})
		return
	}
	m.mode = serving
	for _, p := range ev.Processes {
		m.launches = max(m.launches, p.Launch)
		if _, dup := m.nodes[p.Node]; dup {
			m.emit(Stop{Node: p.Node, Launch: p.Launch})
			continue
		}
		m.nodes[p.Node] = &node{
			plan:  m.planless(p.Node),
			state: mgmt.Unknown,
			proc:  &process{launch: p.Launch, fingerprint: p.Fingerprint, pid: p.PID, since: p.Started, phase: alive, state: mgmt.Unknown},
		}
	}
	m.cannotSee(ev.Unseen)
	if m.told {
		m.apply(m.desired, false)
	} else {
		m.keepAll()
	}
	for _, p := range slices.SortedFunc(maps.Values(m.peers), byMoment) {
		m.sayHello(p.id)
		if p.node != "" {
			m.claim(p)
		}
	}
}

// whyNot returns why a peer that said hello does not count as the node, and
// nothing if it may. Who is known to be the node's process takes the place of who
// may be it, and of an earlier peering of that process.
func (m *Machine) whyNot(p *peer) string {
	n, ok := m.nodes[p.node]
	switch {
	case !ok:
		return "hello ignored: no such node here"
	case n.proc == nil:
		return "hello ignored: the node does not run"
	case n.stopping():
		return "hello ignored: the node is being stopped"
	case p.moment < n.proc.moment:
		return "hello ignored: the peering is older than the process"
	}
	present := m.peers[n.peer]
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

// stopping reports whether the process of n, which may be nil, has been asked to
// end.
func (n *node) stopping() bool { return n != nil && n.proc != nil && n.proc.halt }

func byMoment(a, b *peer) int { return cmp.Compare(a.moment, b.moment) }
