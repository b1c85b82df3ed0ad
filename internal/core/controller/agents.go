package controller

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// peer is one native peering.
type peer struct {
	id     mgmt.PeerID
	addr   netip.AddrPort
	dialed bool
	// prepares is as in PeerAdded.
	prepares bool
	// retired says that a Disconnect ended the peering, although its loss has
	// not been reported yet.
	retired bool

	// certificate and instances are as in PeerAdded.
	certificate string
	instances   []mgmt.InstanceName

	// What the peer introduced itself as, and when first; empty before.
	name    mgmt.InstanceName
	since   time.Time
	version uint64
}

// agent is the peer that answers for an instance.
type agent struct {
	name     mgmt.InstanceName
	peer     *peer
	standing standing
	greeting *call   // the welcome or standby in flight; nil if there is none
	overdue  *call   // the greeting before, of the same kind, if it was not answered
	refusal  string  // what it answered to its welcome, if not yes
	has      *target // what it last said, in this connection, that it runs
	// attempts counts what failed in a row; the next one waits for retryAt.
	attempts int
	retryAt  time.Time
}

// standing is what an agent last agreed to.
type standing int

const (
	newcomer  standing = iota
	ready              // it was welcomed
	dismissed          // it stands by, and runs nothing of ours
)

func (a *agent) compatible() bool { return a.peer.version == mgmt.APIVersion }

// instance returns a as it is seen: its port only if the controller dialed it.
func (a *agent) instance() mgmt.Instance {
	in := mgmt.Instance{Name: a.name, Host: a.peer.addr.Addr()}
	if a.peer.dialed {
		in.ListenPort = new(mgmt.TCPPort(a.peer.addr.Port()))
	}
	return in
}

func (m *Machine) peerAdded(ev PeerAdded) {
	if m.peers[ev.Peer] != nil {
		m.peerLost(ev.Peer) // nothing of the earlier peering counts
	}
	if len(m.peers) >= m.cfg.Limits.Peers {
		m.note(Note{Level: Warn, Text: "peer ignored", Peer: ev.Peer,
			Err: fmt.Sprintf("there are %d already", len(m.peers))})
		return
	}
	addr := netip.AddrPortFrom(ev.Addr.Addr().Unmap(), ev.Addr.Port())
	m.peers[ev.Peer] = &peer{
		id: ev.Peer, addr: addr, dialed: ev.Dialed, prepares: ev.Prepares,
		certificate: ev.Certificate, instances: ev.Instances,
	}
}

func (m *Machine) peerLost(id mgmt.PeerID) {
	m.clientGone(id)
	p := m.peers[id]
	if p == nil {
		return
	}
	delete(m.peers, id)
	if a := m.agents[p.name]; a != nil && a.peer == p {
		m.note(Note{Level: Warn, Text: "agent lost", Instance: a.name, Peer: id})
		m.drop(a)
	}
}

// fromAgent takes a message only from the peer that is this agent: anybody can
// publish on an agent's topic (spec management-api 7.1, G-P1 and G-P4).
func (m *Machine) fromAgent(ev FromAgent) {
	if hello, ok := ev.Msg.(mgmt.NotifyAgentHello); ok {
		m.hello(ev, hello)
		return
	}
	a := m.agents[ev.Instance]
	if a == nil || a.peer.id != ev.Peer {
		m.note(Note{Level: Debug, Text: "message from a stranger ignored", Instance: ev.Instance, Peer: ev.Peer})
		return
	}
	switch msg := ev.Msg.(type) {
	case mgmt.AgentWelcomeResponse:
		m.welcomed(a, msg)
	case mgmt.AgentStandbyResponse:
		m.stoodDown(a, msg)
	case mgmt.AgentPrepareResponse:
		m.prepareAnswered(a, msg)
	case mgmt.AgentDeployResponse:
		m.deployAnswered(a, msg)
	case mgmt.AgentGetNodesResponse:
		m.getNodesAnswered(a, msg)
	case mgmt.AgentDispatchResponse:
		m.nodesAnswered(a, callDispatch, msg.ReqID, msg.Results)
	case mgmt.AgentRestartResponse:
		m.nodesAnswered(a, callRestart, msg.ReqID, msg.Results)
	case mgmt.NotifyError:
		m.agentComplained(a, msg)
	case mgmt.NotifyLog:
		m.note(Note{Level: Info, Text: "agent says", Instance: a.name, Node: msg.Node, Err: msg.Msg})
	case mgmt.NotifyChange:
		m.note(Note{Level: changeLevel(msg.New), Text: "node changed", Instance: a.name, Node: msg.Node.Name,
			Err: fmt.Sprintf("%s to %s", msg.Old, msg.New)})
	}
}

func changeLevel(to mgmt.State) note.Level {
	if to == mgmt.Crashed || to == mgmt.Failed {
		return Warn
	}
	return Info
}

