package sim

import (
	"cmp"
	"reflect"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// lateness is how much later than its deadline an answer may come, because timers
// may be late.
const lateness = 200 * time.Millisecond

// agentBook holds what an agent must do and has said in its present life. It checks
// what the agent does.
type agentBook struct {
	w     *world
	agent *agentPart

	asked     []asked                            // the requests that are not answered, in the order of arrival
	announced map[mgmt.NodeName]mgmt.State       // the latest notify_change of each node
	ran       map[mgmt.NodeName]mgmt.Fingerprint // the plan with which each node was last RUNNING
	steered   mgmt.ReqID                         // the latest request that says which nodes are stopped
	shutdown  bool                               // the agent was asked to shut down
	prepared  asked                              // the last preparation that succeeded
	fetching  time.Duration                      // when bundles arrived last, or their Fetch began
	unheard   map[mgmt.NodeName]int              // how many ends of processes the agent has not heard of
}

func newAgentBook(a *agentPart) agentBook {
	return agentBook{
		w: a.w, agent: a,
		announced: map[mgmt.NodeName]mgmt.State{}, unheard: map[mgmt.NodeName]int{}, ran: map[mgmt.NodeName]mgmt.Fingerprint{},
	}
}

// asked is a request to an agent.
type asked struct {
	peer    mgmt.PeerID
	request mgmt.Request
	id      mgmt.ReqID
	kind    string
	since   time.Duration
	due     time.Duration
	// patience is from since to due, without the time in which bundles arrive.
	patience time.Duration
	// blind says that nobody had told the agent what to run. Then it answers for the
	// nodes that it has.
	blind bool
	nodes []mgmt.NodeName // the nodes that the answer must name, sorted; of requests about nodes

	// stopped and paused are the lists of a request that says so.
	stopped, paused []mgmt.NodeName

	config mgmt.Configuration // of a deployment
	whole  time.Duration      // of a preparation: when the deployment is to be answered
}

// expect notes that a request must be answered. Other messages need no answer.
func (b *agentBook) expect(from mgmt.PeerID, msg mgmt.Message) {
	req, ok := msg.(mgmt.Request)
	if !ok {
		return
	}
	r := asked{
		peer: from, request: req, id: req.RequestID(), kind: mgmt.KindOf(req).Name(),
		since: b.w.now, blind: !b.agent.disk.saved.Told,
	}
	patience := cmp.Or(b.w.terms.agent.RequestTimeout, 5*time.Second)
	switch msg := msg.(type) {
	case mgmt.AgentDeployRequest:
		r.config = msg.Config
		patience = b.patience(b.w.terms.agent.DeployTimeout, 14*time.Second)
		if p := b.prepared; p.peer == from && reflect.DeepEqual(p.config, msg.Config) {
			patience = max(patience, p.whole-b.w.now)
		}
		r.addNodes(msg.Config, b.agent.name)
	case mgmt.AgentPrepareRequest:
		patience = msg.Preflight
		r.config, r.whole = msg.Config, b.w.now+msg.Whole
		r.addNodes(msg.Config, b.agent.name)
	case mgmt.AgentRestartRequest:
		r.nodes = b.agent.disk.targets(msg.Nodes)
		b.agent.procs.condemn(r.nodes)
		patience = b.patience(b.w.terms.agent.RestartTimeout, 16*time.Second)
	case mgmt.AgentSteerRequest:
		r.steer(msg, b.agent.disk.saved)
		b.steered = msg.ReqID
		patience = b.patience(b.w.terms.agent.RestartTimeout, 16*time.Second)
	case mgmt.AgentPlanRequest:
		r.config, patience = msg.Config, msg.Preflight
	case mgmt.AgentDispatchRequest:
		r.nodes = b.agent.disk.targets(msg.Nodes)
	case mgmt.AgentGetNodesRequest, mgmt.AgentWelcomeRequest:
		patience = 0
	}
	r.due, r.patience = b.w.now+patience, patience
	b.asked = append(b.asked, r)
}

func (r *asked) addNodes(c mgmt.Configuration, instance mgmt.InstanceName) {
	for _, n := range c.NodesOf(instance) {
		r.nodes = append(r.nodes, n.Name)
	}
}

// patience is how long the controller may wait for nodes to come up.
func (b *agentBook) patience(configured, usual time.Duration) time.Duration {
	d := cmp.Or(configured, usual)
	if !b.w.terms.fleet {
		d = min(d, 8500*time.Millisecond)
	}
	return d
}

// said checks what an agent sends to controllers.
func (b *agentBook) said(e agent.ToController) {
	switch msg := e.Msg.(type) {
	case mgmt.NotifyChange:
		b.announced[msg.Node.Name] = msg.New
		if p := b.agent.procs.latest[msg.Node.Name]; msg.New == mgmt.Running && p != nil {
			b.ran[p.name] = p.plan
		}
		if msg.New == mgmt.Running && b.agent.procs.running(msg.Node.Name) == nil && b.unheard[msg.Node.Name] == 0 {
			b.w.violated("%s says that %s is RUNNING, and there is no process", b.agent.label, msg.Node.Name)
		}
	case mgmt.Response:
		b.checkAnswer(b.answered(e.Peer, msg), msg.Outcomes())
	}
}

// checkAnswer checks an answer against its request.
func (b *agentBook) checkAnswer(r asked, results []mgmt.Result) {
	switch r.kind {
	case "deploy":
		b.checkResults(r, results)
		b.checkDeployed(results)
		b.checkEnded(r, results)
	case "prepare":
		b.checkResults(r, results)
		if len(results) > 0 && results[0].Success {
			b.prepared = r
		}
	case "restart", "dispatch":
		b.checkResults(r, results)
	case "steer":
		b.checkSteered(r, results)
	case "standby":
		if results[0].Success && (len(b.agent.disk.saved.Desired.Nodes) > 0 || len(b.agent.procs.live) > 0) {
			b.w.violated("%s says that it stands by, and desires or runs nodes", b.agent.label)
		}
	case "get_nodes":
		b.checkStatuses(results[0])
	}
}

// answered removes the request that a response answers, and returns it. Several
// requests may have the ID. If the newest of them came just now, it is refused: the
// response answers it. Otherwise the response answers the oldest.
func (b *agentBook) answered(peer mgmt.PeerID, resp mgmt.Response) asked {
	kind, id := mgmt.KindAnswered(resp).Name(), resp.RequestID()
	found := -1
	for i, r := range b.asked {
		if r.peer == peer && r.kind == kind && r.id == id && (found < 0 || r.since == b.w.now) {
			found = i
		}
	}
	if found < 0 {
		b.w.violated("%s answers %s %s of %s, which nobody asked or which it has answered", b.agent.label, kind, id, peer)
		return asked{}
	}
	r := b.asked[found]
	b.asked = slices.Delete(b.asked, found, found+1)
	return r
}

// checkOverdue demands that no answer is overdue.
func (b *agentBook) checkOverdue() {
	for _, r := range b.asked {
		if b.agent.m != nil && b.w.now > r.due+lateness {
			b.w.violated("%s has not answered %s %s of %s, due at %s", b.agent.label, r.kind, r.id, r.peer, r.due)
		}
	}
}

// checkResults demands one result for each node and no other result, or one failure
// of the whole request. A deployment also names removed nodes that do not end.
func (b *agentBook) checkResults(r asked, results []mgmt.Result) {
	var nodes []mgmt.NodeName
	for _, res := range results {
		nodes = append(nodes, res.Node)
		if res.Instance != b.agent.name {
			b.w.violated("%s answers %s %s for instance %q", b.agent.label, r.kind, r.id, res.Instance)
		}
		if !res.Success && res.Error == "" {
			b.w.violated("%s answers %s %s with a failure of %q without a reason", b.agent.label, r.kind, r.id, res.Node)
		}
	}
	if len(results) > 0 && nodes[0] == "" && r.general(results) {
		return
	}
	if r.kind == "deploy" {
		nodes = slices.DeleteFunc(nodes, func(n mgmt.NodeName) bool {
			return b.agent.procs.latest[n] != nil && !slices.Contains(r.nodes, n)
		})
	}
	if !slices.Equal(nodes, r.nodes) && !(r.blind && r.kind == "dispatch") {
		b.w.violated("%s answers %s %s for %v, asked were %v", b.agent.label, r.kind, r.id, nodes, r.nodes)
	}
}

// general reports whether an answer that begins with a result without a node is
// right. Right are one failure, a failure with its causes at nodes of the request,
// the success of a preparation, and the success of a deployment without nodes.
func (r asked) general(results []mgmt.Result) bool {
	if results[0].Success {
		return len(results) == 1 && (r.kind == "prepare" || r.kind == "deploy" && len(r.nodes) == 0)
	}
	return len(results) == 1 || (r.kind == "deploy" || r.kind == "prepare") && !slices.ContainsFunc(results, func(res mgmt.Result) bool {
		return res.Success || res.Node != "" && !slices.Contains(r.nodes, res.Node)
	})
}

// checkEnded demands that a successful deployment names each removed node that has
// not ended.
func (b *agentBook) checkEnded(r asked, results []mgmt.Result) {
	if len(results) > 0 && results[0].Node == "" && !results[0].Success {
		return
	}
	for _, p := range b.agent.procs.live {
		_, wanted := b.agent.disk.planned(p.name)
		named := slices.ContainsFunc(results, func(res mgmt.Result) bool { return res.Node == p.name && !res.Success })
		if !wanted && !named {
			b.w.violated("%s answers deploy %s, and %s has not ended", b.agent.label, r.id, p)
		}
	}
}

// checkDeployed demands that each node with a success was RUNNING with its present
// plan.
func (b *agentBook) checkDeployed(results []mgmt.Result) {
	for _, res := range results {
		if !res.Success || res.Node == "" || res.Error != "" { // it was stopped, or was paused and had ended
			continue
		}
		if plan, ok := b.agent.disk.planned(res.Node); !ok || b.ran[res.Node] != plan {
			b.w.violated("%s says that %s was deployed, and it never ran as deployed", b.agent.label, res.Node)
		}
		b.checkOptions(res)
	}
}

// checkStatuses demands that a list has every desired node once, and that each
// RUNNING node has a process.
func (b *agentBook) checkStatuses(res mgmt.Result) {
	statuses, ok := res.Data.(mgmt.NodeStatuses)
	if !ok {
		b.w.violated("%s answers get_nodes with %T", b.agent.label, res.Data)
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
		p := b.agent.procs.running(s.Node)
		if s.State == mgmt.Running && (p == nil && b.unheard[s.Node] == 0 || p != nil && s.PID != nil && p.pid != *s.PID) {
			b.w.violated("%s reports %s as RUNNING with a process that does not live", b.agent.label, s.Node)
		}
		if count[s.Node] > 1 {
			b.w.violated("%s reports %s twice", b.agent.label, s.Node)
		}
	}
	for _, n := range b.agent.disk.targets(nil) {
		if count[n] == 0 {
			b.w.violated("%s does not report %s", b.agent.label, n)
		}
	}
}

// checkSave demands that the agent saves only a configuration that a controller
// deploys. A configuration that is only prepared is not saved.
func (b *agentBook) checkSave(s agent.State) {
	b.w.warrants.checkDesired(b.agent.label, s.Desired)
	b.checkMarks(s)
	b.checkContent("saves", s.Desired.BundlesOf(b.agent.name))
	deploys := func(r asked) bool { return r.kind == "deploy" && reflect.DeepEqual(r.config, s.Desired) }
	if s.Desired.ID != "" && !reflect.DeepEqual(s.Desired, b.agent.disk.saved.Desired) && !slices.ContainsFunc(b.asked, deploys) {
		b.w.violated("%s saves %s, which nobody deploys", b.agent.label, s.Desired.ID)
	}
}

// checkStart demands that the agent starts a node only as the saved configuration
// has it, not twice, not before the earlier process is buried, and not too soon
// after a crash.
func (b *agentBook) checkStart(e agent.Start) {
	name := e.Plan.Node.Name
	b.w.warrants.checkDesired(b.agent.label, b.agent.disk.saved.Desired)
	if plan, ok := b.agent.disk.planned(name); !ok || plan != e.Fingerprint || e.Plan.Node.Instance != b.agent.name {
		b.w.violated("%s starts %s, which is not saved like that", b.agent.label, name)
	}
	b.checkMayStart(name)
	b.checkFurnished(e)
	for _, p := range b.agent.procs.live {
		if p.name == name {
			b.w.violated("%s starts %s while %s lives", b.agent.label, name, p)
		}
	}
	if p := b.agent.procs.latest[name]; p != nil && p.phase == over && !p.buried {
		b.w.violated("%s starts %s before %s is buried", b.agent.label, name, p)
	}
	if p := b.agent.procs.latest[name]; p != nil && p.watcher == b.agent.life && p.ended > 0 && b.w.now < p.ended+firstDelay {
		b.w.violated("%s starts %s again %v after its end", b.agent.label, name, b.w.now-p.ended)
	}
}

// firstDelay is the least time from the end of a node that ended by itself to its
// next start.
const firstDelay = 900 * time.Millisecond

// checkStop demands a reason for a stop, because an unchanged node keeps its
// process. It demands that a process is stopped once.
func (b *agentBook) checkStop(e agent.Stop) {
	p := b.agent.procs.find(e.Node, e.Launch)
	switch {
	case p == nil: // it has ended, and the agent has not heard of that yet
	case !p.condemned:
		b.w.violated("%s stops %s without a reason", b.agent.label, p)
	case p.known != b.agent.life || p.stopped == b.agent.life:
		b.w.violated("%s stops %s before it has begun, or again", b.agent.label, p)
	default:
		p.stopped = b.agent.life
	}
}

// checkHandled demands that a node is not RUNNING after the agent has heard of the
// end of its process.
func (b *agentBook) checkHandled(ev agent.Event) {
	if ev, ok := ev.(agent.Exited); ok && b.announced[ev.Node] == mgmt.Running && b.agent.procs.running(ev.Node) == nil {
		b.w.violated("%s leaves %s RUNNING, whose process has ended", b.agent.label, ev.Node)
	}
}

// checkHeld demands that the core holds no more nodes, peers and requests than
// there are.
func (b *agentBook) checkHeld() {
	held := b.agent.m.Held()
	peers := 0
	for _, e := range b.agent.ep.ends {
		if e.state == up {
			peers++
		}
	}
	for _, r := range b.asked {
		if r.kind == "dispatch" && !r.blind && !slices.ContainsFunc(r.nodes, b.mayAnswer) {
			b.w.violated("%s waits for the answers of %v to %s, and none of them is there", b.agent.label, r.nodes, r.id)
		}
	}
	if held.Peers != peers || held.Requests != len(b.asked) || max(held.Nodes, held.Burials) > len(nodePool) {
		b.w.violated("%s remembers %+v, has %d peers and owes %d answers", b.agent.label, held, peers, len(b.asked))
	}
}

// mayAnswer reports whether a process of the node is connected, or may connect:
// the agent believes that it runs.
func (b *agentBook) mayAnswer(n mgmt.NodeName) bool {
	return b.unheard[n] > 0 || b.agent.procs.running(n) != nil || slices.ContainsFunc(b.agent.ep.ends, func(e *end) bool {
		p, ok := e.far.self.part.(*process)
		return ok && p.name == n && e.state == up
	})
}
