package controller

import (
	"reflect"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// stale reports whether a is ready to run what is deployed, and has not said in
// this connection that it does.
func (m *Machine) stale(a *agent) bool {
	return a.standing == ready && a.compatible() && m.deployed.has(a.name) && a.has != m.deployed && !m.refused(a.name)
}

// refused reports whether the instance's agent refused what is deployed, so that
// it is for a client to deploy it again, and not for the controller.
func (m *Machine) refused(name mgmt.InstanceName) bool {
	return slices.Contains(m.state.Refused, name)
}

// resync starts an internal deployment if an agent needs one.
func (m *Machine) resync() bool {
	for _, a := range m.agents {
		if m.stale(a) && !m.now.Before(a.retryAt) {
			m.begin(&deployment{id: m.newID(), internal: true, target: m.deployed}, m.cfg.DeployTimeout)
			return true
		}
	}
	return false
}

// postpone makes all stale agents wait for the next internal deployment.
func (m *Machine) postpone() {
	for _, a := range m.agents {
		if m.stale(a) {
			m.failedAttempt(a)
		}
	}
}

// recommit saves the hosts of instances that were not known when the
// configuration was deployed, and goes on. Hosts that are known stay until a
// client deploys again: a change restarts every node of the cluster, which is
// not for a reconnection to decide.
func (m *Machine) recommit(d *deployment) {
	config := m.deployed.config.WithHosts(m.seen())
	if slices.EqualFunc(config.Instances, m.deployed.config.Instances, sameHost) {
		m.dispatch(d)
		return
	}
	config = m.disentangled(config)
	m.retarget(d, config)
	next := m.state
	next.Deployed = new(*next.Deployed)
	next.Deployed.Config = config
	m.save(&saving{next: next, deploy: d})
}

// disentangled returns config without the port collisions that became visible
// with its hosts: ports are assigned anew, if it is still known which ones were
// assigned.
func (m *Machine) disentangled(config mgmt.Configuration) mgmt.Configuration {
	errs, _ := config.Check(m.rules())
	if s := m.state.Staged; len(errs) > 0 && s != nil && s.Config.ID == config.ID {
		var again mgmt.Configuration
		if again, errs = m.fill(s.Config); len(errs) == 0 {
			return again
		}
	}
	for _, err := range errs {
		m.note(Note{Level: Warn, Text: "deployed configuration is in conflict", Err: err})
	}
	return config
}

func sameHost(a, b mgmt.Instance) bool { return a.Host == b.Host }

// withDeployed returns the state in which d's configuration is the deployed
// one.
func (m *Machine) withDeployed(d *deployment) State {
	next := m.state
	next.Revision++
	entry := &Entry{Config: d.target.config, Revision: next.Revision, When: m.now, Who: string(d.who)}
	next.History = m.history(next, d)
	next.Leaving = m.leaving(d.target)
	next.Deployed, next.Refused = entry, nil
	if next.Staged == d.staged {
		next.Ready = entry
	}
	return next
}

// history returns the predecessors of d's configuration. Deploying the same
// again makes none.
func (m *Machine) history(s State, d *deployment) []Entry {
	if s.Deployed == nil || reflect.DeepEqual(s.Deployed.Config, d.target.config) {
		return s.History
	}
	history := append(slices.Clone(s.History), *s.Deployed)
	return history[max(0, len(history)-m.cfg.History):]
}

// leaving returns the instances that are dialed, and that the target leaves
// out.
func (m *Machine) leaving(next *target) []Leaving {
	left := slices.DeleteFunc(slices.Clone(m.state.Leaving), func(l Leaving) bool { return next.has(l.Instance.Name) })
	if m.deployed != nil {
		for _, in := range m.deployed.config.Instances {
			if in.ListenPort != nil && !next.has(in.Name) {
				left = append(left, Leaving{in, m.now})
			}
		}
	}
	return left[max(0, len(left)-m.cfg.Limits.Leaving):]
}
