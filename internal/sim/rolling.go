package sim

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// restarts is what the controller has done for a restart.
type restarts struct {
	ids   map[mgmt.ReqID]bool             // of the requests to agents
	began map[mgmt.NodeName]time.Duration // when agents were asked for it
	// What follows is of the controller's present life. down are the nodes of a rolling
	// restart that were asked to end and that nobody has said to be up again, with their
	// batches. failed says which of them did not come up.
	down   map[place]int
	failed string
}

// restarting checks a request to an agent for a restart. Several operations may restart a
// node. Then nobody can tell for which of them the request is, and only its time is noted.
func (ops *operationBook) restarting(instance mgmt.InstanceName, id mgmt.ReqID, nodes []mgmt.NodeName) {
	rolls := false
	ops.forgetStopped()
	for _, n := range nodes {
		wants := ops.restartersOf(place{instance, n})
		for _, op := range wants {
			o := ops.orderOf(op)
			switch {
			case o == nil || op.Kind != mgmt.OperationRestart: // a client of the Management API restarts it, or it is started
			case len(wants) > 1:
				o.note(n, ops.now)
			default:
				ops.restartsNode(o, op, place{instance, n})
				o.ids[id] = true
				rolls = rolls || o.batch > 0
			}
		}
	}
	for id, o := range ops.rolling {
		if len(o.down) > o.batch {
			ops.violated("operation %d has %v down, and may have %d", id, o.down, o.batch)
		}
	}
	if rolls {
		ops.checkBlind(instance, nodes)
	}
}

// forgetStopped lets rolling restarts wait no longer for nodes that users have stopped.
func (ops *operationBook) forgetStopped() {
	for _, o := range ops.rolling {
		maps.DeleteFunc(o.down, func(at place, _ int) bool { return slices.Contains(ops.controller.disk.saved.Stopped, at.node) })
	}
}

// restartersOf returns the operations that run and that restart a node now.
func (ops *operationBook) restartersOf(at place) []*mgmt.Operation {
	var list []*mgmt.Operation
	for _, op := range ops.controller.snapshot().Operations {
		step, ok := stepOf(op, at)
		if !op.State.Ends() && ok && step.State == mgmt.StepRunning && (op.Kind == mgmt.OperationRestart || op.Kind == mgmt.OperationStart) {
			list = append(list, op)
		}
	}
	return list
}

// orderOf returns the order of an operation, or nil. A controller that does not know yet that
// another one leads may give the number of an order to another operation.
func (ops *operationBook) orderOf(op *mgmt.Operation) *order {
	if o := ops.orders[op.ID]; o != nil && o.who == op.Who {
		return o
	}
	return nil
}

func stepOf(op *mgmt.Operation, at place) (mgmt.OperationStep, bool) {
	for _, s := range op.Steps {
		if s.Instance == at.instance && s.Node == at.node {
			return s, true
		}
	}
	return mgmt.OperationStep{}, false
}

// note notes when an agent was first asked to restart a node.
func (o *order) note(n mgmt.NodeName, now time.Duration) {
	if o.began == nil {
		o.ids, o.began, o.down = map[mgmt.ReqID]bool{}, map[mgmt.NodeName]time.Duration{}, map[place]int{}
	}
	if _, known := o.began[n]; !known {
		o.began[n] = now
	}
}

// restartsNode checks that the restart of a node for an operation is in order.
func (ops *operationBook) restartsNode(o *order, op *mgmt.Operation, at place) {
	kept := operationOf(ops.controller.disk.saved.Operations, op.ID)
	begun := false
	if kept != nil {
		step, _ := stepOf(kept, at)
		begun = step.State == mgmt.StepRunning
	}
	_, again := o.began[at.node]
	switch {
	case !begun:
		ops.violated("controller restarts %s for operation %d before it has saved that", at.node, op.ID)
	case !slices.Contains(o.nodes, at.node):
		ops.violated("controller restarts %s for operation %d, which is for %v", at.node, op.ID, o.nodes)
	case again:
		ops.violated("controller restarts %s twice for operation %d", at.node, op.ID)
	}
	o.note(at.node, ops.now)
	if o.batch == 0 {
		return
	}
	step, _ := stepOf(op, at)
	failed := slices.ContainsFunc(op.Steps, func(s mgmt.OperationStep) bool { return s.State == mgmt.StepFailed && s.Batch < step.Batch })
	if o.failed != "" || failed {
		ops.violated("controller goes on with operation %d after %s has failed: %+v", op.ID, o.failed, op)
	}
	for other, batch := range o.down {
		if batch != step.Batch {
			ops.violated("operation %d restarts %s in batch %d, and %s of batch %d is not up", op.ID, at.node, step.Batch, other.node, batch)
		}
	}
	o.down[at] = step.Batch
}

