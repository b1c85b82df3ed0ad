package controller

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// deployment brings a configuration to its agents. At most one runs. A client
// asked for it, or it is internal: agents came back that may not run what is
// deployed. A client's gathers the agents, asks them whether they could run the
// configuration, saves it, sends it, and ends with their answers. Up to the save
// it can be refused as a whole, and nothing has been touched then. An internal
// one asks nobody: what it brings was accepted before.
type deployment struct {
	id       mgmt.ReqID
	internal bool
	partial  bool     // instances that are not there are left out
	request  *request // to be answered; nil if it is internal, or its client gone
	tells    bool     // the client understands DeployProgress
	who      mgmt.PeerID
	staged   *Entry // what the client wants deployed; nil if it is internal
	// target is, while gathering, the configuration as it was staged; then as it
	// is sent. It is m.deployed if it is internal.
	target *target
	// amends says that target differs from what was deployed before, and has its ID.
	amends   bool
	phase    phase
	telling  time.Time // when it is told whom this phase waits for; zero: it was
	grace    time.Time // ends gathering
	looking  time.Time // ends preparing
	asked    map[*agent]bool
	deadline time.Time // ends all of it
	idle     idleness
	open     []*call
	// leaving are the agents of instances that the deployment takes out of the
	// cluster. It is answered when their nodes have ended.
	leaving []*agent
	results []mgmt.Result
	// refusers are the instances whose agents refused what was sent.
	refusers []mgmt.InstanceName
	// complaints are the newest errors that agents reported of nodes meanwhile.
	complaints map[mgmt.NodeName]string
}

type phase int

const (
	gathering phase = iota
	preparing
	committing
	sending
)

// due returns when the deployment goes on unless something happens before.
func (d *deployment) due() time.Time {
	end := d.deadline
	switch d.phase {
	case gathering:
		end = d.grace
	case preparing:
		end = d.looking
	}
	if !d.telling.IsZero() && d.telling.Before(end) {
		return d.telling
	}
	return end
}

// enter begins a phase in which others are waited for.
func (m *Machine) enter(d *deployment, p phase) {
	d.phase, d.telling = p, m.now.Add(tellAfter)
}

// deploy starts a client's deployment. It supersedes an internal one, but not
// another client's (spec management-api 6.10; 7.3, G-C18).
func (m *Machine) deploy(r *request, on mgmt.StagedDeployRequest) {
	earlier := m.deploying
	switch {
	case m.state.Staged == nil:
		m.refuse(r, "no configuration available to deploy")
		return
	case m.anothers(r.client, on.ID):
		m.refuse(r, fmt.Sprintf("another configuration was staged since, by %s: stage yours again", m.state.Staged.Who))
		return
	case earlier != nil && !earlier.internal:
		m.refuse(r, fmt.Sprintf("earlier deployment %s still pending", earlier.id))
		return
	case earlier != nil:
		m.abandon(earlier)
	}
	d := &deployment{id: r.id, request: r, who: r.client, staged: m.state.Staged, target: newTarget(m.state.Staged.Config)}
	d.partial = on.Partial
	_, d.tells = r.msg.(mgmt.StagedDeployRequest)
	r.deployment = d
	m.requests[r.requestKey] = r
	m.forgiveAll()
	m.begin(d, m.timeFor(on))
}

// anothers reports whether what is staged is not what the client means: the
// configuration with this ID, if it names one, and that which it staged last, if
// it staged any.
func (m *Machine) anothers(client mgmt.PeerID, id string) bool {
	own, ok := m.stagedBy[client]
	return id != "" && id != m.state.Staged.Config.ID || ok && own != m.state.Staged.Revision
}

// answerMargin is how long before its asker gives up an answer is given.
const answerMargin = 2 * time.Second

// timeFor returns how long a client's deployment may take.
func (m *Machine) timeFor(on mgmt.StagedDeployRequest) time.Duration {
	if on.Patience <= 0 {
		return m.cfg.DeployTimeout
	}
	return min(max(on.Patience-answerMargin, on.Patience/2), m.cfg.MaxDeployTimeout)
}

// tellAfter is how long a deployment waits in a phase before it says for whom:
// most are there, and answer, at once.
const tellAfter = time.Second

func (m *Machine) begin(d *deployment, timeout time.Duration) {
	wait := timeout - min(m.cfg.DeployReserve, timeout/2)
	if d.internal || d.partial {
		wait = min(m.cfg.ReadyGrace, wait)
	}
	m.enter(d, gathering)
	d.grace, d.deadline = m.now.Add(wait), m.now.Add(timeout)
	d.complaints = map[mgmt.NodeName]string{}
	m.deploying = d
	begins := Note{Level: Info, Text: d.title("deployment begins"), ReqID: d.id}
	if d.request != nil {
		begins.Peer = d.request.client
	}
	m.note(begins)
	m.redial()
}

