package node

// Held is how much a machine remembers.
type Held struct{ Agents, Calls int }

// Held returns how much m remembers. All of it is bounded: see Config, and as
// to agents the shell.
func (m *Machine) Held() Held { return Held{len(m.agents), len(m.calls)} }
