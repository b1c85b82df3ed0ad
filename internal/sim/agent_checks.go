package sim

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// lateness is how much later than its deadline an answer may come: timers are
// late, and the messages that wait for them.
const lateness = 200 * time.Millisecond

// agentBook is what an agent owes in its present life.
type agentBook struct {
	asked     []asked                            // and not answered, in the order of arrival
	announced map[mgmt.NodeName]mgmt.State       // by notify_change
	ran       map[mgmt.NodeName]mgmt.Fingerprint // the plan with which each node was last RUNNING
	shutdown  bool                               // it was asked for
	prepared  asked                              // the last preparation with nothing against it
	unheard   map[mgmt.NodeName]int              // ends of processes that the agent has yet to hear of
}

// asked is a request to an agent.
type asked struct {
	peer    mgmt.PeerID
	request mgmt.Request
	id      mgmt.ReqID
	kind    string
	since   time.Duration
	due     time.Duration
	// blind says that the agent had not been told what to run: it answers for what
	// it keeps.
	blind bool
	nodes []mgmt.NodeName // that the answer names, sorted; of a deployment and the like

	config mgmt.Configuration // of a deployment
	whole  time.Duration      // of a preparation: when the deployment is to be answered
}

// expect books a request. A message that is no request needs no answer.
func (a *agentPart) expect(from mgmt.PeerID, msg mgmt.Message) {
	req, ok := msg.(mgmt.Request)
	if !ok {
		return
	}
	r := asked{
		peer: from, request: req, id: req.RequestID(), kind: mgmt.KindOf(req).Name(),
		since: a.w.now, blind: !a.disk.saved.Told,
	}
	patience := cmp.Or(a.w.terms.agent.RequestTimeout, 5*time.Second)
	switch msg := msg.(type) {
	case mgmt.AgentDeployRequest:
		r.config = msg.Config
		patience = a.patience(a.w.terms.agent.DeployTimeout, 14*time.Second)
		if p := a.book.prepared; p.peer == from && reflect.DeepEqual(p.config, msg.Config) {
			patience = max(patience, p.whole-a.w.now)
		}
		r.addNodes(msg.Config, a.name)
	case mgmt.AgentPrepareRequest:
		patience = msg.Look
		r.config, r.whole = msg.Config, a.w.now+msg.Whole
		r.addNodes(msg.Config, a.name)
	case mgmt.AgentRestartRequest:
		r.nodes = a.targets(msg.Nodes)
		a.condemnNamed(r.nodes)
		patience = a.patience(a.w.terms.agent.RestartTimeout, 16*time.Second)
	case mgmt.AgentDispatchRequest:
		r.nodes = a.targets(msg.Nodes)
	case mgmt.AgentGetNodesRequest, mgmt.AgentWelcomeRequest:
		patience = 0
	}
	r.due = a.w.now + patience
	a.book.asked = append(a.book.asked, r)
}

func (r *asked) addNodes(c mgmt.Configuration, instance mgmt.InstanceName) {
	for _, n := range c.NodesOf(instance) {
		r.nodes = append(r.nodes, n.Name)
	}
}

// patience is how long the controller may wait for nodes to come up.
func (a *agentPart) patience(configured, usual time.Duration) time.Duration {
	d := cmp.Or(configured, usual)
	if !a.w.terms.fleet {
		d = min(d, 8500*time.Millisecond)
	}
	return d
}

// targets returns the desired nodes of this instance among names, or all.
func (a *agentPart) targets(names []mgmt.NodeName) []mgmt.NodeName {
	var list []mgmt.NodeName
	for _, n := range a.disk.saved.Desired.NodesOf(a.name) {
		if len(names) == 0 || slices.Contains(names, n.Name) {
			list = append(list, n.Name)
		}
	}
	return list
}

func (a *agentPart) condemnNamed(names []mgmt.NodeName) {
	for _, p := range a.procs {
		p.condemned = p.condemned || slices.Contains(names, p.name)
	}
	for _, name := range names {
		if p := a.latest[name]; p != nil {
			p.condemned, p.ended = true, 0 // a restart does not wait
		}
	}
}

// said checks what an agent sends to controllers.
func (a *agentPart) said(e agent.ToController) {
	switch msg := e.Msg.(type) {
	case mgmt.NotifyChange:
		a.book.announced[msg.Node.Name] = msg.New
		if p := a.latest[msg.Node.Name]; msg.New == mgmt.Running && p != nil {
			a.book.ran[p.name] = p.plan
		}
		if msg.New == mgmt.Running && a.running(msg.Node.Name) == nil && a.book.unheard[msg.Node.Name] == 0 {
			a.w.violated("%s says that %s is RUNNING, and there is no process", a.label, msg.Node.Name)
		}
	case mgmt.Response:
		a.checkAnswer(a.answered(e.Peer, msg), msg.Outcomes())
	}
}

