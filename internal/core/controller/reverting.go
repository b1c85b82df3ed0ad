package controller

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// reverting watches a deployment whose client has said that it is to be taken back if its
// nodes do not come up. It deploys the revision before again if a node fails, if an
// instance refuses the configuration, or if a node is not up in time. It does nothing if
// another revision was deployed meanwhile. The operation of the deployment runs on until
// then, and is stored: another life of the controller goes on watching.
type reverting struct {
	parts
	deployments *deployments
	// allUp is since when all nodes have been up; zero: they are not.
	allUp time.Time
	// check is when to look again.
	check time.Time
	// notBefore is when a deployment of an earlier life may be taken back. Until then
	// agents connect.
	notBefore time.Time
}

// revertCheck is how often a deployment is looked at.
const revertCheck = time.Second

// watched returns the operation of the deployment that is watched, or nil.
func (v *reverting) watched() *operation {
	for _, o := range v.operations.unfinished() {
		if v.watches(o) {
			return o
		}
	}
	return nil
}

// watches reports whether o is a deployment of the present revision that may be taken
// back.
func (v *reverting) watches(o *operation) bool {
	return !o.is.RevertAt.IsZero() && o.is.Revision != 0 && o.is.Revision == v.memory.state.Deployed.revision()
}

// takeUp is called once, at the first Step. It goes on with the deployment that ran when
// the controller ended last, if that was saved, and with the watch. It ends the others.
func (v *reverting) takeUp() {
	if v.watched() != nil {
		v.notBefore = v.now.Add(v.cfg.RevertGrace)
	}
	var latest *operation
	unfinished := v.operations.unfinished()
	for _, o := range unfinished {
		if isDeployment[o.is.Kind] && v.resumable(o) {
			latest = o
		}
	}
	for _, o := range unfinished {
		if isDeployment[o.is.Kind] && o != latest && !v.watches(o) {
			v.interrupted(o)
		}
	}
	if latest != nil {
		v.deployments.resume(latest)
	}
}

var isDeployment = map[mgmt.OperationKind]bool{
	mgmt.OperationDeploy: true, mgmt.OperationRollback: true, mgmt.OperationRevert: true,
}

// interrupted ends the deployment o of an earlier life.
func (v *reverting) interrupted(o *operation) {
	deployed := v.memory.state.Deployed.revision()
	switch by := v.operations.find(o.is.RevertedBy); {
	case by != nil && by.is.Revision != 0:
		o.end(mgmt.OperationFailed, reverted(o, by))
	case o.is.Revision == 0:
		o.end(mgmt.OperationInterrupted, errInterrupted+"; nothing was deployed")
	case o.is.Revision == deployed:
		o.end(mgmt.OperationInterrupted, fmt.Sprintf("%s; revision %d is deployed, and its instances get it", errInterrupted, deployed))
	default:
		o.end(mgmt.OperationInterrupted, fmt.Sprintf("%s; revision %d is deployed in place of %d", errInterrupted, deployed, o.is.Revision))
	}
}

// reverted says that o was taken back by another operation.
func reverted(o, by *operation) string {
	return fmt.Sprintf("%s; the content of revision %d is deployed again as revision %d (operation %d)",
		o.is.Error, by.is.Of, by.is.Revision, by.is.ID)
}

// superseded is called when by has deployed another revision. A deployment that was
// watched is not watched any more.
func (v *reverting) superseded(by *operation) {
	for _, o := range v.operations.unfinished() {
		switch {
		case o == by || o.is.RevertAt.IsZero() || o.is.Revision == 0 || v.watches(o):
		case o.is.RevertedBy == by.is.ID:
			o.end(mgmt.OperationFailed, reverted(o, by))
		default:
			o.end(mgmt.OperationInterrupted, fmt.Sprintf("%s deployed revision %d meanwhile (operation %d): whether revision %d comes up is not watched any more, and it is not reverted",
				by.is.Who, by.is.Revision, by.is.ID, o.is.Revision))
		}
	}
}

// next returns when proceed has something to do. It returns false if nothing is watched.
func (v *reverting) next() (time.Time, bool) {
	o := v.watched()
	return v.check, o != nil && v.idle()
}

// idle reports whether no client's deployment runs.
func (v *reverting) idle() bool {
	d := v.deployments.running()
	return d == nil || d.internal()
}

// proceed looks at the deployment that is watched. It reports whether it has begun to
// take it back.
func (v *reverting) proceed() bool {
	o := v.watched()
	if o == nil || !v.idle() || v.now.Before(v.check) {
		return false
	}
	v.check = v.now.Add(revertCheck)
	failed, down := v.look(o)
	late := !v.now.Before(o.is.RevertAt)
	switch {
	case failed != "":
		return v.revert(o, failed)
	case len(down) == 0:
		v.settle(o)
		return false
	}
	v.allUp = time.Time{}
	if late && !v.now.Before(v.notBefore) {
		return v.revert(o, fmt.Sprintf("not up in time: %s", mgmt.FewNames(down, maxNamed)))
	}
	o.doing(fmt.Sprintf("waiting until %s for %s; if they are not up then, revision %d is deployed again",
		o.is.RevertAt.UTC().Format(time.TimeOnly+" UTC"), mgmt.FewNames(down, maxNamed), o.is.From))
	return false
}