// hello makes the peer the agent of its instance, unless another connected peer
// is that already (spec management-api 6.4; 7.3, G-C9). It comes again and
// again.
func (m *Machine) hello(ev FromAgent, hello mgmt.NotifyAgentHello) {
	p := m.peers[ev.Peer]
	if reason := refuseHello(p, ev, hello); reason != "" {
		m.note(Note{Level: Warn, Text: "hello refused", Instance: ev.Instance, Peer: ev.Peer, Err: reason})
		return
	}
	if p.retired {
		return
	}
	if reason := p.notTheirs(hello.Instance); reason != "" {
		m.note(Note{Level: Warn, Text: "hello refused", Instance: ev.Instance, Peer: ev.Peer, Err: reason})
		m.emit(Refuse{p.id, hello.Instance, reason})
		return
	}
	first := p.name == ""
	if first {
		p.name, p.since = hello.Instance, m.now
	}
	changed := p.version != hello.APIVersion
	p.version = hello.APIVersion
	if a := m.agents[p.name]; a == nil {
		m.join(p)
	} else if a.peer == p && changed {
		m.noteVersion(a)
	} else if a.peer != p && first {
		m.note(Note{Level: Warn, Text: "second agent of that name refused", Instance: p.name, Peer: p.id,
			Err: fmt.Sprintf("%s at %s has the name", a.peer.id, a.peer.addr)})
		m.emit(Refuse{p.id, p.name, fmt.Sprintf("an agent named '%s' is connected already, from %s", p.name, a.peer.addr)})
	}
}

func refuseHello(p *peer, ev FromAgent, hello mgmt.NotifyAgentHello) string {
	switch {
	case p == nil:
		return "not from a native peer"
	case hello.Instance != ev.Instance:
		return "it names another instance than its topic"
	case hello.ID != string(ev.Peer):
		return "it names another Broker ID than its sender's"
	case p.name != "" && p.name != hello.Instance:
		return fmt.Sprintf("the peer is instance '%s' already", p.name)
	}
	if err := mgmt.CheckName(string(hello.Instance)); err != nil {
		return err.Error()
	}
	return ""
}

// notTheirs returns why a peer may not introduce itself as an instance, and
// nothing if it may.
func (p *peer) notTheirs(name mgmt.InstanceName) string {
	if p.certificate == "" || slices.Contains(p.instances, name) {
		return ""
	}
	return fmt.Sprintf("the certificate of %s is not that of instance '%s'; controller.agent_names can say that it is", p.certificate, name)
}

func (m *Machine) join(p *peer) {
	a := &agent{name: p.name, peer: p}
	m.agents[a.name] = a
	m.roster++
	m.note(Note{Level: Info, Text: "agent joined", Instance: a.name, Peer: p.id})
	m.noteVersion(a)
}

func (m *Machine) noteVersion(a *agent) {
	if !a.compatible() {
		m.note(Note{Level: Warn, Text: "agent is incompatible", Instance: a.name, Peer: a.peer.id, Err: m.absence(a.name)})
	}
}

// drop ends a's role as its instance's agent, and lets the peer that has been
// waiting longest for the name have it.
func (m *Machine) drop(a *agent) {
	delete(m.agents, a.name)
	m.roster++
	for _, c := range m.callsOf(a) {
		m.failed(c, fmt.Sprintf("connection to instance '%s' lost", a.name))
	}
	var next *peer
	for _, p := range m.peers {
		if p.name == a.name && p != a.peer && !p.retired && (next == nil || earlier(p, next) < 0) {
			next = p
		}
	}
	if next != nil {
		m.join(next)
	}
}

func earlier(p, q *peer) int {
	return cmp.Or(p.since.Compare(q.since), cmp.Compare(p.id, q.id))
}

// absence returns why the instance cannot be asked to do anything, and the
// empty string if it can.
func (m *Machine) absence(name mgmt.InstanceName) string {
	switch a := m.agents[name]; {
	case a == nil:
		return fmt.Sprintf("instance '%s' is not connected", name)
	case !a.compatible():
		return fmt.Sprintf("instance '%s' speaks API version %d, not %d", name, a.peer.version, mgmt.APIVersion)
	}
	return ""
}

// sortedAgents returns all agents by name.
func (m *Machine) sortedAgents() []*agent {
	return slices.SortedFunc(maps.Values(m.agents), func(a, b *agent) int { return cmp.Compare(a.name, b.name) })
}

// failedAttempt makes a wait before it is approached again.
func (m *Machine) failedAttempt(a *agent) {
	a.retryAt = m.now.Add(m.cfg.retryDelay(a.attempts))
	a.attempts++
}

// forgive lets a be approached at once.
func (a *agent) forgive() { a.attempts, a.retryAt, a.refusal = 0, time.Time{}, "" }

func (m *Machine) forgiveAll() {
	for _, a := range m.agents {
		a.forgive()
	}
}
