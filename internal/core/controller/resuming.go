package controller

import (
	"fmt"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// resume goes on with the deployment o of an earlier life of the controller. Its
// configuration is saved: it is sent to all agents again. What they answer says what became
// of o.
func (ds *deployments) resume(o *operation) {
	deployed := ds.memory.state.Deployed
	d := &deployment{id: mgmt.NewReqID(ds.rng), target: ds.memory.deployed, order: &order{
		given: deployed, origin: deployed.Origin, partial: true, resumed: true,
	}}
	o.because = "it went on after a restart of the controller"
	d.steps = deploymentSteps{planned: map[mgmt.InstanceName][]mgmt.NodeName{}, op: o}
	for _, s := range slices.Clone(o.is.Steps) {
		if s.Node != "" {
			d.steps.planned[s.Instance] = append(d.steps.planned[s.Instance], s.Node)
		}
		if s.State == mgmt.StepFailed && !ds.memory.refused(s.Instance) { // its agent says again what became of it
			s.State, s.Error, s.Outputs = mgmt.StepWaiting, "", mgmt.NodeOutputs{}
			o.put(s)
		}
	}
	ds.begin(d, ds.cfg.RevertGrace+ds.cfg.DeployTimeout)
	d.times.late = ds.now.Add(ds.cfg.RevertGrace)
	if at := o.is.RevertAt; !at.IsZero() && at.After(ds.now.Add(ds.cfg.RevertGrace)) {
		d.times.deadline = earlierOf(d.times.deadline, at)
	}
}

// again reports whether a deployment with this order brings what is deployed to agents that
// may not have it.
func (o *order) again() bool { return o == nil || o.resumed }

func (o *order) isResumed() bool { return o != nil && o.resumed }

// resumable reports whether the deployment o of an earlier life goes on: its configuration
// is deployed, and it is not known yet what became of its nodes.
func (v *reverting) resumable(o *operation) bool {
	if o.is.Revision == 0 || o.is.Revision != v.memory.state.Deployed.revision() || o.is.RevertedBy != 0 {
		return false
	}
	return !v.watches(o) || o.unsettled()
}

// unsettled reports whether it is not known yet what became of the nodes of o.
func (o *operation) unsettled() bool {
	nodes := 0
	for _, s := range o.is.Steps {
		if s.State == mgmt.StepWaiting || s.State == mgmt.StepRunning {
			return true
		}
		if s.Node != "" {
			nodes++
		}
	}
	return nodes == 0
}

// resumption is a deployment with what only one of an earlier life does. Its methods do
// nothing for another deployment.
type resumption struct{ *deployment }

// isRefused reports whether an instance has refused the configuration already. Then it is not
// sent again, and d has failed there.
func (d resumption) isRefused(name mgmt.InstanceName) bool {
	if !d.order.isResumed() || !d.memory.refused(name) {
		return false
	}
	why := "it has refused the configuration"
	if s, ok := d.steps.op.stepOf(stepKey{name, ""}); ok && s.Error != "" {
		why = s.Error
	}
	failure := mgmt.Result{Instance: name, Error: why}
	d.addResults(failure)
	d.steps.took(name, []mgmt.Result{failure}, false)
	return true
}

// waits reports whether d waits for instances that are late.
func (d resumption) waits() bool {
	return d.order.isResumed() && len(d.order.late) > 0 && d.now.Before(d.times.late)
}

// sendLate sends the configuration to instances that are ready now.
func (d resumption) sendLate() {
	if !d.order.isResumed() {
		return
	}
	d.order.late = slices.DeleteFunc(d.order.late, func(name mgmt.InstanceName) bool {
		if d.roster.missing(name) != "" {
			return false
		}
		d.sendTo(d.roster.agents[name], false)
		return true
	})
}

// missLate gives up on instances that are late.
func (d resumption) missLate() {
	if !d.order.isResumed() {
		return
	}
	for _, name := range d.order.late {
		absent := d.absent(name)
		d.addResults(absent)
		if !d.reverting.watches(d.steps.op) { // if it is watched, its nodes must come up
			d.steps.miss(name, absent)
		}
	}
}

// end ends the operation. No agent has reported a failure.
func (d resumption) end() {
	op, late := d.steps.op, d.order.late
	for _, s := range op.view().Steps {
		if d.target.has(s.Instance) || s.State != mgmt.StepWaiting && s.State != mgmt.StepRunning {
			continue
		}
		if a := d.roster.agents[s.Instance]; a != nil && a.standing == dismissed {
			s.State = mgmt.StepDone
		} else {
			s.State, s.Because = mgmt.StepSkipped, "its instance left the cluster, and ends its nodes when it connects"
		}
		op.set(s)
	}
	if len(late) == 0 {
		op.end(mgmt.OperationDone, "")
		return
	}
	op.end(mgmt.OperationInterrupted, errInterrupted+"; "+d.later())
}

// later says which instances get the configuration later.
func (d resumption) later() string {
	return fmt.Sprintf("revision %d is deployed, and these instances get it when they connect: %s",
		d.steps.op.is.Revision, mgmt.FewNames(d.order.late, maxNamed))
}
