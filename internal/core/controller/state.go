package controller

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// State is what the controller must not forget. Save carries its changes. Restore
// reads it.
type State struct {
	// Staged is the configuration as the client sent it. Ready is the same
	// configuration with ports and addresses: those that it had when it was deployed
	// last, or else those that it would have got when it was staged. Either both are
	// nil, or neither is.
	Staged, Ready *Entry
	// Deployed is the configuration that the agents must run. It is nil before the
	// first deployment.
	Deployed *Entry
	// Refused holds, sorted, the instances whose agents refused Deployed when a client
	// deployed it. They keep their nodes as they are until a client deploys again.
	Refused []mgmt.InstanceName
	// History describes the predecessors of Deployed, oldest first. Only the store has
	// their configurations, if they are kept.
	History []mgmt.PastConfig
	// Leaving holds the instances that the controller dials although they are no
	// longer part of Deployed, because they have not confirmed yet that they stopped.
	Leaving []Leaving
	// Revision is the highest revision that an Entry has got so far.
	Revision uint64
	// Fallback is the revision before Deployed as long as the deployment of Deployed may be
	// taken back. It is nil otherwise.
	Fallback *Entry
	// Operations are the operations that run, and the latest that have ended, oldest
	// first. They do not change. LastOperation is the highest ID of an operation so far.
	Operations    []*mgmt.Operation
	LastOperation mgmt.OperationID
	// Stopped are the nodes that users have stopped. Paused are the nodes that are not
	// restarted by themselves. Both are sorted.
	Stopped, Paused []mgmt.NodeName

	// converted is set if the state was read from form 0 or 1.
	converted *converted
}

// Entry is a configuration with its origin. An Entry never changes.
type Entry struct {
	Config mgmt.Configuration
	// Revision is the number of the configuration. Each staged and each deployed
	// configuration gets the next number.
	Revision uint64
	When     time.Time
	// Who is the name of the principal who staged or deployed it.
	Who string
	mgmt.Origin
	// Found and Assigned are as in mgmt.ConfigRevision.
	Found    []mgmt.InstanceName
	Assigned mgmt.AssignedPorts

	size int // the length of the entry's stored value; zero before it was written or read
}

// Leaving is an instance that a deployment left out while the controller dials it.
type Leaving struct {
	Instance mgmt.Instance
	Since    time.Time
}

// past returns the description of e. Its size is known when e was written or read.
func (e *Entry) past() mgmt.PastConfig {
	return mgmt.PastConfig{
		Revision: e.Revision, When: e.When, Who: e.Who, Origin: e.Origin,
		ID: e.Config.ID, Instances: len(e.Config.Instances), Nodes: len(e.Config.Nodes), Bundles: e.Config.Bundles(), Bytes: e.size,
	}
}
