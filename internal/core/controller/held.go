package controller

// Held is how much a machine remembers beside its State.
type Held struct{ Peers, Agents, Requests, Legs int }

// Held returns how much m remembers. All of it is bounded; see Config.
func (m *Machine) Held() Held {
	return Held{len(m.roster.peers), len(m.roster.agents), m.requests.ledger.Len(), m.legs.open.Len()}
}
