package mgmt

import (
	"net/netip"
	"time"
)

// Snapshot is what a controller knows of its cluster at one moment. It does not
// change, and any goroutine may read it.
type Snapshot struct {
	// Revision is the highest revision that was given to a configuration.
	Revision uint64
	// Staged and Deployed are nil if there is none.
	Staged, Deployed *ConfigRevision
	// History is what was deployed before, oldest first.
	History []PastConfig
	// Instances are those that are connected or deployed, sorted by name.
	Instances []*ObservedInstance
}

// ConfigRevision is a configuration that was staged or deployed.
type ConfigRevision struct {
	Revision uint64
	When     time.Time
	// Who is the name of the Principal who staged or deployed it.
	Who    string
	Config Configuration
}

// PastConfig describes a configuration that was deployed before.
type PastConfig struct {
	// Revision, When and Who are as in ConfigRevision.
	Revision uint64
	When     time.Time
	Who      string
	// ID is that of the configuration. Instances and Nodes are how many it has.
	ID               string
	Instances, Nodes int
	// Bytes is its size in the controller's store.
	Bytes int
}

// Standing is what an instance has agreed to.
type Standing string

// The standings of an instance.
const (
	Absent       Standing = "ABSENT"       // no agent is connected
	Incompatible Standing = "INCOMPATIBLE" // its agent speaks another version of the API
	Newcomer     Standing = "NEWCOMER"     // its agent has agreed to nothing yet
	Ready        Standing = "READY"        // its agent runs what is deployed
	StandsBy     Standing = "STANDS_BY"    // its agent runs nothing
)

// ObservedInstance is an instance as its controller has seen it last.
type ObservedInstance struct {
	Name     InstanceName
	Standing Standing
	// Addr is where its agent is seen; the zero AddrPort if it is absent.
	Addr netip.AddrPort
	// Dialed says that the controller dials the agent.
	Dialed bool
	// Since is when the agent connected or was lost. Zero means that it was not
	// seen since the controller started.
	Since time.Time
	// Heard is when the agent last told the state of a node. Zero means never.
	Heard time.Time
	// Nodes are sorted by name. A node of which nobody can tell is UNKNOWN.
	Nodes []ObservedNode
}

// ObservedNode is a node as its agent has reported it last.
type ObservedNode struct {
	NodeStatus
	// Since is when the controller first heard of this state. Zero means that it
	// heard of none.
	Since time.Time
}