// look returns why the deployment has failed, or nothing, and the nodes that are not up,
// sorted.
func (v *reverting) look(o *operation) (failed string, down []mgmt.NodeName) {
	if refused := v.memory.state.Refused; len(refused) > 0 {
		return fmt.Sprintf("instance '%s' has refused it", refused[0]), nil
	}
	t := v.memory.deployed
	for _, instance := range slices.Sorted(maps.Keys(t.of)) {
		if step, ok := o.stepOf(stepKey{instance, ""}); ok && step.State == mgmt.StepSkipped {
			continue // it was not there, and its client has agreed to that
		}
		a, report := v.roster.agents[instance], v.observed.reports[instance]
		for _, n := range t.of[instance] {
			if _, stopped := slices.BinarySearch(v.memory.state.Stopped, n.Name); stopped {
				continue
			}
			state := mgmt.Unknown
			if report != nil {
				state = report.nodes[n.Name].State
			}
			step, _ := o.stepOf(stepKey{instance, n.Name})
			told := a != nil && !a.peer.fleet && step.State == mgmt.StepDone // upstream's agent says no more
			switch {
			case state == mgmt.Failed && failed == "":
				failed = fmt.Sprintf("node %s of instance '%s' is FAILED", n.Name, instance)
			case state != mgmt.Running && !told:
				down = append(down, n.Name)
			}
		}
	}
	slices.Sort(down)
	return failed, down
}

// settle ends the watch when all nodes have been up for a while.
func (v *reverting) settle(o *operation) {
	if v.allUp.IsZero() {
		v.allUp = v.now
	}
	if v.now.Sub(v.allUp) < v.cfg.RevertSettle {
		o.doing(fmt.Sprintf("all nodes are up; watching them until %s", v.allUp.Add(v.cfg.RevertSettle).UTC().Format(time.TimeOnly+" UTC")))
		return
	}
	for _, step := range slices.Clone(o.is.Steps) {
		if v.settled(step) {
			step.State, step.Error, step.Outputs = mgmt.StepDone, "", mgmt.NodeOutputs{}
			o.set(step)
		}
	}
	v.allUp = time.Time{}
	o.end(mgmt.OperationDone, "")
}

// settled reports whether a step is done after all, now that all nodes are up: it had failed,
// or the controller has ended before it heard of its outcome. A node that was to stop may
// still run.
func (v *reverting) settled(step mgmt.OperationStep) bool {
	if step.State == mgmt.StepDone || step.State == mgmt.StepSkipped {
		return false
	}
	state := v.observed.stateOf(stepKey{step.Instance, step.Node})
	return step.Action != mgmt.ActionStop || state == "" || hasEnded[state]
}

// revert deploys the revision again that was deployed before o.
func (v *reverting) revert(o *operation, why string) bool {
	v.allUp = time.Time{}
	why = fmt.Sprintf("revision %d did not come up: %s", o.is.Revision, why)
	o.change(func(is *mgmt.Operation) { is.Error = why })
	before := v.memory.state.Fallback
	if before == nil || before.Revision != o.is.From {
		o.end(mgmt.OperationFailed, fmt.Sprintf("%s; it stays deployed, because the configuration of revision %d is not kept any more", why, o.is.From))
		return false
	}
	if d := v.deployments.running(); d != nil {
		v.deployments.supersede(d)
	}
	given := &Entry{Config: before.View().Given(), When: v.now, Who: o.is.Who}
	d := &deployment{id: mgmt.NewReqID(v.rng), target: newTarget(given.Config), order: &order{
		asked: detail{
			msg:       mgmt.ChangeRequest{Config: given.Config, Of: before.Revision},
			principal: mgmt.Principal{Name: o.is.Who, Role: cmp.Or(o.is.Role, mgmt.Operator)},
		},
		given: given, partial: true, reverts: o,
		origin: mgmt.Origin{Kind: mgmt.OperationRevert, Note: why, Of: before.Revision},
	}}
	v.deployments.operate(d)
	by := d.steps.op
	by.because = fmt.Sprintf("the controller on behalf of %s: revert of operation %d", o.is.Who, o.id())
	by.change(func(is *mgmt.Operation) { is.Reverts = o.id() })
	o.change(func(is *mgmt.Operation) {
		is.RevertedBy = by.id()
		is.Doing = fmt.Sprintf("operation %d deploys revision %d again", by.id(), before.Revision)
	})
	o.save()
	v.note(Note{Level: Warn, Text: "deployment is taken back", ReqID: d.id, Rev: before.Revision, Err: why})
	v.deployments.start(d, 0)
	return true
}

// notReverted is called when the deployment that was to take o back has ended before it
// deployed anything.
func (v *reverting) notReverted(o *operation, why string, unsaved bool) {
	if unsaved {
		v.check = v.now.Add(v.cfg.MaxRetryDelay) // the disk may have room then
		return
	}
	o.end(mgmt.OperationFailed, fmt.Sprintf("%s; it stays deployed, because revision %d cannot be deployed again: %s", o.is.Error, o.is.From, why))
}

// whyNotRevertible returns why a deployment cannot be taken back after this time, or
// nothing.
func (ds *deployments) whyNotRevertible(after time.Duration) string {
	deployed := ds.memory.state.Deployed
	switch {
	case after == 0:
		return ""
	case after < 0 || after > ds.cfg.MaxRevertAfter:
		return fmt.Sprintf("a deployment can be reverted after up to %s, not after %s", ds.cfg.MaxRevertAfter, after)
	case deployed == nil:
		return "nothing could be reverted to: nothing was deployed before"
	case ds.cfg.History == 0 || ds.cfg.Contents == 0 || deployed.size > ds.cfg.HistoryBytes:
		return fmt.Sprintf("nothing could be reverted to: this controller does not keep the configuration of revision %d, which is too large, or earlier ones at all", deployed.Revision)
	}
	return ""
}
