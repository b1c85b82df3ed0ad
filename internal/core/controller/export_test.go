package controller

// Held is how much a machine remembers.
type Held struct{ Peers, Agents, Requests, Calls int }

// Held returns how much m remembers.
func (m *Machine) Held() Held {
	return Held{len(m.peers), len(m.agents), len(m.requests), len(m.calls)}
}
