package agent

// Held is how much a machine remembers.
type Held struct{ Nodes, Peers, Requests int }

// Held returns how much m remembers. All of it is bounded: see Config, and as
// to peers the shell.
func (m *Machine) Held() Held { return Held{len(m.nodes), len(m.peers), len(m.requests)} }
