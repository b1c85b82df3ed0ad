package agent

import (
	"cmp"
	"maps"
	"slices"

	"zeekfleet/internal/mgmt"
)

// peer is the other end of a peering. There are as many as the shell lets in.
type peer struct {
	id     mgmt.PeerID
	moment uint64        // of the peering, among the launches
	node   mgmt.NodeName // which node it said to be; empty: none
	fleet  bool          // it is of this program
	led    bool          // it made requests that only a controller makes
	past   bool          // one that connected later has led, and is gone
	// can lists the dispatches that the node announced; nil: it did not.
	can []string
}

func (m *Machine) peerAdded(ev PeerAdded) {
	m.peerLost(PeerLost{ev.Peer}) // in case nobody said so
	m.moments++
	m.peers[ev.Peer] = &peer{id: ev.Peer, moment: m.moments, fleet: ev.Fleet}
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
// nobody can tell what it does.
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
}

func (m *Machine) fromNode(ev FromNode) {
	p, ok := m.peers[ev.Peer]
	if !ok {
		m.emit(Note{Level: Debug, Text: "message from a peer that is not connected", Peer: ev.Peer})
		return
	}
	switch msg := ev.Msg.(type) {
	case mgmt.NotifyNodeHello:
		m.nodeHello(p, msg.Node)
	case mgmt.NodeDispatchResponse:
		m.nodeAnswered(p, msg)
	case mgmt.NotifyDispatches:
		m.nodeCan(p, msg)
	default:
		m.emit(Note{Level: Debug, Text: "message that an agent has no use for", Peer: ev.Peer})
	}
}

func (m *Machine) nodeHello(p *peer, name mgmt.NodeName) {
	if p.node != "" && p.node != name {
		m.emit(Note{Level: Warn, Text: "hello ignored: the peer is another node already", Node: name, Peer: p.id})
		return
	}
	p.node = name
	if m.mode != waiting { // else Adopted comes back to it
		m.claim(p)
	}
}

// claim connects a peer that said hello with the process that it says to be.
// Only a peering younger than the launch can be that process's; an adopted
// process may have any.
func (m *Machine) claim(p *peer) {
	n, ok := m.nodes[p.node]
	var why string
	switch {
	case !ok:
		why = "hello ignored: no such node here"
	case n.proc == nil:
		why = "hello ignored: the node does not run"
	case n.proc.halt:
		why = "hello ignored: the node is being stopped"
	case p.moment < n.proc.moment:
		why = "hello ignored: the peering is older than the process"
	case n.peer != "" && p.moment < m.peers[n.peer].moment:
		why = "hello ignored: the node has a younger peering"
	}
	if why != "" {
		m.emit(Note{Level: Warn, Text: why, Node: p.node, Peer: p.id})
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
			proc:  &process{launch: p.Launch, hash: p.PlanHash, pid: p.PID, since: p.Started, phase: alive, state: mgmt.Unknown},
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

func byMoment(a, b *peer) int { return cmp.Compare(a.moment, b.moment) }
