package controller

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// addDeployments adds the requests that deploy.
func (table decisions) addDeployments() {
	decide(table, func(m *Machine, r *request, _ mgmt.DeployRequest) {
		m.deployments.deploy(r, mgmt.StagedDeployRequest{})
	})
	decide(table, func(m *Machine, r *request, msg mgmt.StagedDeployRequest) { m.deployments.deploy(r, msg) })
	decide(table, func(m *Machine, r *request, msg mgmt.ChangeRequest) { m.deployments.change(r, msg) })
}

// deployments starts deployments. At most one deployment runs at a time.
type deployments struct {
	parts
	staging   *staging
	reverting *reverting
	watching  *watching
	latest    *deployment // nil before the first
	// resends is when an agent needs an internal deployment. stale says that all agents must be
	// looked at, because a deployment has run.
	resends soonest
	stale   bool
}

// running returns the deployment that runs, or nil.
func (ds *deployments) running() *deployment {
	if ds.latest == nil || ds.latest.phase == ended {
		return nil
	}
	return ds.latest
}

// deploy starts a client's deployment. A client's deployment ends an internal
// deployment that runs, but not another client's (spec management-api 6.10; 7.3,
// G-C18).
func (ds *deployments) deploy(r *request, on mgmt.StagedDeployRequest) {
	earlier, staged := ds.running(), ds.memory.state.Staged
	switch {
	case staged == nil:
		ds.requests.refuse(r, "no configuration available to deploy")
		return
	case ds.staging.anothers(r.Asker, on.ID):
		ds.requests.refuse(r, fmt.Sprintf("another configuration was staged since, by %s: stage yours again", staged.Who))
		return
	case earlier != nil && !earlier.order.again():
		ds.requests.refuse(r, fmt.Sprintf("earlier deployment %s still pending", earlier.id))
		return
	case earlier != nil:
		ds.supersede(earlier)
	}
	_, tells := r.Detail.msg.(mgmt.StagedDeployRequest)
	d := &deployment{id: r.ID, target: newTarget(staged.Config), order: &order{
		request: r, asked: r.Detail, given: staged, partial: on.Partial, tells: tells,
		origin: mgmt.Origin{Kind: mgmt.OperationDeploy},
	}}
	r.Detail.deployment = d
	ds.operate(d)
	r.Detail.operation = d.steps.op
	ds.start(d, on.Patience)
}

// operate makes d an operation.
func (ds *deployments) operate(d *deployment) {
	o := d.order
	d.steps = deploymentSteps{planned: map[mgmt.InstanceName][]mgmt.NodeName{}, op: ds.operations.begin(mgmt.Operation{
		Kind: o.origin.Kind, Note: o.origin.Note, From: ds.memory.state.Deployed.revision(), Of: o.origin.Of,
	}, o.asked)}
	d.steps.op.subject = o.given.Config.ID
	o.origin.Operation = d.steps.op.id()
}

// start starts a client's deployment, which may take as long as its client waits.
func (ds *deployments) start(d *deployment, patience time.Duration) {
	d.steps.op.audit(mgmt.AuditBegun, "")
	ds.roster.resetAllAttempts()
	ds.begin(d, ds.cfg.deployTime(patience))
}

// answerMargin is the time between the answer and the moment when the client gives
// up.
const answerMargin = 2 * time.Second

// deployTime returns how long a deployment, or a plan, may take if its client waits that
// long.
func (c Config) deployTime(patience time.Duration) time.Duration {
	if patience <= 0 {
		return c.DeployTimeout
	}
	return min(max(patience-answerMargin, patience/2), c.MaxDeployTimeout)
}

func (ds *deployments) begin(d *deployment, timeout time.Duration) {
	wait := timeout - min(ds.cfg.DeployReserve, timeout/2)
	if d.internal() || d.partial() {
		wait = min(ds.cfg.ReadyGrace, wait)
	}
	begins := "deployment begins"
	if d.order.isResumed() {
		begins = "deployment goes on"
	}
	d.parts, d.reverting, d.watching = ds.parts, ds.reverting, ds.watching
	d.enter(gathering)
	d.times.grace, d.times.deadline = ds.now.Add(wait), ds.now.Add(timeout)
	d.outcome.complaints = map[mgmt.NodeName]string{}
	ds.latest, ds.stale = d, true
	n := Note{Level: Info, Text: d.title(begins), ReqID: d.id}
	if !d.internal() && d.order.request != nil {
		n.Peer = d.order.request.Asker
	}
	ds.note(n)
	ds.dials.stale = true
}

