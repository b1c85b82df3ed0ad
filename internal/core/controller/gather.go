package controller

import (
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// gathered reports whether there is nobody left to wait for.
func (m *Machine) gathered(d *deployment) bool {
	return !m.now.Before(d.grace) || len(m.awaited(d)) == 0
}

// awaited returns the instances that d waits for, sorted: those that may yet
// come, unless all of them are deployed already and nothing would change for any.
func (m *Machine) awaited(d *deployment) []mgmt.InstanceName {
	var names []mgmt.InstanceName
	for name := range d.target.instances {
		a := m.agents[name]
		hopeless := a != nil && (!a.compatible() || a.refusal != "")
		if m.missing(name) != "" && !hopeless {
			names = append(names, name)
		}
	}
	if len(names) == 0 || !d.internal && m.reachesAnybody(d) && m.idleAll(d, names) {
		return nil
	}
	slices.Sort(names)
	return names
}

// idleness is what is known of the instances for which nothing would change, as
// long as the same agents are there.
type idleness struct {
	made   bool
	roster uint64
	known  bool                // what would be deployed is known
	change mgmt.PlanComparison // from what is deployed to that
}

// idleAll reports whether these instances are deployed, and d would change
// nothing for any of them.
func (m *Machine) idleAll(d *deployment, names []mgmt.InstanceName) bool {
	return !slices.ContainsFunc(names, func(name mgmt.InstanceName) bool {
		return !m.deployed.has(name) || !m.idleAt(d, name)
	})
}

// idleAt reports whether d would change nothing for the instance: all of its
// nodes are launched as they are now.
func (m *Machine) idleAt(d *deployment, name mgmt.InstanceName) bool {
	in := &d.idle
	if !in.made || in.roster != m.roster {
		config, errs, _ := m.filled(d.staged.Config)
		*in = idleness{made: true, roster: m.roster, known: len(errs) == 0}
		if in.known {
			in.change = mgmt.ComparePlans(m.deployedConfig(), config)
		}
	}
	return in.known && in.change.Same(name)
}

func (m *Machine) deployedConfig() mgmt.Configuration {
	if m.deployed == nil {
		return mgmt.Configuration{}
	}
	return m.deployed.config
}

// tellWaiting says what d waits for, to its client where that understands it.
func (m *Machine) tellWaiting(d *deployment) {
	var text string
	switch whom := d.whomItAwaits(); {
	case d.phase == gathering:
		text = m.tellAwaited(d)
	case whom == "": // the last answer has come just now
	case d.phase == preparing:
		text = "the configuration is checked on " + whom
	case d.phase == sending:
		text = "waiting for the nodes of " + whom
	}
	if text != "" && d.tells && d.request != nil {
		m.emit(Reply{d.request.client, mgmt.DeployProgress{ReqID: d.id, Text: text}})
	}
}

// tellAwaited notes each instance that gathering waits for, and returns a text
// about all of them.
func (m *Machine) tellAwaited(d *deployment) string {
	var texts []string
	for _, name := range m.awaited(d) {
		m.note(Note{Level: Info, Text: d.title("deployment waits for an instance"), Instance: name, ReqID: d.id})
		texts = append(texts, m.lackOf(d, name))
	}
	if len(texts) == 0 {
		return ""
	}
	left := d.grace.Sub(m.now).Round(time.Second)
	return fmt.Sprintf("waiting for up to %s: %s; %s", left, mgmt.FewTexts(texts, maxNamed, "; "), m.whoIsThere())
}

// whomItAwaits names the instances whose answers d waits for.
func (d *deployment) whomItAwaits() string {
	var names []string
	for _, c := range d.open {
		names = append(names, string(c.agent.name))
	}
	for _, a := range d.leaving {
		names = append(names, string(a.name))
	}
	return mgmt.FewTexts(names, maxNamed, ", ")
}

// maxNamed bounds the instances that a text names.
const maxNamed = 10

// whoIsThere names the instances that are connected.
func (m *Machine) whoIsThere() string {
	var names []string
	for _, a := range m.sortedAgents() {
		names = append(names, string(a.name))
	}
	if len(names) == 0 {
		return "no instance is connected"
	}
	return "connected: " + mgmt.FewTexts(names, maxNamed, ", ")
}

// lackOf says why nothing can be deployed on the instance, and whether another
// was meant.
func (m *Machine) lackOf(d *deployment, name mgmt.InstanceName) string {
	why := m.missing(name)
	if m.agents[name] == nil {
		why += m.meant(d, name)
	}
	return why
}

// meant asks whether an absent instance is another one mistyped: one that is
// connected, and that d has no part for.
func (m *Machine) meant(d *deployment, name mgmt.InstanceName) string {
	var others []mgmt.InstanceName
	for _, a := range m.sortedAgents() {
		if !d.target.has(a.name) {
			others = append(others, a.name)
		}
	}
	if nearest := mgmt.Nearest(name, others); nearest != "" {
		return fmt.Sprintf(" (did you mean '%s'?)", nearest)
	}
	return ""
}
