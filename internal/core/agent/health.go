package agent

import "github.com/zeekfleet/zeekfleet/internal/mgmt"

// Health says whether the nodes of an agent run.
type Health struct {
	// Why, if it is not empty, says why the agent itself is not at work.
	Why string
	// Down are the nodes that should run and are not RUNNING, by name. A node that a user has
	// stopped, or that ended while it was paused, should not run.
	Down []mgmt.NodeName
	// Running counts those that should run and do.
	Running int
}

// HealthOf returns the health of the nodes of an agent.
func HealthOf(m *Machine) (h Health) {
	switch m.mode {
	case waiting:
		h.Why = "the agent still looks for nodes of its earlier life"
	case stopping, stopped:
		h.Why = "the agent stops its nodes and ends"
	}
	for _, n := range m.rollout.nodes.all() {
		switch {
		case n.up():
			h.Running++
		case n.wanted && !n.rests && !n.held:
			h.Down = append(h.Down, n.name())
		}
	}
	return h
}
