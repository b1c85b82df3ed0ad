package sim

import (
	"reflect"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// checkRevisions demands that each revision has a number of its own, that the history has
// every revision that was deployed, and that it says who has deployed what and why.
func (ops *operationBook) checkRevisions(before, next controller.State) {
	e := next.Deployed
	if revision(next.Staged) != revision(before.Staged) && revision(next.Staged) <= before.Revision {
		ops.violated("controller stages r%d, and r%d was there", revision(next.Staged), before.Revision)
	}
	ops.checkHistory(before, next)
	if revision(e) == revision(before.Deployed) {
		return
	}
	ops.refused = false
	ops.deployed[e.Revision] = unplaced(e.Config)
	if e.Revision <= before.Revision {
		ops.violated("controller deploys r%d, and r%d was there", e.Revision, before.Revision)
	}
	op := operationOf(next.Operations, e.Operation)
	if op == nil || op.Kind != e.Kind || op.Who != e.Who || op.Note != e.Note || op.Of != e.Of || op.Revision != e.Revision ||
		op.From != e.From || e.From != revision(before.Deployed) {
		ops.violated("controller deploys r%d by %s in place of r%d with the origin %+v, and its operation is %+v",
			e.Revision, e.Who, revision(before.Deployed), e.Origin, op)
		return
	}
	if op.Kind == mgmt.OperationRevert {
		ops.checkReverted(e, op, next)
		return
	}
	o := ops.orders[op.ID]
	if o == nil {
		return // a client of the Management API has deployed it: see warrants
	}
	msg, ok := o.asked.(mgmt.ChangeRequest)
	if !ok || e.Who != o.who || e.Note != msg.Note || e.Of != msg.Of || !reflect.DeepEqual(unplaced(e.Config), unplaced(msg.Config)) {
		ops.violated("controller deploys r%d (%+v by %s) upon %+v of %s", e.Revision, e.Origin, e.Who, o.asked, o.who)
	}
	if msg.Seen != nil && *msg.Seen != revision(before.Deployed) {
		ops.violated("controller deploys r%d in place of r%d, and its user has seen r%d", e.Revision, revision(before.Deployed), *msg.Seen)
	}
}

// checkHistory demands that what is described does not change, and that only the oldest
// revisions are forgotten.
func (ops *operationBook) checkHistory(before, next controller.State) {
	want, limits := before.History, ops.terms.controller.WithDefaults()
	if e := before.Deployed; e != nil && revision(next.Deployed) != e.Revision {
		want = append(slices.Clip(want), mgmt.PastConfig{
			Revision: e.Revision, When: e.When, Who: e.Who, Origin: e.Origin, ID: e.Config.ID,
			Instances: len(e.Config.Instances), Nodes: len(e.Config.Nodes), Bundles: e.Config.Bundles(), Kept: true,
		})
	}
	want = want[max(0, len(want)-limits.History):]
	if len(want) != len(next.History) {
		ops.violated("controller saves a history of %d revisions, there were %d", len(next.History), len(want))
		return
	}
	for i, is := range next.History {
		was := want[i]
		mayGo := len(want)-i > limits.Contents
		if was.Kept != is.Kept && (is.Kept || !mayGo) {
			ops.violated("controller's store has the content of r%d: %t, which was %t", is.Revision, is.Kept, was.Kept)
		}
		was.Kept, was.Bytes = is.Kept, is.Bytes
		if !is.When.Equal(was.When) {
			ops.violated("controller's history has r%d at %s, it was at %s", is.Revision, is.When, was.When)
		}
		if was.When = is.When; !samePast(was, is) {
			ops.violated("controller's history has %+v, it was %+v", is, was)
		}
	}
}

func samePast(a, b mgmt.PastConfig) bool { return reflect.DeepEqual(a, b) }

// checkReverted demands that a revert deploys the content of the revision before the
// deployment that it takes back, that its user has agreed to that, and that both know each
// other.
func (ops *operationBook) checkReverted(e *controller.Entry, op *mgmt.Operation, next controller.State) {
	failed, o := operationOf(next.Operations, op.Reverts), ops.orders[op.Reverts]
	if failed == nil || o == nil {
		ops.violated("controller reverts with %+v what nobody has deployed like that", op)
		return
	}
	msg, ok := o.asked.(mgmt.ChangeRequest)
	if !ok || msg.RevertAfter == 0 || op.Who != o.who || failed.RevertedBy != op.ID ||
		failed.Revision != e.From || failed.From != e.Of || !reflect.DeepEqual(unplaced(e.Config), ops.deployed[e.Of]) {
		ops.violated("controller deploys r%d (%+v) with %+v to take back %+v", e.Revision, e.Origin, op, failed)
	}
}

// reverts reports whether the controller takes back a deployment of this user. That may have
// ended in the present step.
func (ops *operationBook) reverts(who string) bool {
	now := ops.controller.clock.read(ops.now)
	return slices.ContainsFunc(ops.controller.snapshot().Operations, func(o *mgmt.Operation) bool {
		return o.Kind == mgmt.OperationRevert && o.Who == who && (!o.State.Ends() || o.Ended.Equal(now))
	})
}

// checkRevert demands a reason for a revert that has just begun.
func (ops *operationBook) checkRevert(op *mgmt.Operation, snap *mgmt.Snapshot) {
	failed := operationOf(snap.Operations, op.Reverts)
	if failed == nil || failed.RevertAt.IsZero() || failed.State.Ends() || failed.Revision != revision(ops.controller.disk.saved.Deployed) {
		ops.violated("controller begins %+v to take back %+v", op, failed)
		return
	}
	late := !ops.controller.clock.read(ops.now).Before(failed.RevertAt)
	down, fails := ops.downOf(failed)
	if !fails && !ops.refused && (!late || len(down) == 0) {
		ops.violated("controller takes back operation %d, whose nodes have not failed; not up are %v, late: %t", failed.ID, down, late)
	}
}

// checkUp demands that a deployment that may be taken back is done only when its nodes are
// up.
func (ops *operationBook) checkUp(op, was *mgmt.Operation) {
	if op.RevertAt.IsZero() || op.State != mgmt.OperationDone || was == nil {
		return
	}
	if down, fails := ops.downOf(op); fails || len(down) > 0 {
		ops.violated("operation %d is done, and %v are not up", op.ID, down)
	}
}

// downOf returns the deployed nodes that should be up and are not, as far as their agents
// have said, and whether one of them has failed for good or an instance has refused it.
func (ops *operationBook) downOf(op *mgmt.Operation) (down []mgmt.NodeName, fails bool) {
	saved := ops.controller.disk.saved
	for _, n := range saved.Deployed.Config.Nodes {
		skipped := func(s mgmt.OperationStep) bool {
			return s.Instance == n.Instance && s.Node == "" && s.State == mgmt.StepSkipped
		}
		if slices.Contains(saved.Stopped, n.Name) || slices.ContainsFunc(op.Steps, skipped) {
			continue
		}
		said := ops.said(place{n.Instance, n.Name})
		fails = fails || said == mgmt.Failed
		// Zeek's own agents say that a node is up when it was deployed, and no more.
		told := func(s mgmt.OperationStep) bool {
			return s.Instance == n.Instance && s.Node == n.Name && s.State == mgmt.StepDone
		}
		here := ops.controller.peers.holder(n.Instance) != nil
		if said != mgmt.Running && (ops.terms.fleetAgents || !here || !slices.ContainsFunc(op.Steps, told)) {
			down = append(down, n.Name)
		}
	}
	return down, fails || len(saved.Refused) > 0
}

// said returns the state of a node that its agent has told the controller last. It is UNKNOWN
// if the controller has not heard it. The controller need not hear a list that comes late: of
// such a list the snapshot says whether it was heard, and checkObserved has compared the two.
func (ops *operationBook) said(at place) mgmt.State {
	b := &ops.controller.book
	holder := b.controller.peers.holder(at.instance)
	if holder == nil {
		return mgmt.Unknown
	}
	r, known := b.reports.of(at.instance, holder)[at.node]
	if known && (r.heard || shownState(ops.controller.snapshot(), at) == r.state) {
		return r.state
	}
	return mgmt.Unknown
}

// shownState returns the state of a node in a snapshot, or nothing.
func shownState(snap *mgmt.Snapshot, at place) mgmt.State {
	for _, in := range snap.Instances {
		for _, n := range in.Nodes {
			if in.Name == at.instance && n.Node == at.node {
				return n.State
			}
		}
	}
	return ""
}
