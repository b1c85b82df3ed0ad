package node

// Held says how many peerings and calls a machine remembers.
type Held struct{ Agents, Calls int }

// Held returns how much m remembers. Config bounds the calls, and the shell bounds
// the agents.
func (m *Machine) Held() Held { return Held{len(m.agents), len(m.calls)} }
