package controller

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// State is what the controller must not forget. It can be marshalled as JSON.
type State struct {
	// Staged is the configuration as the client sent it. Ready is the same with
	// the ports and addresses that it had, or would have had, when it was staged,
	// or was deployed last. Both are nil, or neither.
	Staged, Ready *Entry
	// Deployed is what the agents are to run; nil before the first deployment.
	Deployed *Entry
	// Refused holds the instances whose agents refused Deployed when a client
	// deployed it, sorted. They keep what they ran until a client deploys again.
	Refused []mgmt.InstanceName `json:",omitempty"`
	// History holds the predecessors of Deployed, oldest first.
	History []Entry
	// Leaving holds the instances that the controller dialed, that are no longer
	// part of Deployed, and that have not confirmed yet that they stopped.
	Leaving []Leaving
	// Revision is the highest one given to an Entry.
	Revision uint64
}

// Entry is one configuration and where it came from.
type Entry struct {
	Config mgmt.Configuration
	// Revision counts the configurations staged and deployed.
	Revision uint64
	When     time.Time
	// Who is the name of the principal who staged or deployed it.
	Who string
}

// Leaving is an instance that was dropped while the controller dials it.
type Leaving struct {
	Instance mgmt.Instance
	Since    time.Time
}