// checkAnswer checks an answer against its request.
func (a *agentPart) checkAnswer(r asked, results []mgmt.Result) {
	switch r.kind {
	case "deploy":
		a.checkResults(r, results)
		a.checkDeployed(results)
		a.checkEnded(r, results)
	case "prepare":
		a.checkResults(r, results)
		if len(results) > 0 && results[0].Success {
			a.book.prepared = r
		}
	case "restart", "dispatch":
		a.checkResults(r, results)
	case "standby":
		if results[0].Success && (len(a.disk.saved.Desired.Nodes) > 0 || len(a.procs) > 0) {
			a.w.violated("%s says that it stands by, and desires or runs nodes", a.label)
		}
	case "get_nodes":
		a.checkStatuses(results[0])
	}
}

// answered takes the request that a response answers off the book. If several have
// its ID, it is the newest if that came just now, for then it was refused, and else
// the oldest.
func (a *agentPart) answered(peer mgmt.PeerID, resp mgmt.Response) asked {
	kind, id := mgmt.KindAnswered(resp).Name(), resp.RequestID()
	found := -1
	for i, r := range a.book.asked {
		if r.peer == peer && r.kind == kind && r.id == id && (found < 0 || r.since == a.w.now) {
			found = i
		}
	}
	if found < 0 {
		a.w.violated("%s answers %s %s of %s, which nobody asked or which it has answered", a.label, kind, id, peer)
		return asked{}
	}
	r := a.book.asked[found]
	a.book.asked = slices.Delete(a.book.asked, found, found+1)
	return r
}

// checkOverdue demands that nothing is on the book for too long.
func (a *agentPart) checkOverdue() {
	for _, r := range a.book.asked {
		if a.m != nil && a.w.now > r.due+lateness {
			a.w.violated("%s has not answered %s %s of %s, due at %s", a.label, r.kind, r.id, r.peer, r.due)
		}
	}
}

// checkResults demands one result for each node and no other, or one failure of
// the whole. A deployment also names nodes that it removes and that do not end.
func (a *agentPart) checkResults(r asked, results []mgmt.Result) {
	var nodes []mgmt.NodeName
	for _, res := range results {
		nodes = append(nodes, res.Node)
		if res.Instance != a.name {
			a.w.violated("%s answers %s %s for instance %q", a.label, r.kind, r.id, res.Instance)
		}
		if !res.Success && res.Error == "" {
			a.w.violated("%s answers %s %s with a failure of %q without a reason", a.label, r.kind, r.id, res.Node)
		}
	}
	if len(results) > 0 && nodes[0] == "" && r.general(results) {
		return
	}
	if r.kind == "deploy" {
		nodes = slices.DeleteFunc(nodes, func(n mgmt.NodeName) bool {
			return a.latest[n] != nil && !slices.Contains(r.nodes, n)
		})
	}
	if !slices.Equal(nodes, r.nodes) && !(r.blind && r.kind == "dispatch") {
		a.w.violated("%s answers %s %s for %v, asked were %v", a.label, r.kind, r.id, nodes, r.nodes)
	}
}

// general reports whether an answer that begins with a result of the whole is
// in order: one failure; a failure with its causes, which concern what was
// asked for; or the success of a deployment that has nothing to start.
func (r asked) general(results []mgmt.Result) bool {
	if results[0].Success {
		return len(results) == 1 && (r.kind == "prepare" || r.kind == "deploy" && len(r.nodes) == 0)
	}
	return len(results) == 1 || (r.kind == "deploy" || r.kind == "prepare") && !slices.ContainsFunc(results, func(res mgmt.Result) bool {
		return res.Success || res.Node != "" && !slices.Contains(r.nodes, res.Node)
	})
}

// checkEnded demands of a deployment that came about that it names each node
// that it removed and that has not ended.
func (a *agentPart) checkEnded(r asked, results []mgmt.Result) {
	if len(results) > 0 && results[0].Node == "" && !results[0].Success {
		return
	}
	for _, p := range a.procs {
		_, wanted := a.planned(p.name)
		named := slices.ContainsFunc(results, func(res mgmt.Result) bool { return res.Node == p.name && !res.Success })
		if !wanted && !named {
			a.w.violated("%s answers deploy %s, and %s has not ended", a.label, r.id, p)
		}
	}
}

// checkDeployed demands of nodes that are said to have come up that they did so with
// their present plan.
func (a *agentPart) checkDeployed(results []mgmt.Result) {
	for _, res := range results {
		if !res.Success || res.Node == "" {
			continue
		}
		if plan, ok := a.planned(res.Node); !ok || a.book.ran[res.Node] != plan {
			a.w.violated("%s says that %s was deployed, and it never ran as deployed", a.label, res.Node)
		}
	}
}

