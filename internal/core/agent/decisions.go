package agent

import (
	"reflect"

	"github.com/zeekfleet/zeekfleet/internal/core/ledger"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// decisions is the table of the requests that an agent answers, with one row for
// each type.
var decisions = table(
	on((*Machine).deploy, traits{deploys: true, answersEmpty: true, changes: true, leads: true, waits: untilUp, failure: failedDeployment}),
	on((*Machine).prepare, traits{changes: true, leads: true, failure: failedDeployment}),
	on((*Machine).plan, traits{}),
	on((*Machine).steer, traits{changes: true, leads: true, answersEmpty: true, waits: untilUp, failure: failedDeployment}),
	on((*Machine).restart, traits{changes: true, leads: true, waits: untilUp, failure: failedRestart}),
	on((*Machine).standby, traits{changes: true, leads: true, waits: untilEnded}),
	on((*Machine).dispatch, traits{waits: untilAnswered}),
	// Upstream's controller loses an answer to get-nodes that has no data.
	on((*Machine).getNodes, traits{noData: mgmt.NodeStatuses{}}),
	on((*Machine).welcome, traits{leads: true}),
)

// decision is one row of the table.
type decision struct {
	request reflect.Type
	decide  func(*Machine, *request)
	traits
}

// traits is what the requests of one type have in common.
type traits struct {
	deploys bool // the request makes its configuration the desired one
	changes bool // it changes what runs, or announces a request that does
	leads   bool // a peer that makes it is a controller
	// answersEmpty says that an answer without results gets one success.
	answersEmpty bool
	waits        waits // when the request no longer waits for a node
	// failure is the result for a node that did not come up.
	failure func(n mgmt.NodeName, why string, outputs mgmt.NodeOutputs) mgmt.Result
	noData  mgmt.Data // is put into a result that has no data
}

// waits says when a request no longer waits for a node.
type waits int

const (
	untilAnswered waits = iota // the node has answered, or will not
	untilUp                    // the node is up, or did not come up
	untilEnded                 // the node has no process that the agent can stop
)

// on returns the row of one type of request.
func on[R mgmt.Request](decide func(*Machine, *request, R), t traits) decision {
	return decision{
		request: reflect.TypeFor[R](),
		decide:  func(m *Machine, r *request) { decide(m, r, r.Detail.msg.(R)) },
		traits:  t,
	}
}

func table(rows ...decision) map[reflect.Type]decision {
	byType := map[reflect.Type]decision{}
	for _, d := range rows {
		byType[d.request] = d
	}
	return byType
}

func (m *Machine) fromController(ev FromController) {
	if e, ok := ev.Msg.(mgmt.NotifyError); ok && e.Instance == m.cfg.Name {
		m.emit(Note{Level: Error, Text: "a controller refuses this agent", Peer: ev.Peer, Err: e.Msg})
		return
	}
	if msg, ok := ev.Msg.(mgmt.HappeningsWanted); ok {
		m.wanted(ev.Peer, msg)
		return
	}
	if msg, ok := ev.Msg.(mgmt.ControllersChanged); ok {
		obeying{m}.controllers(ev.Peer, msg)
		return
	}
	d, ok := decisions[reflect.TypeOf(ev.Msg)]
	if !ok {
		m.emit(Note{Level: Debug, Text: "message that an agent has no use for", Peer: ev.Peer})
		return
	}
	msg := ev.Msg.(mgmt.Request)
	r := &request{Key: ledger.Key{Asker: ev.Peer, ID: msg.RequestID()}, Detail: detail{msg: msg, traits: d.traits}}
	p := m.peers.known[ev.Peer]
	if why := m.refusal(r, p); why != "" {
		m.requests.refuse(r, why)
		if p != nil && p.barred == "" && why == m.terms.refusal(p) {
			m.emit(RefusedOrder{Peer: p.id, Reason: why})
		}
		if p != nil && p.past && d.leads {
			m.peers.drop(p)
		}
		return
	}
	if p != nil {
		p.led = p.led || d.leads
		r.Detail.fleet = p.fleet
		obeying{m}.ordered(p, r)
	}
	d.decide(m, r)
}

// refusal returns why a request is refused because of its sender, its ID, the limits or
// the state of the agent. It is empty if none of these is a reason. p is the peer that
// made the request, or nil if that peer is gone.
func (m *Machine) refusal(r *request, p *peer) string {
	switch {
	case m.mode == waiting:
		return "agent is starting"
	case m.mode != serving:
		return "agent is shutting down"
	case p != nil && p.node != "":
		return "cluster nodes may not make requests of agents"
	case p != nil && p.barred != "":
		return p.barred
	case p != nil && m.terms.refusal(p) != "":
		return m.terms.refusal(p)
	case p == nil && m.terms.known > 0:
		return "the controller is not connected"
	case p != nil && (p.past && r.Detail.leads || r.Detail.changes && m.peers.ledSince(p)):
		// An earlier life of the controller sent it, and it arrived late. It must
		// not undo what a later life has done.
		return "the controller has connected anew since"
	}
	switch m.requests.inFlight.Judge(r.Key) {
	case ledger.IDInUse:
		return "request ID is in use by a request in flight"
	case ledger.Full:
		return "too many requests in flight"
	}
	return ""
}

// restart restarts nodes, in any state. The answer goes out when each node is up again
// or has failed (spec management-api 7.2, G-A13).
func (m *Machine) restart(r *request, msg mgmt.AgentRestartRequest) {
	if why := m.rollout.nodes.unaware(); why != "" {
		m.requests.refuse(r, why)
		return
	}
	m.requests.open(r, m.requests.patience(r, m.cfg.RestartTimeout))
	for _, n := range m.rollout.nodes.targets(msg.Nodes) {
		if n.unseen != "" {
			m.requests.settle(r, n.name(), r.Detail.failure(n.name(), n.unseen, mgmt.NodeOutputs{}))
			continue
		}
		if n.rests {
			m.requests.settle(r, n.name(), mgmt.Result{Success: true, Error: restsText})
			continue
		}
		m.rollout.restart(n, "restarted by request")
		r.Await(n.name())
	}
	m.settle()
	m.requests.closeIfSettled(r)
}

// standby saves a configuration without nodes. The answer goes out when no process
// is left (spec management-api 7.2, G-A4).
func (m *Machine) standby(r *request, _ mgmt.AgentStandbyRequest) {
	m.requests.open(r, m.cfg.RequestTimeout)
	m.proposals.save(change{request: r, purpose: standsBy})
}

// getNodes answers with the agent itself and its nodes (spec management-api 5.7). A
// controller on this host adds itself.
func (m *Machine) getNodes(r *request, _ mgmt.AgentGetNodesRequest) {
	list := mgmt.NodeStatuses{m.cfg.ownStatus()}
	for _, n := range m.rollout.nodes.all() {
		list = append(list, n.status())
	}
	m.requests.reply(r, mgmt.Result{Success: true, Data: list, Error: m.rollout.nodes.remarks(m.now, append(m.options.remarks(), m.limits.remarks()...))})
}

func (c Config) ownStatus() mgmt.NodeStatus {
	s := mgmt.NodeStatus{
		Node:        mgmt.NodeName(c.Name),
		State:       mgmt.Running,
		MgmtRole:    mgmt.RoleAgent,
		ClusterRole: mgmt.ClusterNone,
	}
	if c.PID != 0 {
		s.PID = new(c.PID)
	}
	if !c.Connecting && c.ListenPort.Number != 0 {
		s.Port = new(c.ListenPort)
	}
	return s
}

func (m *Machine) welcome(r *request, _ mgmt.AgentWelcomeRequest) {
	m.requests.reply(r, mgmt.Result{Success: true})
	if why := m.rollout.nodes.unaware(); why != "" {
		m.emit(ToController{Peer: r.Asker, Msg: mgmt.NotifyLog{Instance: m.cfg.Name, Msg: why}})
	}
}
