package mgmt

// ControllersChanged tells an agent where the controllers of its cluster accept agents, as
// host:port. The list replaces what the agent was told before. The controller that leads sends
// it, to agents that subscribe to a topic of ours (docs/decisions/0005, 0062).
type ControllersChanged struct{ Addresses []string }

// MaxControllers bounds the addresses of controllers that an agent dials, and that it is
// told.
const MaxControllers = 16

func (ControllersChanged) isMessage() {}
