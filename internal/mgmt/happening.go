package mgmt

import "time"

// Happening is a change in the cluster that people may want to know of.
type Happening struct {
	// Seq counts the happenings of a log from 1. The log sets it.
	Seq uint64
	// Time is when it happened, by the clock of the host that saw it.
	Time time.Time
	// Heard is when the controller's log got it. It is much later than Time if the agent
	// could not deliver it before.
	Heard time.Time
	Kind  HappeningKind

	Instance  InstanceName
	Node      NodeName
	Operation OperationID
	Revision  uint64

	// From and To are states of what Kind names: State, Standing, or OperationState.
	From, To string
	// Cause is why, in a sentence for people.
	Cause string
	// Alert is the ID of an alert, and Severity its severity.
	Alert    string
	Severity AlertSeverity
	// Who is the user who caused it. It may be empty.
	Who string
	// PID is the process of the node, if it has one.
	PID int64
}

// HappeningKind says what has changed.
type HappeningKind string

// The kinds of happenings.
const (
	HappenedNode       HappeningKind = "node"       // a node has another state
	HappenedInstance   HappeningKind = "instance"   // an instance has another standing
	HappenedOperation  HappeningKind = "operation"  // an operation began, or ended
	HappenedStep       HappeningKind = "step"       // a step of an operation has another state
	HappenedRevision   HappeningKind = "revision"   // another revision is deployed
	HappenedAlert      HappeningKind = "alert"      // an alert has another state; Alert names it
	HappenedController HappeningKind = "controller" // the controller started
	HappenedLost       HappeningKind = "lost"       // happenings are missing here; Cause says how many and why
)
