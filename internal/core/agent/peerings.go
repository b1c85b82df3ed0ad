package agent

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

func (m *Machine) peerAdded(ev PeerAdded) {
	m.peerLost(PeerLost{ev.Peer}) // in case nobody said so
	p := m.peers.add(ev)
	obeying{m}.meet(p, m.terms.newTerm(p, ev.Term))
}

// peerUpdated repeats the hello. A controller that had not subscribed yet has
// missed the first one.
func (m *Machine) peerUpdated(ev PeerUpdated) {
	p, ok := m.peers.known[ev.Peer]
	if !ok {
		return
	}
	p.fleet = ev.Fleet
	changed := m.terms.newTerm(p, ev.Term)
	if p.node == "" {
		obeying{m}.meet(p, changed)
	}
}

// sayHello introduces the agent, from when it knows what it runs until it is
// shut down.
func (m *Machine) sayHello(id mgmt.PeerID) {
	if m.mode == serving {
		m.peers.sayHello(id)
	}
}

// peerLost forgets a peer. If the peer was a node, another peering of that node takes
// its place. Without one the node is Unknown.
func (m *Machine) peerLost(ev PeerLost) {
	p := m.peers.lost(ev.Peer)
	if p == nil {
		return
	}
	m.proposals.peerLost(p.id)
	n := m.rollout.nodes.named[p.node]
	if n == nil || n.peer != p.id {
		return
	}
	n.peer, n.proc.told, n.proc.options.told = "", nil, nil
	m.requests.silent(n, "connection to cluster node "+string(p.node)+" lost")
	m.rollout.disconnected(n)
	if other := m.peers.claimant(n); other != nil {
		m.claim(other)
	}
}

func (m *Machine) fromNode(ev FromNode) {
	p, ok := m.peers.known[ev.Peer]
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

// claim connects a peer that said hello with the process of its node.
func (m *Machine) claim(p *peer) {
	n := m.rollout.nodes.named[p.node]
	if why := m.peers.whyNot(p, n); why != "" {
		level := Warn
		if n.stopping() {
			level = Debug // it may connect once more before it has understood
		}
		m.emit(Note{Level: level, Text: why, Node: p.node, Peer: p.id})
		return
	}
	n.peer = p.id
	m.rollout.cameUp(n)
	m.settle()
	m.requests.askLate(n)
}
