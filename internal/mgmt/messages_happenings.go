package mgmt

// The messages below bring what happens from an agent to its controller (docs/decisions/0041).
// They travel on the agent's topic, to one peer. The controller asks only agents that subscribe
// to a topic of ours (docs/decisions/0005), and an agent tells only if it is asked.

// HappeningsWanted asks an agent what its log of happenings has after the record with number
// After. It is also the acknowledgement of the records up to After, and it is good for one
// HappeningsTold.
type HappeningsWanted struct {
	// Log is the identity of the agent's log as the controller knows it. If the agent has
	// another log, After does not count.
	Log   string
	After uint64
}

// HappeningsTold has the records of a log that follow those that the controller has, up to
// Last, as the lines of the log. The agent sends it as soon as there is one. A number up to
// Last that is not among the lines is that of a record which the agent has no more.
type HappeningsTold struct {
	Log   string
	Last  uint64
	Lines string
}

func (HappeningsWanted) isMessage() {}
func (HappeningsTold) isMessage()   {}
