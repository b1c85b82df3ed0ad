package agent

import (
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// kind is what a request asks for.
type kind int

const (
	deploying kind = iota
	restarting
	dispatching
	standingBy
	preparing
	listing   // get-nodes; answered at once
	welcoming // answered at once
)

// request is one that was not answered yet.
type request struct {
	peer     mgmt.PeerID
	id       mgmt.ReqID
	kind     kind
	deadline time.Time
	awaited  map[mgmt.NodeName]bool
	results  []mgmt.Result

	action []string        // of a dispatch
	named  []mgmt.NodeName // by a dispatch; none: it is for all
	leg    mgmt.ReqID      // a dispatch's ID among the nodes
	// unasked are the nodes among the awaited of a dispatch that are asked as
	// soon as they are connected.
	unasked map[mgmt.NodeName]bool

	// answer is, of a preparation, when the deployment that follows is to be
	// answered; patience is, of a deployment that was prepared, how long that is.
	answer   time.Time
	patience time.Duration
}

// kindOf returns what msg asks of an agent and its request ID, and false if it
// asks nothing.
func kindOf(msg mgmt.Message) (kind, mgmt.ReqID, bool) {
	switch msg := msg.(type) {
	case mgmt.AgentDeployRequest:
		return deploying, msg.ReqID, true
	case mgmt.AgentRestartRequest:
		return restarting, msg.ReqID, true
	case mgmt.AgentDispatchRequest:
		return dispatching, msg.ReqID, true
	case mgmt.AgentStandbyRequest:
		return standingBy, msg.ReqID, true
	case mgmt.AgentPrepareRequest:
		return preparing, msg.ReqID, true
	case mgmt.AgentGetNodesRequest:
		return listing, msg.ReqID, true
	case mgmt.AgentWelcomeRequest:
		return welcoming, msg.ReqID, true
	default:
		return 0, "", false
	}
}

func (m *Machine) fromController(ev FromController) {
	if e, ok := ev.Msg.(mgmt.NotifyError); ok && e.Instance == m.cfg.Name {
		m.emit(Note{Level: Error, Text: "a controller refuses this agent", Peer: ev.Peer, Err: e.Msg})
		return
	}
	kind, id, ok := kindOf(ev.Msg)
	if !ok {
		m.emit(Note{Level: Debug, Text: "message that an agent has no use for", Peer: ev.Peer})
		return
	}
	r := &request{peer: ev.Peer, id: id, kind: kind, awaited: make(map[mgmt.NodeName]bool)}
	if why := m.refusal(r); why != "" {
		m.refuse(r, why)
		m.partWithPast(r)
		return
	}
	if p := m.peers[r.peer]; p != nil && r.kind.leads() {
		p.led = true
	}
	switch msg := ev.Msg.(type) {
	case mgmt.AgentDeployRequest:
		m.deploy(r, msg)
	case mgmt.AgentRestartRequest:
		m.restart(r, msg)
	case mgmt.AgentDispatchRequest:
		m.dispatch(r, msg)
	case mgmt.AgentStandbyRequest:
		m.standby(r)
	case mgmt.AgentPrepareRequest:
		m.prepare(r, msg)
	case mgmt.AgentGetNodesRequest:
		m.respond(r, m.result(r, "", mgmt.Result{Success: true, Data: m.statuses(), Error: m.remarks()}))
	case mgmt.AgentWelcomeRequest:
		m.respond(r, m.result(r, "", mgmt.Result{Success: true}))
		if why := m.unaware(); why != "" {
			m.emit(ToController{Peer: r.peer, Msg: mgmt.NotifyLog{Instance: m.cfg.Name, Msg: why}})
		}
	}
}

// refusal returns why a request is not even looked at, or nothing.
func (m *Machine) refusal(r *request) string {
	p := m.peers[r.peer]
	switch {
	case m.mode == waiting:
		return "agent is starting"
	case m.mode != serving:
		return "agent is shutting down"
	case p != nil && p.node != "":
		return "cluster nodes may not make requests of agents"
	case p != nil && p.barred != "":
		return p.barred
	case p != nil && (p.past && r.kind.leads() || r.kind.changes() && m.ledSince(p)):
		// An earlier life of the controller sent it, and it was held up. What has
		// been done since must not be undone.
		return "the controller has connected anew since"
	case slices.ContainsFunc(m.requests, func(o *request) bool { return o.id == r.id && o.peer == r.peer }):
		return "request ID is in use by a request in flight"
	case len(m.requests) >= m.cfg.MaxRequests:
		return "too many requests in flight"
	}
	return ""
}

// changes reports whether a request changes what runs, or announces one that
// does.
func (k kind) changes() bool {
	return k == deploying || k == restarting || k == standingBy || k == preparing
}

// leads reports whether a request is one that makes its peer the controller.
func (k kind) leads() bool { return k == welcoming || k.changes() }

// refuse answers a request that was not opened.
func (m *Machine) refuse(r *request, why string) {
	m.emit(Note{Level: Warn, Text: "request refused", Peer: r.peer, ReqID: r.id, Err: why})
	m.respond(r, m.result(r, "", mgmt.Result{Error: why}))
}

// open puts r among the requests in flight.
func (m *Machine) open(r *request, timeout time.Duration) {
	r.deadline = m.now.Add(timeout)
	m.requests = append(m.requests, r)
}

// result completes a result of r about a node, or about none.
func (m *Machine) result(r *request, n mgmt.NodeName, res mgmt.Result) mgmt.Result {
	res.ReqID, res.Instance, res.Node = r.id, m.cfg.Name, n
	return res
}

// add records what became of a node and that it is awaited no more.
func (m *Machine) add(r *request, n mgmt.NodeName, res mgmt.Result) {
	delete(r.awaited, n)
	delete(r.unasked, n)
	r.results = append(r.results, m.result(r, n, res))
}

// closeIfDone answers r if nothing is awaited any more.
func (m *Machine) closeIfDone(r *request) {
	if len(r.awaited) == 0 {
		m.close(r)
	}
}

// close answers r with what it has, sorted by node, and forgets it.
func (m *Machine) close(r *request) {
	i := slices.Index(m.requests, r)
	if i < 0 {
		return // answered already
	}
	m.requests = slices.Delete(m.requests, i, i+1)
	if m.check != nil && m.check.change.request == r {
		m.check = nil
	}
	if len(r.results) == 0 && r.kind == deploying {
		r.results = []mgmt.Result{m.result(r, "", mgmt.Result{Success: true})} // (spec management-api 7.2, G-A2)
	}
	slices.SortStableFunc(r.results, func(a, b mgmt.Result) int {
		return strings.Compare(string(a.Node), string(b.Node))
	})
	m.respond(r, r.results...)
}

// fail answers r with one failure that concerns no node in particular.
func (m *Machine) fail(r *request, why string) {
	r.results = []mgmt.Result{m.result(r, "", mgmt.Result{Error: why})}
	m.close(r)
}

// respond sends the response to a request of r's kind.
func (m *Machine) respond(r *request, results ...mgmt.Result) {
	var msg mgmt.Message
	switch r.kind {
	case deploying:
		msg = mgmt.AgentDeployResponse{ReqID: r.id, Results: results}
	case preparing:
		msg = mgmt.AgentPrepareResponse{ReqID: r.id, Results: results}
	case restarting:
		msg = mgmt.AgentRestartResponse{ReqID: r.id, Results: results}
	case dispatching:
		msg = mgmt.AgentDispatchResponse{ReqID: r.id, Results: results}
	case standingBy:
		msg = mgmt.AgentStandbyResponse{ReqID: r.id, Result: results[0]}
	case welcoming:
		msg = mgmt.AgentWelcomeResponse{ReqID: r.id, Result: results[0]}
	case listing:
		if results[0].Data == nil {
			results[0].Data = mgmt.NodeStatuses{} // without data, upstream's controller loses the answer
		}
		msg = mgmt.AgentGetNodesResponse{ReqID: r.id, Result: results[0]}
	}
	m.emit(ToController{Peer: r.peer, Msg: msg})
}

// expire answers the requests whose deadline has come, naming what is missing.
func (m *Machine) expire() {
	for _, r := range slices.Clone(m.requests) {
		if m.now.Before(r.deadline) {
			continue
		}
		m.emit(Note{Level: Warn, Text: "request timed out", Peer: r.peer, ReqID: r.id})
		if r.kind == deploying {
			m.keepRest(r)
		}
		if len(r.awaited) == 0 || r.kind == standingBy {
			m.fail(r, m.lateText(r))
			continue
		}
		for _, n := range m.sortedNodes(func(n *node) bool { return r.awaited[n.name()] }) {
			m.add(r, n.name(), r.lateResult(n))
		}
		m.close(r)
	}
}

// lateText is the error of an expired request that fails as a whole.
func (m *Machine) lateText(r *request) string {
	if m.check != nil && slices.Contains(m.check.change.requests(), r) {
		return "preflight took too long, nothing was changed"
	}
	if r.kind != standingBy || len(r.awaited) == 0 {
		return "request timed out"
	}
	var names []string
	for n := range r.awaited {
		names = append(names, string(n))
	}
	slices.Sort(names)
	return "cluster nodes still stopping: " + strings.Join(names, ", ")
}

// lateResult is what an expired request says about a node it still awaits.
func (r *request) lateResult(n *node) mgmt.Result {
	switch r.kind {
	case deploying:
		return mgmt.Result{Error: n.whyNotUp()}
	case restarting:
		return mgmt.Result{Error: couldNotRestart(n.name(), n.whyNotUp())}
	default:
		if r.unasked[n.name()] {
			return mgmt.Result{Error: "cluster node " + string(n.name()) + " is not connected"}
		}
		return mgmt.Result{Error: "request timed out"}
	}
}

// await lists the requests of these kinds that wait for n, oldest first.
func (m *Machine) await(n *node, kinds ...kind) []*request {
	var list []*request
	for _, r := range m.requests {
		if r.awaited[n.name()] && slices.Contains(kinds, r.kind) {
			list = append(list, r)
		}
	}
	return list
}

// settleUp tells deployments and restarts that n is up.
func (m *Machine) settleUp(n *node) {
	for _, r := range m.await(n, deploying, restarting) {
		m.add(r, n.name(), mgmt.Result{Success: true})
		m.closeIfDone(r)
	}
	m.settleRest(n, "")
}

// settleFailed tells deployments and restarts that n did not come up. The answer
// to a restart has no place for what it printed but the error.
func (m *Machine) settleFailed(n *node, why string, outputs mgmt.NodeOutputs) {
	for _, r := range m.await(n, deploying) {
		m.add(r, n.name(), mgmt.Result{Error: why, Data: m.outputData(outputs)})
		m.closeIfDone(r)
	}
	for _, r := range m.await(n, restarting) {
		m.add(r, n.name(), mgmt.Result{Error: couldNotRestart(n.name(), withWords(why, outputs))})
		m.closeIfDone(r)
	}
	m.settleRest(n, why)
}

// settleGone tells stand-bys that n has no process any more, and deployments
// that do not want one.
func (m *Machine) settleGone(n *node) {
	for _, r := range m.await(n, standingBy) {
		delete(r.awaited, n.name())
		m.awaitGone(r)
	}
	if n.wanted {
		return
	}
	for _, r := range m.await(n, deploying) {
		delete(r.awaited, n.name())
		m.closeIfDone(r)
	}
	m.settleRest(n, "")
}