// checkBlind demands that a rolling restart does not leave an interface without a worker
// that is up, if there are several.
func (ops *operationBook) checkBlind(instance mgmt.InstanceName, nodes []mgmt.NodeName) {
	saved := ops.controller.disk.saved
	type group struct{ all, up, ends int }
	groups := map[string]group{}
	for _, n := range saved.Deployed.Config.NodesOf(instance) {
		if n.Role != mgmt.Worker || n.Interface == nil || slices.Contains(saved.Stopped, n.Name) {
			continue
		}
		_, device, found := strings.Cut(*n.Interface, "::")
		if !found {
			device = *n.Interface
		}
		g := groups[device]
		g.all++
		said := ops.said(place{instance, n.Name})
		// Of an agent of Zeek nobody need know what its nodes do. Ours tells it.
		up := said == mgmt.Running || said == mgmt.Unknown && !ops.terms.fleetAgents
		switch mayRun := !endedState(said) && said != mgmt.Pending; {
		case slices.Contains(nodes, n.Name) && mayRun:
			g.ends++
		case !slices.Contains(nodes, n.Name) && up:
			g.up++
		}
		groups[device] = g
	}
	for device, g := range groups {
		if g.all > 1 && g.up == 0 && g.ends > 0 {
			ops.violated("a rolling restart leaves nobody on %s of %s: it ends %v", device, instance, nodes)
		}
	}
}

// heard takes what an agent tells the controller, for the operations that wait for it.
func (ops *operationBook) heard(instance mgmt.InstanceName, msg mgmt.Message) {
	if msg, ok := msg.(mgmt.AgentDeployResponse); ok {
		ops.refused = ops.refused || slices.ContainsFunc(msg.Results, func(r mgmt.Result) bool {
			return r.Node == "" && strings.HasPrefix(r.Error, mgmt.PreflightFailed)
		})
	}
	for _, o := range ops.rolling {
		switch msg := msg.(type) {
		case mgmt.NotifyChange:
			at := place{instance, msg.Node.Name}
			if since, was := o.began[at.node]; was && msg.New == mgmt.Running && ops.launched[at] >= since {
				delete(o.down, at)
			}
		case mgmt.AgentRestartResponse:
			for _, res := range msg.Results {
				if !o.ids[msg.ReqID] {
					break
				}
				ops.heardResult(o, place{instance, res.Node}, res)
			}
		}
	}
}

func (ops *operationBook) heardResult(o *order, at place, res mgmt.Result) {
	if _, waits := o.down[at]; !waits {
		return
	}
	switch {
	case !res.Success && ops.said(at) != mgmt.Pending:
		o.failed = string(at.node)
	case res.Success && res.Error == "" && ops.launched[at] < o.began[at.node]:
		ops.violated("%s says that it has restarted %s, and it has not", at.instance, at.node)
	case res.Success:
		delete(o.down, at)
	}
}

// lost takes the loss of an agent: the nodes for which a restart waits there have failed.
func (ops *operationBook) lost(instance mgmt.InstanceName) {
	for _, o := range ops.rolling {
		for at := range o.down {
			if at.instance == instance {
				o.failed = string(at.node)
			}
		}
	}
}

// checkSteps demands that a restart that has ended says what was done: a node that was not
// asked to restart was not restarted, and one that was asked is not left out.
func (o *order) checkSteps(ops *operationBook, op *mgmt.Operation) {
	for _, s := range op.Steps {
		since, asked := o.began[s.Node]
		stopped := strings.HasPrefix(s.Because, "it was stopped")
		switch {
		case s.State == mgmt.StepDone && (!asked || ops.launched[place{s.Instance, s.Node}] < since):
			ops.violated("operation %d says that %s was restarted, and it was not", op.ID, s.Node)
		case s.State == mgmt.StepSkipped && asked && !stopped:
			ops.violated("operation %d says that it has skipped %s, which was restarted: %+v", op.ID, s.Node, s)
		}
	}
}
