package controller

// Held is how much a machine remembers beside its State.
type Held struct{ Peers, Agents, Requests, Calls int }

// Held returns how much m remembers. All of it is bounded; see Config.
func (m *Machine) Held() Held {
	return Held{len(m.peers), len(m.agents), len(m.requests), len(m.calls)}
}
