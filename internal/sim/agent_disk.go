package sim

import (
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// agentDisk is the store of an agent.
type agentDisk struct {
	instance mgmt.InstanceName
	values   disk
	state    diskState

	saved agent.State // as the values say
	// ordered is the greatest term of an order that the agent has done, and orderedBy who led.
	ordered   uint64
	orderedBy string
	plans     map[mgmt.NodeName]mgmt.Fingerprint // of saved.Desired for this instance; nil: not made yet
}

// changed returns the values after these changes.
func (d *agentDisk) changed(changes []agent.Change) disk {
	next := d.values.clone()
	for _, c := range changes {
		next.set(c.Key, c.Value)
	}
	return next
}

// save replaces all values. They say that s is saved.
func (d *agentDisk) save(values disk, s agent.State) { d.values, d.saved, d.plans = values, s, nil }

// lose removes all values.
func (d *agentDisk) lose() {
	d.save(nil, agent.State{})
	d.ordered, d.orderedBy = 0, ""
}

// planned returns the plan of a node in the saved configuration.
func (d *agentDisk) planned(n mgmt.NodeName) (plan mgmt.Fingerprint, ok bool) {
	if d.plans == nil {
		d.plans = map[mgmt.NodeName]mgmt.Fingerprint{}
		plans := mgmt.PlansOf(d.saved.Desired, d.instance)
		for name := range plans.All() {
			d.plans[name] = plans.Fingerprint(name)
		}
	}
	plan, ok = d.plans[n]
	return plan, ok
}

// targets returns the desired nodes of this instance among these names. No names
// mean all nodes.
func (d *agentDisk) targets(names []mgmt.NodeName) []mgmt.NodeName {
	var list []mgmt.NodeName
	for _, n := range d.saved.Desired.NodesOf(d.instance) {
		if len(names) == 0 || slices.Contains(names, n.Name) {
			list = append(list, n.Name)
		}
	}
	return list
}

// restored returns the state that an agent reads from these values. An agent must
// be able to read what it has saved.
func (a *agentPart) restored(values disk) agent.State {
	s, err := agent.Restore(values)
	if err != nil {
		a.w.violated("%s cannot read what it has saved: %v", a.label, err)
	}
	return s
}