// checkStatuses demands that every desired node is there once, and that what is
// RUNNING runs.
func (a *agentPart) checkStatuses(res mgmt.Result) {
	statuses, ok := res.Data.(mgmt.NodeStatuses)
	if !ok {
		a.w.violated("%s answers get_nodes with %T", a.label, res.Data)
		return
	}
	if !res.Success {
		return
	}
	count := map[mgmt.NodeName]int{}
	for _, s := range statuses {
		count[s.Node]++
		if s.MgmtRole == mgmt.RoleAgent {
			continue
		}
		p := a.running(s.Node)
		if s.State == mgmt.Running && (p == nil && a.book.unheard[s.Node] == 0 || p != nil && s.PID != nil && p.pid != *s.PID) {
			a.w.violated("%s reports %s as RUNNING with a process that does not live", a.label, s.Node)
		}
		if count[s.Node] > 1 {
			a.w.violated("%s reports %s twice", a.label, s.Node)
		}
	}
	for _, n := range a.targets(nil) {
		if count[n] == 0 {
			a.w.violated("%s does not report %s", a.label, n)
		}
	}
}

// running returns the node's process if it lives.
func (a *agentPart) running(n mgmt.NodeName) *process {
	i := slices.IndexFunc(a.procs, func(p *process) bool { return p.name == n && p.phase == running })
	if i < 0 {
		return nil
	}
	return a.procs[i]
}

// checkSave demands that only what somebody deploys is saved, and nothing that
// somebody only asks about.
func (a *agentPart) checkSave(s agent.State) {
	deploys := func(r asked) bool { return r.kind == "deploy" && reflect.DeepEqual(r.config, s.Desired) }
	if s.Desired.ID != "" && !slices.ContainsFunc(a.book.asked, deploys) {
		a.w.violated("%s saves %s, which nobody deploys", a.label, s.Desired.ID)
	}
}

// checkStart demands that only what is saved is started, and nothing twice.
func (a *agentPart) checkStart(e agent.Start) {
	name := e.Plan.Node.Name
	if plan, ok := a.planned(name); !ok || plan != e.Fingerprint || e.Plan.Node.Instance != a.name {
		a.w.violated("%s starts %s, which is not saved like that", a.label, name)
	}
	for _, p := range a.procs {
		if p.name == name {
			a.w.violated("%s starts %s while %s lives", a.label, name, p)
		}
	}
	if p := a.latest[name]; p != nil && p.phase == over && !p.buried {
		a.w.violated("%s starts %s before %s is buried", a.label, name, p)
	}
	if p := a.latest[name]; p != nil && p.watcher == a.life && p.ended > 0 && a.w.now < p.ended+firstDelay {
		a.w.violated("%s starts %s again %v after its end", a.label, name, a.w.now-p.ended)
	}
}

// firstDelay is the least time before a node that ended by itself is started
// again.
const firstDelay = 900 * time.Millisecond

// checkStop demands a reason: an unchanged node keeps its process. A process is
// stopped once.
func (a *agentPart) checkStop(e agent.Stop) {
	p := a.process(e.Node, e.Launch)
	switch {
	case p == nil: // it has ended, and the agent has yet to hear
	case !p.condemned:
		a.w.violated("%s stops %s without a reason", a.label, p)
	case p.known != a.life || p.stopped == a.life:
		a.w.violated("%s stops %s before it has begun, or again", a.label, p)
	default:
		p.stopped = a.life
	}
}

// checkHandled demands that a node whose end the agent knows of is not RUNNING.
func (a *agentPart) checkHandled(ev agent.Event) {
	if ev, ok := ev.(agent.Exited); ok && a.book.announced[ev.Node] == mgmt.Running && a.running(ev.Node) == nil {
		a.w.violated("%s leaves %s RUNNING, whose process has ended", a.label, ev.Node)
	}
}

// checkHeld demands that the core remembers no more than there is.
func (a *agentPart) checkHeld() {
	held := a.m.Held()
	peers := 0
	for _, e := range a.ep.ends {
		if e.state == up {
			peers++
		}
	}
	for _, r := range a.book.asked {
		if r.kind == "dispatch" && !r.blind && !slices.ContainsFunc(r.nodes, a.mayAnswer) {
			a.w.violated("%s waits for the answers of %v to %s, and none of them is there", a.label, r.nodes, r.id)
		}
	}
	if held.Peers != peers || held.Requests != len(a.book.asked) || max(held.Nodes, held.Burials) > len(nodePool) {
		a.w.violated("%s remembers %+v, has %d peers and owes %d answers", a.label, held, peers, len(a.book.asked))
	}
}

// mayAnswer reports whether a process of the node is connected, or may yet be: it
// lives as far as the agent knows.
func (a *agentPart) mayAnswer(n mgmt.NodeName) bool {
	return a.book.unheard[n] > 0 || a.running(n) != nil || slices.ContainsFunc(a.ep.ends, func(e *end) bool {
		p, ok := e.far.self.part.(*process)
		return ok && p.name == n && e.state == up
	})
}
