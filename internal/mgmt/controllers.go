package mgmt

import "time"

// ControllerRole is what a controller of a cluster of controllers does.
type ControllerRole string

// The roles of controllers.
const (
	ControllerLeads   ControllerRole = "leader"
	ControllerFollows ControllerRole = "follower"
	// ControllerLearns is the role of one that has no vote yet: it copies what the others have.
	ControllerLearns ControllerRole = "learner"
	// ControllerAway is the role of one that is not heard.
	ControllerAway ControllerRole = "away"
)

// ControllerMember is a controller of a cluster of controllers, as another one sees it.
type ControllerMember struct {
	Name    string
	Role    ControllerRole
	Version string // of the program; empty if it is not known
	// Clients and Agents are where it serves them, as host:port.
	Clients, Agents []string
	// Peer is where the other controllers reach its store. It is empty if the site runs the
	// store.
	Peer string
	// Lag is how many entries its store is behind. Bytes is the size of its database, Used
	// what of it is in use, Quota its bound.
	Lag                uint64
	Bytes, Used, Quota int64
	// Alarms are what its store complains about, in words.
	Alarms []string
	// Err says why it is away. It is empty if it is not.
	Err string
}

// ControllersReport is what one controller knows of all controllers of its cluster.
type ControllersReport struct {
	// Term counts the leads. Leader is empty while nobody leads. Since is when this
	// controller saw the lead begin.
	Term   uint64
	Leader string
	Since  time.Time
	// Self is the name of the controller that reports.
	Self string
	// External says that the site runs the store. Then Store has its members, and those of
	// Members have no figures of a store.
	External bool
	Members  []ControllerMember // sorted by name
	Store    []ControllerMember
}
