package controller

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// State is what the controller must not forget. Save has the changes of it;
// Restore reads it.
type State struct {
	// Staged is the configuration as the client sent it. Ready is the same with
	// the ports and addresses that it had, or would have had, when it was staged,
	// or was deployed last. Both are nil, or neither.
	Staged, Ready *Entry
	// Deployed is what the agents are to run; nil before the first deployment.
	Deployed *Entry
	// Refused holds the instances whose agents refused Deployed when a client
	// deployed it, sorted. They keep what they ran until a client deploys again.
	Refused []mgmt.InstanceName
	// History describes the predecessors of Deployed, oldest first. Their
	// configurations are in the store alone.
	History []mgmt.PastConfig
	// Leaving holds the instances that the controller dialed, that are no longer
	// part of Deployed, and that have not confirmed yet that they stopped.
	Leaving []Leaving
	// Revision is the highest one given to an Entry.
	Revision uint64

	// converted is set if the state was read from form 0.
	converted *converted
}

// Entry is one configuration and where it came from. It does not change.
type Entry struct {
	Config mgmt.Configuration
	// Revision counts the configurations staged and deployed.
	Revision uint64
	When     time.Time
	// Who is the name of the principal who staged or deployed it.
	Who string

	size int // of the value that has the entry; zero before it was written or read
}

// Leaving is an instance that was dropped while the controller dials it.
type Leaving struct {
	Instance mgmt.Instance
	Since    time.Time
}

// past returns what is kept in mind of e.
func (e *Entry) past() mgmt.PastConfig {
	return mgmt.PastConfig{
		Revision: e.Revision, When: e.When, Who: e.Who,
		ID: e.Config.ID, Instances: len(e.Config.Instances), Nodes: len(e.Config.Nodes), Bytes: e.size,
	}
}
