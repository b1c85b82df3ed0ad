package sim

import "github.com/zeekfleet/zeekfleet/internal/core/agent"

// agentDisk has the values that an agent stores.
type agentDisk struct {
	values map[string][]byte
	saved  agent.State // as the values say
	state  diskState
}

// save makes the agent's changes, all or none. The agent never deletes a value.
func (d *agentDisk) save(changes []agent.Change, s agent.State) {
	d.values, d.saved = agentValues(changes), s
}

// lose has the values go.
func (d *agentDisk) lose() { d.values, d.saved = nil, agent.State{} }

func agentValues(changes []agent.Change) map[string][]byte {
	values := map[string][]byte{}
	for _, c := range changes {
		values[c.Key] = c.Value
	}
	return values
}

// restored is the state that an agent reads from these values. It must be able to
// read what it has saved.
func (a *agentPart) restored(values map[string][]byte) agent.State {
	s, err := agent.Restore(values)
	if err != nil {
		a.w.violated("%s cannot read what it has saved: %v", a.label, err)
	}
	return s
}