// supersede ends a deployment without a result: an internal one, or one of an earlier
// life.
func (ds *deployments) supersede(d *deployment) {
	ds.note(Note{Level: Info, Text: d.title("deployment superseded"), ReqID: d.id})
	if !d.internal() && !ds.reverting.watches(d.steps.op) {
		ds.reverting.interrupted(d.steps.op)
	}
	for _, l := range d.open {
		ds.legs.close(l)
	}
	d.phase = ended
}

// proceed takes the deployment that runs one step further. If none runs, it starts
// an internal deployment if one is needed. It reports whether there was anything to
// do.
func (ds *deployments) proceed(concerned whom) bool {
	if d := ds.running(); d != nil {
		return d.proceed()
	}
	return ds.resend(concerned)
}

// next returns when a deployment goes on or begins, if nothing else happens before.
func (ds *deployments) next() (time.Time, bool) {
	if d := ds.running(); d != nil {
		return d.due(), true
	}
	return ds.resends.next()
}

// resend starts an internal deployment if an agent needs one.
func (ds *deployments) resend(concerned whom) bool {
	if ds.stale {
		concerned, ds.stale = everybody, false
	}
	for _, a := range ds.resends.those(concerned, ds.roster, ds.now) {
		outdated := ds.outdated(a)
		if outdated && !ds.now.Before(a.retryAt) {
			ds.begin(&deployment{id: mgmt.NewReqID(ds.rng), target: ds.memory.deployed}, ds.cfg.DeployTimeout)
			return true
		}
		ds.resends.offer(a.retryAt, outdated)
	}
	return false
}

// outdated reports whether the controller must send the deployed configuration to
// a: a is ready, and a has not said over this connection that it runs that
// configuration.
func (p parts) outdated(a *agent) bool {
	deployed := p.memory.deployed
	return a.standing == ready && a.compatible() && deployed.has(a.name) && a.has != deployed && !p.memory.refused(a.name)
}

// postponeAll makes all outdated agents wait for the next internal deployment.
func (p parts) postponeAll() {
	for _, a := range p.roster.agents {
		if p.outdated(a) {
			p.roster.failedAttempt(a)
		}
	}
}

// weighInternal goes on if the deployed configuration can be sent to at least one
// agent.
func (d *deployment) weighInternal() {
	if d.reachesAnybody() {
		d.commitInternal()
		return
	}
	for _, name := range slices.Sorted(maps.Keys(d.target.instances)) {
		d.addResults(mgmt.Result{Instance: name, Error: d.roster.missing(name)})
	}
	d.end()
}

// commitInternal saves the hosts of instances whose hosts were not known when the
// configuration was deployed, and goes on. Known hosts stay until a client deploys
// again: a change of a host restarts every node of the cluster, and a reconnection
// must not cause that.
func (d *deployment) commitInternal() {
	deployed := d.memory.deployed.config
	config := deployed.WithHosts(d.seen())
	if slices.EqualFunc(config.Instances, deployed.Instances, sameHost) {
		d.send()
		return
	}
	d.retarget(d.withoutCollisions(config))
	d.commit(d.memory.withHosts(d.target))
}

// withoutCollisions returns config with other ports where its hosts show that two ports
// collide. It assigns ports anew only if it is still known which ports were
// assigned.
func (d *deployment) withoutCollisions(config mgmt.Configuration) mgmt.Configuration {
	errs, _ := config.Check(d.rules())
	if assigned := d.memory.state.Deployed.Assigned; len(errs) > 0 && !assigned.None() {
		var again mgmt.Configuration
		if again, errs = d.fill(config.WithoutPorts(assigned)); len(errs) == 0 {
			return again
		}
	}
	for _, err := range errs {
		d.note(Note{Level: Warn, Text: "deployed configuration is in conflict", Err: err})
	}
	return config
}

func sameHost(a, b mgmt.Instance) bool { return a.Host == b.Host }
