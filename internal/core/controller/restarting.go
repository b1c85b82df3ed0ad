package controller

import (
	"fmt"
	"maps"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// beginRestart begins a restart of nodes: at once, or batch by batch.
func (o *operating) beginRestart(r *request, msg mgmt.OperateRequest) {
	nodes, earlier, why := o.toRestart(msg)
	if why == "" {
		why = o.atWork(nodes, func(*task) bool { return true })
	}
	if why == "" && (msg.Rolling || earlier != nil && earlier.is.Batch > 0) {
		why = o.rollsAlready()
	}
	if why != "" {
		o.requests.refuse(r, why)
		return
	}
	selectors, note := msg.Selectors, msg.Note
	if earlier != nil {
		selectors = earlier.is.Selectors
	}
	t := o.task(r, mgmt.OperationRestart, selectors, note)
	running, stopped := o.withoutStopped(nodes)
	size := 0
	if msg.Rolling {
		size = batchSize(msg.Batch, msg.Percent, len(running))
	} else if earlier != nil {
		size = earlier.is.Batch
	}
	t.change(func(is *mgmt.Operation) { is.Batch, is.Resumes = size, msg.Resumes })
	t.planRestart(running, stopped, size)
	o.accept(r, t, o.memory.state)
}

// toRestart returns the nodes that a restart has, and the operation that it goes on with.
func (o *operating) toRestart(msg mgmt.OperateRequest) (nodes []mgmt.Node, earlier *operation, why string) {
	if why := o.deploys(); why != "" {
		return nil, nil, why
	}
	if msg.Resumes == 0 {
		nodes, why = o.selected(msg)
		return nodes, nil, why
	}
	earlier = o.operations.find(msg.Resumes)
	switch {
	case earlier == nil:
		return nil, nil, fmt.Sprintf("there is no operation %d, or it is forgotten", msg.Resumes)
	case earlier.is.Kind != mgmt.OperationRestart:
		return nil, nil, fmt.Sprintf("operation %d is a %s: only a restart can be resumed", msg.Resumes, earlier.is.Kind)
	case earlier.running():
		return nil, nil, fmt.Sprintf("operation %d is still at work", msg.Resumes)
	}
	for _, later := range o.operations.list {
		if later.is.Resumes == msg.Resumes {
			return nil, nil, fmt.Sprintf("operation %d went on with operation %d: resume that one", later.id(), msg.Resumes)
		}
	}
	for _, s := range earlier.is.Steps {
		if n, ok := o.memory.deployed.nodes[s.Node]; ok && s.State != mgmt.StepDone {
			nodes = append(nodes, n)
		}
	}
	if len(nodes) == 0 {
		return nil, nil, fmt.Sprintf("operation %d left nothing to restart", msg.Resumes)
	}
	return nodes, earlier, ""
}

// deploys returns why no restart begins while a deployment is at work, or nothing.
func (o *operating) deploys() string {
	d := o.deployments.running()
	if d == nil || d.internal() {
		return ""
	}
	return d.steps.op.title() + ", is at work, which restarts what it changes: wait for its end"
}

// title names a deployment in a sentence.
func (o *operation) title() string {
	kind := string(o.is.Kind)
	if o.is.Kind == mgmt.OperationDeploy {
		kind = "deployment"
	}
	return fmt.Sprintf("operation %d, a %s by %s", o.id(), kind, o.is.Who)
}

// rollsAlready returns why no other rolling restart begins now, or nothing. Two of them
// could take all workers of an interface, which each of them spares. While a deployment
// may be taken back, a node that is restarted counts as not up.
func (o *operating) rollsAlready() string {
	for _, t := range o.tasks {
		if t.is.Batch > 0 && t.running() {
			return fmt.Sprintf("operation %d, a rolling restart by %s, is at work: wait for its end, so that no interface loses all its workers", t.id(), t.is.Who)
		}
	}
	if w := o.deployments.reverting.watched(); w != nil {
		return w.title() + ", is taken back if a node is not up: wait for its end"
	}
	return ""
}

// atWork returns which restart is at work on one of these nodes, or nothing.
func (o *operating) atWork(nodes []mgmt.Node, counts func(*task) bool) string {
	for _, t := range o.tasks {
		if t.is.Kind != mgmt.OperationRestart || !counts(t) {
			continue
		}
		for _, n := range nodes {
			if s, ok := t.stepOf(stepKey{n.Instance, n.Name}); ok && (s.State == mgmt.StepWaiting || s.State == mgmt.StepRunning) {
				return fmt.Sprintf("operation %d, a restart by %s, is at work on node '%s': wait for its end", t.id(), t.is.Who, n.Name)
			}
		}
	}
	return ""
}

// withoutStopped splits nodes into those that are to run and those that users have stopped.
func (o *operating) withoutStopped(nodes []mgmt.Node) (running, stopped []mgmt.Node) {
	for _, n := range nodes {
		if hasName(o.memory.state.Stopped, n.Name) {
			stopped = append(stopped, n)
		} else {
			running = append(running, n)
		}
	}
	return running, stopped
}

// staysStopped says why a restart skips a node.
const staysStopped = "it was stopped by a user, and stays stopped"

// planRestart plans the batches and steps of a restart. A size of zero means one batch.
func (t *task) planRestart(running, stopped []mgmt.Node, size int) {
	batches := []batch{{nodes: sortedNodes(running, byPlace)}}
	if size > 0 {
		all, _ := t.withoutStopped(t.memory.deployed.config.Nodes)
		batches = batchesOf(running, all, size)
	}
	var steps []mgmt.OperationStep
	for i, b := range batches {
		var keys []stepKey
		for _, n := range b.nodes {
			s := mgmt.OperationStep{Instance: n.Instance, Node: n.Name, Action: mgmt.ActionRestart, State: mgmt.StepWaiting, Because: b.because}
			if size > 0 {
				s.Batch = i + 1
			}
			keys, steps = append(keys, stepKey{n.Instance, n.Name}), append(steps, s)
		}
		if len(keys) > 0 {
			t.batches = append(t.batches, keys)
		}
	}
	for _, n := range sortedNodes(stopped, byPlace) {
		steps = append(steps, mgmt.OperationStep{
			Instance: n.Instance, Node: n.Name, Action: mgmt.ActionNone, State: mgmt.StepSkipped, Because: staysStopped,
		})
	}
	t.plan(steps)
}

// interrupted ends a rolling restart between two batches if a deployment has begun or has
// changed what is deployed. It reports whether it has.
func (t *task) interrupted() bool {
	why := ""
	if d := t.deployments.running(); t.is.Batch > 0 && d != nil && !d.internal() {
		why = "a deployment began meanwhile"
	} else if now := t.memory.state.Deployed.revision(); t.is.Batch > 0 && now != t.is.From {
		why = fmt.Sprintf("revision %d was deployed meanwhile", now)
	}
	if why == "" {
		return false
	}
	if t.saved { // the next batch was saved as begun, and is not
		t.mark(mgmt.StepWaiting)
	}
	t.conclude(mgmt.OperationInterrupted, fmt.Sprintf("%s (a restart that resumes operation %d goes on)", why, t.id()))
	return true
}

// restart asks agents for a restart of the nodes of a batch.
func (t *task) restart(keys []stepKey) {
	by := map[mgmt.InstanceName][]mgmt.NodeName{}
	for _, key := range keys {
		switch why := t.roster.absence(key.instance); {
		case !t.memory.deployed.runs(key.instance, key.node):
			t.settle(key, mgmt.StepSkipped, "it is no part of the configuration any more", mgmt.NodeOutputs{})
		case hasName(t.memory.state.Stopped, key.node):
			t.settle(key, mgmt.StepSkipped, staysStopped, mgmt.NodeOutputs{})
			t.answerClient(key, mgmt.Result{Success: !t.names(key.node), Error: staysStopped})
		case why != "":
			t.settle(key, mgmt.StepFailed, why, mgmt.NodeOutputs{})
			t.answerClient(key, mgmt.Result{Error: why})
		default:
			by[key.instance] = append(by[key.instance], key.node)
		}
	}
	if t.is.Batch > 0 {
		for in, why := range t.blinded(by) {
			for _, n := range by[in] {
				t.settle(stepKey{in, n}, mgmt.StepFailed, why, mgmt.NodeOutputs{})
			}
			delete(by, in)
		}
	}
	t.askRestarts(by)
}

// names reports whether the client has named the node, instead of all nodes. A client that
// named it would take a success for a restart.
func (t *task) names(n mgmt.NodeName) bool { return slices.Contains(t.is.Selectors, string(n)) }

// blinded returns the instances where a batch would leave an interface without a worker
// that runs, although other workers could capture from it. The plan of the batches takes
// care of that, as far as all workers run.
func (t *task) blinded(by map[mgmt.InstanceName][]mgmt.NodeName) map[mgmt.InstanceName]string {
	type group struct{ members, up, ends int }
	groups := map[captureGroup]*group{}
	down := map[captureGroup]mgmt.NodeName{}
	for in, list := range by {
		for _, n := range t.memory.deployed.of[in] {
			if hasName(t.memory.state.Stopped, n.Name) {
				continue
			}
			key, ends := stepKey{in, n.Name}, slices.Contains(list, n.Name)
			for _, g := range groupsOf(n) {
				if groups[g] == nil {
					groups[g] = &group{}
				}
				groups[g].members++
				switch {
				case ends && t.mayCapture(key):
					groups[g].ends++
				case !ends && t.captures(key):
					groups[g].up++
				default:
					down[g] = n.Name
				}
			}
		}
	}
	blind := map[mgmt.InstanceName]string{}
	for g, is := range groups {
		if is.members > 1 && is.up == 0 && is.ends > 0 {
			blind[g.instance] = fmt.Sprintf("nothing would capture on %s meanwhile, because node %s is not up, or not known to be", g.device, down[g])
		}
	}
	return blind
}

// captures reports whether a node surely runs and goes on. If an agent of Zeek has not told
// the node's state, it is enough that it has accepted the configuration: such an agent
// announces less.
func (t *task) captures(key stepKey) bool {
	state, a := t.observed.stateOf(key), t.roster.agents[key.instance]
	accepted := state == "" && a != nil && !a.peer.fleet && a.has == t.memory.deployed
	return (state == mgmt.Running || accepted) && !t.restartedByAnother(key)
}

// mayCapture reports whether a node may run now. It may if its state is not known.
func (t *task) mayCapture(key stepKey) bool {
	state := t.observed.stateOf(key)
	return !hasEnded[state] && state != mgmt.Pending && !t.restartedByAnother(key)
}

// restartedByAnother reports whether another operation is restarting a node now.
func (t *task) restartedByAnother(key stepKey) bool {
	return slices.ContainsFunc(t.tasks, func(o *task) bool {
		return o.id() != t.id() && o.is.Kind == mgmt.OperationRestart && o.open[key]
	})
}

// askRestarts asks agents for a restart of nodes.
func (t *task) askRestarts(by map[mgmt.InstanceName][]mgmt.NodeName) {
	for _, in := range slices.Sorted(maps.Keys(by)) {
		l := t.legs.begin(t.roster.agents[in], restartLegs{t})
		l.nodes = slices.Sorted(slices.Values(by[in]))
		t.restarting = append(t.restarting, l)
		t.legs.send(l, mgmt.AgentRestartRequest{ReqID: l.id, Nodes: l.nodes})
	}
}

// restartLegs takes the answers of agents that were asked for a restart.
type restartLegs struct{ *task }

func (t restartLegs) closed(l *leg) {
	t.restarting = slices.DeleteFunc(t.restarting, func(o *leg) bool { return o == l })
}

func (t restartLegs) answered(l *leg, answers []mgmt.Result) {
	t.closed(l)
	refused := slices.ContainsFunc(answers, func(r mgmt.Result) bool { return r.Node == "" && !r.Success && r.Error != errTimedOut })
	for _, result := range t.sorted(l, answers) {
		key := stepKey{l.agent.name, result.Node}
		switch state := t.observed.stateOf(key); {
		case result.Success && result.Error != "":
			t.settle(key, mgmt.StepSkipped, result.Error, mgmt.NodeOutputs{})
		case result.Success:
			t.settle(key, mgmt.StepDone, "", mgmt.NodeOutputs{})
		case state == mgmt.Pending && !refused: // if its agent has refused, it is starting for another reason
			t.watch(key, t.cfg.Limits.reason(result))
		default:
			t.settle(key, mgmt.StepFailed, t.cfg.Limits.reason(result), mgmt.NodeOutputs{})
		}
		t.answerClient(key, result)
	}
}

func (t restartLegs) failed(l *leg, why string) {
	t.closed(l)
	for _, n := range l.nodes {
		key := stepKey{l.agent.name, n}
		t.settle(key, mgmt.StepFailed, why, mgmt.NodeOutputs{})
		t.answerClient(key, mgmt.Result{Error: why})
	}
}

// restartNodes restarts nodes for a client of the Management API (spec management-api
// 6.14). The client is answered when the agents have answered. If it leaves, the restart
// goes on.
func (o *operating) restartNodes(r *request, msg mgmt.RestartRequest) {
	switch {
	case len(o.roster.agents) == 0:
		o.requests.refuse(r, "no instances connected")
		return
	case o.memory.deployed == nil:
		o.requests.refuse(r, "no active cluster deployment")
		return
	case len(msg.Nodes) > o.cfg.Limits.Nodes:
		o.requests.refuse(r, fmt.Sprintf("more than %d nodes named", o.cfg.Limits.Nodes))
		return
	case len(o.tasks) >= o.cfg.Limits.Operating:
		o.requests.refuse(r, fmt.Sprintf("more than %d operations would run", o.cfg.Limits.Operating))
		return
	}
	known, strange := o.memory.deployed.split(msg.Nodes)
	if len(msg.Nodes) == 0 {
		known, _ = o.memory.deployed.split(allNames(o.memory.deployed))
	}
	var nodes []mgmt.Node
	for _, n := range known {
		nodes = append(nodes, o.memory.deployed.nodes[n])
	}
	why := o.deploys()
	if why == "" {
		why = o.atWork(nodes, func(t *task) bool { return t.is.Batch > 0 })
	}
	if why != "" {
		o.requests.refuse(r, why)
		return
	}
	for _, n := range strange {
		r.Results = append(r.Results, mgmt.Result{Node: n, Error: "unknown cluster node"})
	}
	if len(nodes) == 0 {
		o.requests.replyIfSettled(r)
		return
	}
	t := o.task(r, mgmt.OperationRestart, texts(msg.Nodes), "")
	if len(strange) > 0 {
		t.because = "not known: " + mgmt.FewNames(strange, maxNamed)
	}
	t.audit(mgmt.AuditBegun, "")
	t.planRestart(nodes, nil, 0)
	t.client, t.left = r, maps.Collect(keysOf(t.batches[0]))
	r.Detail.task = t
	o.tasks = append(o.tasks, t)
	t.proceed()
}

func keysOf(keys []stepKey) func(yield func(stepKey, bool) bool) {
	return func(yield func(stepKey, bool) bool) {
		for _, key := range keys {
			if !yield(key, true) {
				return
			}
		}
	}
}

// answerClient adds a result about a node to the answer to t's client. It answers when
// there is a result for each node. If nothing is left to do, it ends t before, so that the
// audit has the end when the client has the answer.
func (t *task) answerClient(key stepKey, result mgmt.Result) {
	r := t.client
	if r == nil || !t.left[key] {
		return
	}
	delete(t.left, key)
	result.Instance, result.Node = key.instance, key.node
	if r.Results = append(r.Results, result); len(t.left) == 0 {
		if t.client = nil; len(t.open) == 0 {
			t.finish()
		}
		t.requests.reply(r, t.requests.capped(r.Results)...)
	}
}

// clientLate answers t's client at its deadline.
func (t *task) clientLate() {
	for _, key := range t.openKeys() {
		t.answerClient(key, mgmt.Result{Error: errTimedOut})
	}
}

// clientLeft goes on without a client.
func (t *task) clientLeft() { t.client = nil }
