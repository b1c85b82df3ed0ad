package alerting

// Encode returns the state as it is saved.
func (m *Machine) Encode() []byte { return m.encode() }
