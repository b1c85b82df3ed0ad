package controller

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// commit saves the state in which d's target is the deployed configuration.
func (d *deployment) commit(next State) {
	d.phase = committing
	d.memory.save(next, commitSave{d, d.memory.state.Deployed.revision()})
}

// commitSave goes on with a deployment after its Save.
type commitSave struct {
	*deployment
	before uint64 // the revision that was deployed
}

// saved sends the configuration, or refuses the deployment.
func (d commitSave) saved(err string) {
	if err == "" {
		if now := d.memory.state.Deployed; now.revision() != d.before {
			d.deploys(now)
			if !d.internal() {
				d.reverting.superseded(d.steps.op)
			}
		}
		d.leaving = d.dismissing(d.memory.deployed, d.target)
		d.memory.deployed = d.target
		d.observed.deploy(d.target, d.roster.agents)
		d.send()
		return
	}
	d.outcome.results = []mgmt.Result{{Error: "save configuration: " + err}}
	if d.order.again() {
		d.postponeAll()
	} else {
		d.steps.op.change(func(is *mgmt.Operation) { is.Revision, is.RevertAt = 0, time.Time{} })
		d.unsaved = true
	}
	d.end()
}

// dismissing returns, by name, the connected agents of instances that are in before
// and not in next. They are about to be sent a standby.
func (d *deployment) dismissing(before, next *target) []*agent {
	var list []*agent
	for _, a := range d.roster.sorted() {
		if before.has(a.name) && !next.has(a.name) && a.compatible() {
			list = append(list, a)
		}
	}
	return list
}

// send sends the configuration once to every agent that is ready, and adds results
// for the other agents.
func (d *deployment) send() {
	d.enter(sending)
	d.steers.tellBefore()
	for _, name := range slices.Sorted(maps.Keys(d.target.instances)) {
		why := d.roster.missing(name)
		if (resumption{d}).isRefused(name) {
			continue
		}
		if why != "" && d.order.isResumed() {
			d.order.late = append(d.order.late, name)
			continue
		}
		if why != "" {
			absent := d.absent(name)
			d.addResults(absent)
			d.steps.miss(name, absent)
			continue
		}
		a := d.roster.agents[name]
		if d.order.again() && (a.has == d.target || d.memory.refused(name)) {
			continue
		}
		d.sendTo(a, false)
	}
	for _, a := range d.leaving {
		d.beginSteps(a)
	}
}

// beginSteps says that the nodes of a are about to change.
func (d *deployment) beginSteps(a *agent) {
	if d.internal() {
		return
	}
	if _, ok := d.steps.planned[a.name]; !ok && d.steps.foreseen != nil {
		d.steps.plan(a.name, d.steps.foreseen.steps(a.name, !a.peer.fleet))
	}
	d.steps.begin(a.name)
}

func (d *deployment) sendTo(a *agent, force bool) {
	d.beginSteps(a)
	if d.memory.reverted() && a.peer.fleet {
		if _, asked := d.asked[a]; !asked {
			d.trust(a)
		}
	}
	l := d.begin(a, deliveries{d})
	d.legs.send(l, mgmt.AgentDeployRequest{ReqID: l.id, Config: d.target.config, Force: force})
}

// trust tells an agent that the configuration that it is sent next needs no preflight.
// Nobody waits for its answer.
func (d *deployment) trust(a *agent) {
	l := d.legs.begin(a, nil)
	d.legs.send(l, mgmt.AgentPrepareRequest{ReqID: l.id, Config: d.target.config, Whole: max(0, d.times.deadline.Sub(d.now))})
	d.legs.close(l)
}

// absent returns the result for an instance to which nothing can be sent now. It is
// a success with a reason if nothing changes for the instance, or if the client has
// asked for a partial deployment.
func (d *deployment) absent(name mgmt.InstanceName) mgmt.Result {
	why := d.roster.missing(name)
	switch {
	case d.internal():
		return mgmt.Result{Instance: name, Error: why}
	case d.idle.known && d.idle.change.Same(name):
		return mgmt.Result{Success: true, Instance: name, Error: why + "; nothing changes for it"}
	case d.partial() && d.roster.agents[name] == nil:
		why = d.roster.missingWithHint(d.target, name)
		return mgmt.Result{Success: true, Instance: name, Error: why + "; it gets its nodes when it connects" + d.target.namesOf(name)}
	case d.partial():
		return mgmt.Result{Success: true, Instance: name, Error: why + "; it gets its nodes when its agent accepts them" + d.target.namesOf(name)}
	}
	return mgmt.Result{Instance: name, Error: why}
}

