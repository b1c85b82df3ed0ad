package controller

import (
	"fmt"
	"slices"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// awaited returns the instances that d waits for, sorted: the absent instances that
// may still connect. It returns none if all of them are deployed already and d
// changes nothing for any of them.
func (d *deployment) awaited() []mgmt.InstanceName {
	var names []mgmt.InstanceName
	for name := range d.target.instances {
		a := d.roster.agents[name]
		hopeless := a != nil && (!a.compatible() || a.refusal != "") || d.order.isResumed() && d.memory.refused(name)
		if d.roster.missing(name) != "" && !hopeless {
			names = append(names, name)
		}
	}
	if len(names) == 0 || !d.order.again() && d.reachesAnybody() && d.idleAll(names) {
		return nil
	}
	slices.Sort(names)
	return names
}

// reachesAnybody reports whether d can be deployed to at least one of its
// instances, or has no instances. A deployment that reaches nobody changes nothing.
func (d *deployment) reachesAnybody() bool {
	if len(d.target.instances) == 0 {
		return true // there is nobody to reach
	}
	for name := range d.target.instances {
		if d.roster.missing(name) == "" {
			return true
		}
	}
	return false
}

// idleness says for which instances a deployment would change nothing. It is
// computed anew when an agent has joined or left.
type idleness struct {
	made   bool
	roster uint64              // roster.changes when it was made
	known  bool                // the configuration has no mistakes
	change mgmt.PlanComparison // from the deployed configuration to the one that would be deployed
}

// idleAll reports whether all these instances are deployed, and d would change
// nothing for any of them.
func (d *deployment) idleAll(names []mgmt.InstanceName) bool {
	return !slices.ContainsFunc(names, func(name mgmt.InstanceName) bool {
		return !d.memory.deployed.has(name) || !d.idleAt(name)
	})
}

// idleAt reports whether d would change nothing for the instance: its nodes would
// have the launch plans that they have now.
func (d *deployment) idleAt(name mgmt.InstanceName) bool {
	if in := &d.idle; !in.made || in.roster != d.roster.changes {
		config, errs, _ := d.filled(d.order.given.Config)
		*in = idleness{made: true, roster: d.roster.changes, known: len(errs) == 0}
		if in.known {
			in.change = mgmt.ComparePlans(d.memory.deployedConfig(), config)
		}
	}
	return d.idle.known && d.idle.change.Same(name)
}

// tellAwaited notes each instance that gathering waits for. It returns a text about
// all of them.
func (d *deployment) tellAwaited() string {
	var texts []string
	for _, name := range d.awaited() {
		d.note(Note{Level: Info, Text: d.title("deployment waits for an instance"), Instance: name, ReqID: d.id})
		texts = append(texts, d.roster.missingWithHint(d.target, name))
	}
	if len(texts) == 0 {
		return ""
	}
	left := d.times.grace.Sub(d.now).Round(time.Second)
	return fmt.Sprintf("waiting for up to %s: %s; %s", left, mgmt.FewTexts(texts, maxNamed, "; "), d.roster.connected())
}
