package mgmt

import (
	"cmp"
	"net/netip"
	"slices"
	"time"
)

// Snapshot is what a controller knows of its cluster at one moment. It does not
// change, and any goroutine may read it.
type Snapshot struct {
	// Revision is the highest revision of any configuration so far.
	Revision uint64
	// Staged and Deployed are nil if there is none.
	Staged, Deployed *ConfigRevision
	// History is what was deployed before, oldest first. The deployed one is not in it.
	History []PastConfig
	// Deploying has the bundles of a deployment that runs, which may not be deployed yet.
	Deploying []Bundle
	// Instances are the connected and the deployed instances, sorted by name.
	Instances []*ObservedInstance
	// Operations are the operations that run, and the latest that have ended, newest
	// first.
	Operations []*Operation
	// Stopped are the nodes that users have stopped, and Paused are the nodes that are not
	// restarted by themselves when they end. Both are sorted.
	Stopped, Paused []NodeName
}

// Standing says whether an instance's agent is connected, and what the controller
// and the agent have agreed on.
type Standing string

// The standings of an instance.
const (
	Absent       Standing = "ABSENT"       // no agent is connected
	Incompatible Standing = "INCOMPATIBLE" // its agent speaks another version of the API
	Newcomer     Standing = "NEWCOMER"     // its agent is connected, and has agreed to nothing yet
	Ready        Standing = "READY"        // its agent takes part in the cluster
	StandsBy     Standing = "STANDS_BY"    // its agent runs no nodes
)

// ObservedInstance is the controller's last knowledge of an instance.
type ObservedInstance struct {
	Name     InstanceName
	Standing Standing
	// Peer is its agent's. It is empty if the agent is absent.
	Peer PeerID
	// Addr is the address of its agent as the controller sees it. If the agent is
	// absent, it is the zero AddrPort.
	Addr netip.AddrPort
	// Dialed says that the controller dials the agent.
	Dialed bool
	// Since is when the agent connected or was lost. Zero means that it was not
	// seen since the controller started.
	Since time.Time
	// Heard is when the agent last told the state of a node. Zero means never.
	Heard time.Time
	// Nodes are sorted by name. A node whose state the controller does not know is
	// UNKNOWN.
	Nodes []ObservedNode
}

// ObservedNode is the last report about a node. A report of a new state has no PID: the
// PID is unset from then until the agent lists its nodes.
type ObservedNode struct {
	NodeStatus
	// Since is when the controller first heard of this state. Zero means that the
	// controller has heard of no state.
	Since time.Time
}

// Instance returns an instance, or nil.
func (s *Snapshot) Instance(name InstanceName) *ObservedInstance {
	i, ok := slices.BinarySearchFunc(s.Instances, name, func(in *ObservedInstance, name InstanceName) int { return cmp.Compare(in.Name, name) })
	if !ok {
		return nil
	}
	return s.Instances[i]
}