// namesOf names the nodes of an instance, behind a colon.
func (t *target) namesOf(name mgmt.InstanceName) string {
	var nodes []string
	for _, n := range t.of[name] {
		nodes = append(nodes, string(n.Name))
	}
	if len(nodes) == 0 {
		return ""
	}
	slices.Sort(nodes)
	return ": " + mgmt.FewTexts(nodes, maxNamed, ", ")
}

// deliveries takes the answers of the agents that were sent the configuration.
type deliveries struct{ *deployment }

func (d deliveries) answered(l *leg, answers []mgmt.Result) {
	d.closed(l)
	a := l.agent
	if d.amends && !l.asked.(mgmt.AgentDeployRequest).Force && d.target.passedOver(a.name, answers) {
		d.note(Note{Level: Info, Text: "agent runs an earlier form of the configuration, which is forced upon it", Instance: a.name, ReqID: l.id})
		d.sendTo(a, true)
		return
	}
	results, accepted := d.target.read(a.name, answers)
	refused := !accepted && failedPreflight(answers)
	if refused && d.memory.reverted() {
		results[0].Error += "; the controller tries again"
	}
	d.addResults(results...)
	d.steps.took(a.name, results, accepted)
	if !accepted {
		d.roster.failedAttempt(a)
		if refused && !d.internal() && !d.memory.reverted() {
			d.outcome.refusers = append(d.outcome.refusers, a.name)
		}
		return
	}
	a.has = d.target
	a.resetAttempts()
	d.watching.accepted(a, results)
}

func (d deliveries) failed(l *leg, why string) {
	d.closed(l)
	failure := mgmt.Result{Instance: l.agent.name, Error: why}
	d.addResults(failure)
	d.steps.took(l.agent.name, []mgmt.Result{failure}, false)
	d.roster.failedAttempt(l.agent)
}

// failedPreflight reports whether an agent has refused a deployment because its
// preflight failed. An agent of ours that has just answered a request to prepare
// has no second preflight. Upstream's agents have none at all.
func failedPreflight(answers []mgmt.Result) bool {
	return slices.ContainsFunc(answers, func(r mgmt.Result) bool {
		return !r.Success && r.Node == "" && strings.HasPrefix(r.Error, mgmt.PreflightFailed)
	})
}

// expireAnswers gives up at the deadline: on agents that have not answered, and on
// agents whose nodes have not ended.
func (d *deployment) expireAnswers() {
	if d.now.Before(d.times.deadline) {
		return
	}
	for _, l := range slices.Clone(d.open) {
		d.legs.fail(l, fmt.Sprintf("%s waiting for instance '%s'%s", errTimedOut, l.agent.name, l.stillFetches()))
	}
	for _, a := range slices.Clone(d.leaving) {
		d.left(a, fmt.Sprintf("%s waiting for the nodes of instance '%s' to end", errTimedOut, a.name))
	}
}

// forgetLeft ends the wait for agents that stand by or are gone.
func (d *deployment) forgetLeft() {
	d.leaving = slices.DeleteFunc(d.leaving, func(a *agent) bool {
		gone := d.roster.agents[a.name] != a
		switch {
		case gone:
			d.steps.away(a.name, "its connection was lost; its nodes end when it connects")
		case a.standing == dismissed:
			d.steps.took(a.name, nil, true)
		}
		return gone || a.standing == dismissed
	})
}

// left ends the wait for a. Its nodes may run on.
func (d *deployment) left(a *agent, why string) {
	if i := slices.Index(d.leaving, a); i >= 0 {
		d.leaving = slices.Delete(d.leaving, i, i+1)
		failure := mgmt.Result{Instance: a.name, Error: why}
		d.addResults(failure)
		d.steps.took(a.name, []mgmt.Result{failure}, false)
	}
}

// complained keeps an error that an agent reports of a node, for the results of the
// deployment (spec management-api 7.3, G-C20).
func (d *deployment) complained(a *agent, msg mgmt.NotifyError) {
	if d.phase == sending && d.target.nodes[msg.Node].Instance == a.name {
		d.outcome.complaints[msg.Node] = msg.Msg
	}
}
