package controller

import (
	"maps"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// weigh decides whether d can come about with the agents that are there, and has
// them look whether it can on their hosts.
func (m *Machine) weigh(d *deployment) {
	if d.internal {
		m.commitInternal(d)
		return
	}
	if !m.reachesAnybody(d) {
		m.refuseAbsent(d, slices.Sorted(maps.Keys(d.target.instances)))
		return
	}
	config, errs := m.fill(d.staged.Config)
	if len(errs) > 0 {
		d.results = mistakes(errs)
		m.end(d)
		return
	}
	if lacking := m.lacking(d); len(lacking) > 0 {
		m.refuseAbsent(d, lacking)
		return
	}
	m.retarget(d, config)
	m.askAll(d)
}

// reachesAnybody reports whether d has an instance that can be deployed to, or
// none at all. A deployment that reaches nobody changes nothing.
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

// lacking returns the instances, sorted, without which d cannot come about:
// those that are not there, and for which it would change something.
func (m *Machine) lacking(d *deployment) []mgmt.InstanceName {
	var names []mgmt.InstanceName
	for name := range d.target.instances {
		if m.missing(name) != "" && !m.idleAt(d, name) && !d.partial {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// refuseAbsent refuses d as a whole because of instances that are not there.
func (m *Machine) refuseAbsent(d *deployment, names []mgmt.InstanceName) {
	for _, name := range names {
		d.results = append(d.results, mgmt.Result{Instance: name, Error: m.lackOf(d, name)})
	}
	d.results = append(d.results, mgmt.Result{Error: "nothing was deployed; " + m.whoIsThere()})
	m.end(d)
}

// askAll asks the agents whether they could run the configuration: once each, and
// anew where one has connected anew. Those that cannot be asked are taken to be
// able to. The look takes half of the time at most: on a busy host, starts take
// as long as it does.
func (m *Machine) askAll(d *deployment) {
	left := d.deadline.Sub(m.now)
	margin := min(askMargin, left/8)
	if d.phase != preparing {
		m.enter(d, preparing)
		d.looking, d.asked = m.now.Add(left/2), map[*agent]bool{}
	}
	for _, name := range slices.Sorted(maps.Keys(d.target.instances)) {
		a := m.agents[name]
		if m.missing(name) != "" || !a.peer.prepares || d.asked[a] || len(d.target.of[name]) == 0 {
			continue
		}
		d.asked[a] = true
		c := m.newCall(a, callPrepare)
		d.open = append(d.open, c)
		m.send(c, mgmt.AgentPrepareRequest{
			ReqID: c.id, Config: d.target.config, Look: d.looking.Sub(m.now) - margin, Whole: left - margin,
		})
	}
}

// askMargin is how long before the controller gives up its agents answer.
const askMargin = 500 * time.Millisecond

// prepareAnswered keeps what keeps the configuration from running there.
func (m *Machine) prepareAnswered(a *agent, msg mgmt.AgentPrepareResponse) {
	c := m.answered(a, callPrepare, msg.ReqID)
	if c == nil {
		return
	}
	d := m.closed(c)
	for _, answer := range msg.Results {
		if answer.Success {
			continue
		}
		failure := launchResult(a.name, answer)
		if failure.Error == "" {
			failure.Error = "no reason given"
		}
		d.results = append(d.results, failure)
	}
}

// prepareFailed keeps that an agent did not say what keeps the configuration from
// running. One that is lost is judged as those that were never there.
func (m *Machine) prepareFailed(c *call, why string) {
	d := m.closed(c)
	if m.agents[c.agent.name] == c.agent {
		d.results = append(d.results, mgmt.Result{Instance: c.agent.name, Error: why})
	}
}

// judge goes on with d if no agent has anything against it, or refuses it as a
// whole.
func (m *Machine) judge(d *deployment) {
	if len(d.results) > 0 {
		if d.results = m.capped(d.results); len(d.target.instances) > 1 {
			d.results = append(d.results, mgmt.Result{Error: "nothing was deployed: not every instance can run the configuration"})
		}
		m.end(d)
		return
	}
	if lacking := m.lacking(d); len(lacking) > 0 {
		m.refuseAbsent(d, lacking) // lost while others were looking
		return
	}
	if d.looking.Sub(m.now) > 2*askMargin {
		if m.askAll(d); len(d.open) > 0 {
			return
		}
	}
	d.phase = committing
	m.save(&saving{next: m.withDeployed(d), deploy: d})
}

// commitInternal goes on with what is deployed, if there is anybody to send it
// to.
func (m *Machine) commitInternal(d *deployment) {
	if m.reachesAnybody(d) {
		d.phase = committing
		m.recommit(d)
		return
	}
	for _, name := range slices.Sorted(maps.Keys(d.target.instances)) {
		d.results = append(d.results, mgmt.Result{Instance: name, Error: m.missing(name)})
	}
	m.end(d)
}

// absent is the result of an instance to which nothing can be sent now. It is a
// success, with a reason, if that is as the client wants it.
func (m *Machine) absent(d *deployment, name mgmt.InstanceName, why string) mgmt.Result {
	switch {
	case d.internal:
		return mgmt.Result{Instance: name, Error: why}
	case d.idle.known && d.idle.change.Same(name):
		return mgmt.Result{Success: true, Instance: name, Error: why + "; nothing changes for it"}
	case d.partial && m.agents[name] == nil:
		return mgmt.Result{Success: true, Instance: name, Error: why + "; it gets its share when it comes"}
	case d.partial:
		return mgmt.Result{Success: true, Instance: name, Error: why + "; it gets its share when it takes it"}
	}
	return mgmt.Result{Instance: name, Error: why}
}
