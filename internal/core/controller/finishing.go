package controller

import (
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// finish ends a deployment that reached its agents. Its last result is the
// controller's own. That result says which configuration is deployed now,
// whether or not all nodes run (spec management-api 6.10).
func (d *deployment) finish() {
	resumption{d}.missLate()
	for i, r := range d.outcome.results {
		if !r.Success && r.Error == "" {
			d.outcome.results[i].Error = d.outcome.complaints[r.Node]
		}
	}
	d.outcome.results = append(d.requests.capped(d.outcome.results), mgmt.Result{Success: true, Data: mgmt.Text(d.target.config.ID)})
	if len(d.outcome.refusers) == 0 {
		d.end()
		return
	}
	for _, name := range d.outcome.refusers {
		d.note(Note{Level: Warn, Text: "instance keeps what it ran until somebody deploys again", Instance: name, ReqID: d.id})
	}
	d.phase = committing
	d.memory.keep(d.memory.withRefused(d.outcome.refusers), refusedSave{d})
}

// refusedSave ends a deployment after the names of the agents that refused it were
// saved.
type refusedSave struct{ *deployment }

func (d refusedSave) saved(string) { d.end() }

// end answers a deployment with its results.
func (d *deployment) end() {
	d.phase = ended
	d.noteOutcome()
	d.endOperation()
	if d.order != nil && d.order.request != nil {
		d.requests.reply(d.order.request, d.outcome.results...)
	}
	d.dials.stale = true
}

// endOperation ends the operation of a client's deployment.
func (d *deployment) endOperation() {
	if d.internal() {
		return
	}
	op, failure := d.steps.op, ending(d.outcome.results).Reason
	switch {
	case d.reverting.watches(op):
		op.doing("watching whether its nodes come up")
		op.save()
		d.reverting.check = d.now
	case failure != "":
		op.end(mgmt.OperationFailed, failure)
	case d.order.resumed:
		resumption{d}.end()
	default:
		op.end(mgmt.OperationDone, "")
	}
	if o := d.order.reverts; o != nil && op.is.Revision == 0 {
		d.reverting.notReverted(o, failure, d.unsaved)
	}
}

// noteOutcome notes the outcome of a deployment. An internal deployment has no
// client that would learn it.
func (d *deployment) noteOutcome() {
	failures := 0
	for _, r := range d.outcome.results {
		if r.Success {
			continue
		}
		failures++
		if d.internal() {
			d.note(Note{Level: Warn, Text: "internal deployment failed in part", Instance: r.Instance, Node: r.Node, ReqID: d.id, Err: r.Error})
		}
	}
	n := Note{Level: Info, Text: d.title("deployment ends"), ReqID: d.id}
	if deployed := d.memory.state.Deployed; deployed != nil {
		n.Rev = deployed.Revision
	}
	if failures > 0 {
		n.Level, n.Err = Warn, fmt.Sprintf("%d of %d results are failures", failures, len(d.outcome.results))
	}
	d.note(n)
}
