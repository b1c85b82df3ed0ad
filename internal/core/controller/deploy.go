package controller

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"

	"zeekfleet/internal/mgmt"
)

// deployment brings a configuration to its agents. At most one runs. It gathers
// the agents, saves what they are to run, sends it, and ends with their answers.
// A client asked for it, or it is internal: agents came back that may not run
// what is deployed.
type deployment struct {
	id       mgmt.ReqID
	internal bool
	request  *request // to be answered; nil if it is internal, or its client gone
	who      mgmt.PeerID
	staged   *Entry // what the client wants deployed; nil if it is internal
	// target is, while gathering, the configuration as it was staged; then as it
	// is sent. It is m.deployed if it is internal.
	target *target
	// amends says that target differs from what was deployed before, and has its ID.
	amends   bool
	phase    phase
	grace    time.Time // ends gathering
	deadline time.Time // ends all of it
	open     []*call
	results  []mgmt.Result
	// complaints are the newest errors that agents reported of nodes meanwhile.
	complaints map[mgmt.NodeName]string
}

type phase int

const (
	gathering phase = iota
	committing
	sending
)

// due returns when the deployment goes on unless something happens before.
func (d *deployment) due() time.Time {
	if d.phase == gathering {
		return d.grace
	}
	return d.deadline
}

// deploy starts a client's deployment. It supersedes an internal one, but not
// another client's (spec management-api 6.10; 7.3, G-C18).
func (m *Machine) deploy(r *request) {
	earlier := m.deploying
	switch {
	case m.state.Staged == nil:
		m.refuse(r, "no configuration available to deploy")
		return
	case earlier != nil && !earlier.internal:
		m.refuse(r, fmt.Sprintf("earlier deployment %s still pending", earlier.id))
		return
	case earlier != nil:
		m.abandon(earlier)
	}
	d := &deployment{id: r.id, request: r, who: r.client, staged: m.state.Staged, target: newTarget(m.state.Staged.Config)}
	r.deployment = d
	m.requests[r.requestKey] = r
	m.forgiveAll()
	m.begin(d)
}

func (m *Machine) begin(d *deployment) {
	d.grace, d.deadline = m.now.Add(m.cfg.ReadyGrace), m.now.Add(m.cfg.DeployTimeout)
	d.complaints = map[mgmt.NodeName]string{}
	m.deploying = d
	m.note(Note{Level: Info, Text: d.title("deployment begins"), ReqID: d.id})
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
	switch {
	case d == nil:
		return m.resync()
	case d.phase == gathering && m.gathered(d):
		m.commit(d)
		return true
	case d.phase == sending:
		if !m.now.Before(d.deadline) {
			for _, c := range slices.Clone(d.open) {
				m.failed(c, fmt.Sprintf("%s waiting for instance '%s'", errTimedOut, c.agent.name))
			}
		}
		if len(d.open) == 0 {
			m.finish(d)
			return true
		}
	}
	return false
}

// gathered reports whether there is nobody left to wait for.
func (m *Machine) gathered(d *deployment) bool {
	if !m.now.Before(d.grace) {
		return true
	}
	for name := range d.target.instances {
		a := m.agents[name]
		hopeless := a != nil && (!a.compatible() || a.refusal != "")
		if m.missing(name) != "" && !hopeless {
			return false
		}
	}
	return true
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

// commit saves what is deployed before anybody is told (spec management-api
// 7.3, G-C2). A deployment that reaches nobody changes nothing.
func (m *Machine) commit(d *deployment) {
	if !m.reachesAnybody(d) {
		for _, name := range slices.Sorted(maps.Keys(d.target.instances)) {
			d.results = append(d.results, mgmt.Result{Instance: name, Error: m.missing(name)})
		}
		m.end(d)
		return
	}
	if d.internal {
		m.recommit(d)
		return
	}
	config, errs := m.prepare(d.staged.Config)
	if len(errs) > 0 {
		d.results = mistakes(errs)
		m.end(d)
		return
	}
	m.retarget(d, config)
	m.save(&saving{next: m.withDeployed(d), deploy: d})
}

// retarget makes config what d is about to save and send.
func (m *Machine) retarget(d *deployment, config mgmt.Configuration) {
	d.target, d.phase = newTarget(config), committing
	d.amends = m.deployed != nil && m.deployed.config.ID == config.ID && !reflect.DeepEqual(m.deployed.config, config)
}

func (m *Machine) reachesAnybody(d *deployment) bool {
	if len(d.target.instances) == 0 {
		return true // there is nobody to reach
	}
	for name := range d.target.instances {
		if m.missing(name) == "" {
			return true
		}
	}
	return false
}

// committed sends what was saved, or refuses the deployment.
func (m *Machine) committed(d *deployment, err string) {
	if err == "" {
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

// dispatch sends the configuration to every agent that is ready, once, and
// answers for the others.
func (m *Machine) dispatch(d *deployment) {
	d.phase = sending
	for _, name := range slices.Sorted(maps.Keys(d.target.instances)) {
		if why := m.missing(name); why != "" {
			d.results = append(d.results, mgmt.Result{Instance: name, Error: why})
			continue
		}
		a := m.agents[name]
		if d.internal && a.has == d.target {
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
	m.end(d)
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