func (d *deployment) title(text string) string {
	if d.internal {
		return "internal " + text
	}
	return text
}

func (m *Machine) abandon(d *deployment) {
	m.note(Note{Level: Info, Text: "internal deployment superseded", ReqID: d.id})
	for _, c := range d.open {
		delete(m.calls, c.id)
	}
	m.deploying = nil
}

// proceed takes the deployment one step further, or starts an internal one, and
// reports whether there was anything to do.
func (m *Machine) proceed() bool {
	d := m.deploying
	if d != nil && d.phase != committing && !d.telling.IsZero() && !m.now.Before(d.telling) {
		d.telling = time.Time{}
		m.tellWaiting(d)
	}
	switch {
	case d == nil:
		return m.resync()
	case d.phase == gathering && m.gathered(d):
		m.weigh(d)
		return true
	case d.phase == preparing:
		if !m.now.Before(d.looking) {
			for _, c := range slices.Clone(d.open) {
				m.failed(c, fmt.Sprintf("instance '%s' did not say in time whether it could run it", c.agent.name))
			}
		}
		if len(d.open) == 0 {
			m.judge(d)
			return true
		}
	case d.phase == sending:
		if !m.now.Before(d.deadline) {
			for _, c := range slices.Clone(d.open) {
				m.failed(c, fmt.Sprintf("%s waiting for instance '%s'", errTimedOut, c.agent.name))
			}
			for _, a := range d.leaving {
				d.left(a, fmt.Sprintf("%s waiting for the nodes of instance '%s' to end", errTimedOut, a.name))
			}
		}
		m.seeOff(d)
		if len(d.open) == 0 && len(d.leaving) == 0 {
			m.finish(d)
			return true
		}
	}
	return false
}

// missing returns why nothing can be deployed on the instance, and the empty
// string if something can.
func (m *Machine) missing(name mgmt.InstanceName) string {
	if why := m.absence(name); why != "" {
		return why
	}
	switch a := m.agents[name]; {
	case a.standing == ready:
		return ""
	case a.refusal != "":
		return fmt.Sprintf("instance '%s' refused to join: %s", name, a.refusal)
	default:
		return fmt.Sprintf("instance '%s' did not answer its welcome", name)
	}
}

// retarget makes config what d is about to save and send.
func (m *Machine) retarget(d *deployment, config mgmt.Configuration) {
	d.target = newTarget(config)
	d.amends = m.deployed != nil && m.deployed.config.ID == config.ID && !reflect.DeepEqual(m.deployed.config, config)
}

// committed sends what was saved, or refuses the deployment.
func (m *Machine) committed(d *deployment, err string) {
	if err == "" {
		d.leaving = m.dismissing(m.deployed, d.target)
		m.deployed = d.target
		m.dispatch(d)
		return
	}
	d.results = []mgmt.Result{{Error: "save configuration: " + err}}
	if d.internal {
		m.postpone()
	}
	m.end(d)
}

// dismissing returns the agents that are there, by name, of instances in before and
// not in next, which are about to be sent a standby.
func (m *Machine) dismissing(before, next *target) []*agent {
	var list []*agent
	for _, name := range slices.Sorted(maps.Keys(m.agents)) {
		if a := m.agents[name]; before.has(name) && !next.has(name) && a.compatible() {
			list = append(list, a)
		}
	}
	return list
}

// seeOff waits no longer for agents that stand by, or are gone.
func (m *Machine) seeOff(d *deployment) {
	d.leaving = slices.DeleteFunc(d.leaving, func(a *agent) bool {
		return a.standing == dismissed || m.agents[a.name] != a
	})
}

// left ends the wait for a, whose nodes may run on.
func (d *deployment) left(a *agent, why string) {
	d.results = append(d.results, mgmt.Result{Instance: a.name, Error: why})
	d.leaving = slices.DeleteFunc(slices.Clone(d.leaving), func(l *agent) bool { return l == a })
}

// dispatch sends the configuration to every agent that is ready, once, and
// answers for the others.
func (m *Machine) dispatch(d *deployment) {
	m.enter(d, sending)
	for _, name := range slices.Sorted(maps.Keys(d.target.instances)) {
		if why := m.missing(name); why != "" {
			d.results = append(d.results, m.absent(d, name, why))
			continue
		}
		a := m.agents[name]
		if d.internal && (a.has == d.target || m.refused(name)) {
			continue
		}
		m.sendDeploy(d, a, false)
	}
}

