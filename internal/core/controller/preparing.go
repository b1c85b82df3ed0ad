package controller

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// weigh decides whether d is possible with the agents that are connected. If it is,
// the agents run their preflights before anything changes.
func (d *deployment) weigh() {
	switch {
	case d.internal():
		d.weighInternal()
		return
	case d.order.resumed:
		d.commitInternal()
		return
	}
	if !d.reachesAnybody() && d.order.reverts == nil {
		d.refuseAbsent(slices.Sorted(maps.Keys(d.target.instances)))
		return
	}
	config, errs := d.fill(d.order.given.Config)
	if len(errs) > 0 {
		d.outcome.results = mistakes(errs)
		d.end()
		return
	}
	if lacking := d.lacking(); len(lacking) > 0 {
		d.refuseAbsent(lacking)
		return
	}
	d.retarget(config)
	switch deployed := d.memory.state.Deployed; {
	case d.order.reverts == nil:
		d.preflightAll()
	case reflect.DeepEqual(config, deployed.Config): // the two revisions differ only in addresses that were found, and an agent has another one now
		d.outcome.results = []mgmt.Result{{Error: fmt.Sprintf("its configuration is now the same as that of revision %d", deployed.Revision)}}
		d.end()
	default:
		d.commitOrdered()
	}
}

// lacking returns the instances, sorted, without which d is impossible: those that
// are not connected and for which d would change something.
func (d *deployment) lacking() []mgmt.InstanceName {
	var names []mgmt.InstanceName
	for name := range d.target.instances {
		if d.roster.missing(name) != "" && !d.idleAt(name) && !d.partial() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// refuseAbsent refuses d as a whole because some instances are not connected.
func (d *deployment) refuseAbsent(names []mgmt.InstanceName) {
	for _, name := range names {
		absent := mgmt.Result{Instance: name, Error: d.roster.missingWithHint(d.target, name)}
		d.addResults(absent)
		d.steps.miss(name, absent)
	}
	d.addResults(mgmt.Result{Error: "nothing was deployed; " + d.roster.connected()})
	d.end()
}

// preflightMargin is the time between the agents' answers and the moment when the
// controller gives up.
const preflightMargin = 500 * time.Millisecond

// preflightAll asks each agent once whether it could run the configuration. It asks
// an agent again that has connected anew. Upstream's agents cannot be asked. For
// them, d goes on as if they had agreed. A preflight has at most half of the time,
// because on a busy host the starts take as long as the preflight.
func (d *deployment) preflightAll() {
	left := d.times.deadline.Sub(d.now)
	margin := min(preflightMargin, left/8)
	if d.phase != preparing {
		d.enter(preparing)
		d.times.preflight, d.asked = d.now.Add(left/2), map[*agent]time.Time{}
	}
	for _, name := range slices.Sorted(maps.Keys(d.target.instances)) {
		a := d.roster.agents[name]
		if d.roster.missing(name) != "" || !a.peer.fleet || (whileFetching{d}).prepared(a) || len(d.target.of[name]) == 0 {
			continue
		}
		d.asked[a] = time.Time{}
		d.steps.instance(name, mgmt.StepRunning, "preflight", "")
		l := d.begin(a, preflights{d})
		d.legs.send(l, mgmt.AgentPrepareRequest{
			ReqID: l.id, Config: d.target.config, Preflight: d.times.preflight.Sub(d.now) - margin, Whole: left - margin,
		})
	}
}

// preparedFor is how long the answer of an agent counts if others fetch bundles meanwhile. It
// must be shorter than the time for which the agent remembers what it has prepared.
const preparedFor = 20 * time.Second

// prepared reports whether a was asked whether it could run the configuration, and need not
// be asked again.
func (d whileFetching) prepared(a *agent) bool {
	at, asked := d.asked[a]
	return asked && !(d.times.fetched && !at.IsZero() && d.now.Sub(at) >= preparedFor)
}

// preflights takes the answers of agents that were asked whether they could run the
// configuration.
type preflights struct{ *deployment }

// answered adds the agent's failures to the results. Each failure is a reason why
// the configuration cannot run on its instance.
func (d preflights) answered(l *leg, answers []mgmt.Result) {
	d.closed(l)
	d.asked[l.agent] = d.now
	name := l.agent.name
	var failures []mgmt.Result
	for _, answer := range answers {
		if answer.Success {
			if plan, ok := readPlan(answer.Data, d.cfg.Limits); ok {
				d.steps.plan(name, plannedNodes(name, plan))
				if why := d.backends.take(name, plan.Backend); why != "" {
					failures = append(failures, mgmt.Result{Instance: name, Error: why})
				}
			}
			continue
		}
		failure := launchResult(name, answer)
		if failure.Error == "" {
			failure.Error = "no reason given"
		}
		failures = append(failures, failure)
	}
	d.addResults(failures...)
	if len(failures) > 0 {
		d.steps.took(name, failures, false)
	} else {
		d.steps.instance(name, mgmt.StepDone, "its preflight found nothing", "")
	}
}

// failed adds a failure to the results: the agent did not say whether it could run
// the configuration. For a lost agent it adds none, because judge treats its
// instance as absent.
func (d preflights) failed(l *leg, why string) {
	d.closed(l)
	d.steps.instance(l.agent.name, mgmt.StepFailed, "", why)
	if d.roster.agents[l.agent.name] == l.agent {
		d.addResults(mgmt.Result{Instance: l.agent.name, Error: why})
	}
}

// expirePreflights gives up on agents that have not answered in time.
func (d *deployment) expirePreflights() {
	if d.now.Before(d.times.preflight) {
		return
	}
	for _, l := range slices.Clone(d.open) {
		d.legs.fail(l, fmt.Sprintf("instance '%s' did not say in time whether it could run it%s", l.agent.name, l.stillFetches()))
	}
}

// judge goes on with d if no agent has found a reason against it. Otherwise it
// refuses d as a whole.
func (d *deployment) judge() {
	if len(d.outcome.results) > 0 {
		if d.outcome.results = d.requests.capped(d.outcome.results); len(d.target.instances) > 1 {
			d.addResults(mgmt.Result{Error: "nothing was deployed: not every instance can run the configuration"})
		}
		d.end()
		return
	}
	if lacking := d.lacking(); len(lacking) > 0 {
		d.refuseAbsent(lacking) // lost while others ran their preflight
		return
	}
	if d.times.preflight.Sub(d.now) > 2*preflightMargin {
		if d.preflightAll(); len(d.open) > 0 {
			return
		}
	}
	d.commitOrdered()
}

func earlierOf(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// commitOrdered saves what a client has ordered.
func (d *deployment) commitOrdered() {
	before := d.memory.state.Deployed.revision()
	next := d.memory.withDeployed(d.target, d.order.given, d.order.asked.principal.Name, d.order.origin)
	d.steps.op.change(func(is *mgmt.Operation) {
		is.From, is.Revision = before, next.Deployed.Revision
		if d.order.revertAfter > 0 && is.Revision != before {
			is.RevertAt = d.now.Add(d.order.revertAfter)
			next.Fallback = d.memory.state.Deployed
			d.times.deadline = earlierOf(d.times.deadline, is.RevertAt)
		}
	})
	d.steps.foreseen = foresee(d.memory.deployed, d.target, d.memory.state.Stopped)
	d.commit(next)
}