func (m *Machine) sendDeploy(d *deployment, a *agent, force bool) {
	c := m.newCall(a, callDeploy)
	c.force = force
	d.open = append(d.open, c)
	m.send(c, mgmt.AgentDeployRequest{ReqID: c.id, Config: d.target.config, Force: force})
}

func (m *Machine) deployAnswered(a *agent, msg mgmt.AgentDeployResponse) {
	c := m.answered(a, callDeploy, msg.ReqID)
	if c == nil {
		return
	}
	d := m.closed(c)
	if d.amends && !c.force && d.passedOver(a.name, msg.Results) {
		m.note(Note{Level: Info, Text: "agent runs an earlier form of the configuration, which is forced upon it", Instance: a.name, ReqID: c.id})
		m.sendDeploy(d, a, true)
		return
	}
	results, accepted := d.read(a.name, msg.Results)
	d.results = append(d.results, results...)
	if !accepted {
		m.failedAttempt(a)
		if !d.internal && failedPreflight(msg.Results) {
			d.refusers = append(d.refusers, a.name)
		}
		return
	}
	a.has = d.target
	a.forgive()
}

func (m *Machine) deployFailed(c *call, why string) {
	d := m.closed(c)
	d.results = append(d.results, mgmt.Result{Instance: c.agent.name, Error: why})
	m.failedAttempt(c.agent)
}

// closed takes c off the deployment, which is the one that runs.
func (m *Machine) closed(c *call) *deployment {
	d := m.deploying
	d.open = slices.DeleteFunc(d.open, func(o *call) bool { return o == c })
	return d
}

// finish ends a deployment that reached its agents. Its last result is the
// controller's own, and says what is deployed now, whether or not all nodes run
// (spec management-api 6.10).
func (m *Machine) finish(d *deployment) {
	for i, r := range d.results {
		if !r.Success && r.Error == "" {
			d.results[i].Error = d.complaints[r.Node]
		}
	}
	d.results = append(m.capped(d.results), mgmt.Result{Success: true, Data: mgmt.Text(d.target.config.ID)})
	if len(d.refusers) == 0 {
		m.end(d)
		return
	}
	for _, name := range d.refusers {
		m.note(Note{Level: Warn, Text: "instance keeps what it ran until somebody deploys again", Instance: name, ReqID: d.id})
	}
	next := m.state
	next.Refused = slices.Sorted(slices.Values(d.refusers))
	m.save(&saving{next: next, ends: d})
}

// failedPreflight reports whether an agent has refused a deployment because of
// what it found. One that was asked before does so only if it was asked too long
// ago, and one of upstream's never.
func failedPreflight(answers []mgmt.Result) bool {
	return slices.ContainsFunc(answers, func(r mgmt.Result) bool {
		return !r.Success && r.Node == "" && strings.HasPrefix(r.Error, mgmt.PreflightFailed)
	})
}

// end answers a deployment with its results.
func (m *Machine) end(d *deployment) {
	m.deploying = nil
	m.noteOutcome(d)
	if d.request != nil {
		m.reply(d.request, d.results...)
	}
	m.redial()
}

// noteOutcome says what came of a deployment. An internal one has nobody else
// to tell.
func (m *Machine) noteOutcome(d *deployment) {
	failures := 0
	for _, r := range d.results {
		if r.Success {
			continue
		}
		failures++
		if d.internal {
			m.note(Note{Level: Warn, Text: "internal deployment failed in part", Instance: r.Instance, Node: r.Node, ReqID: d.id, Err: r.Error})
		}
	}
	n := Note{Level: Info, Text: d.title("deployment ends"), ReqID: d.id}
	if m.state.Deployed != nil {
		n.Rev = m.state.Deployed.Revision
	}
	if failures > 0 {
		n.Level, n.Err = Warn, fmt.Sprintf("%d of %d results are failures", failures, len(d.results))
	}
	m.note(n)
}

// agentComplained keeps what an agent reports of a node for the results of the
// deployment that is on its way (spec management-api 7.3, G-C20).
func (m *Machine) agentComplained(a *agent, msg mgmt.NotifyError) {
	m.note(Note{Level: Warn, Text: "agent complains", Instance: a.name, Node: msg.Node, Err: msg.Msg})
	d := m.deploying
	if d == nil || d.phase != sending || d.target.nodes[msg.Node].Instance != a.name {
		return
	}
	d.complaints[msg.Node] = msg.Msg
}
