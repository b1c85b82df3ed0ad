package mgmt

import "time"

// AuditRecord is a line of the audit: a change that somebody asked for, or an attempt
// that was refused.
type AuditRecord struct {
	// Seq counts the records of one log. The log sets it.
	Seq  uint64
	Time time.Time
	// Who asked, and with which role. Role is NoUser if it is nobody's.
	Who  string
	Role UserRole
	// Source is the address of the asker. It is empty if nobody knows it.
	Source string
	// Request is what people call the request, as in "deploy". It is "connect" for a
	// connection that was refused.
	Request string
	// Subject is what the request names: an instance, a user, a configuration.
	Subject string
	// Operation is the operation that began, or has ended. Zero is none.
	Operation OperationID
	Outcome   AuditOutcome
	// Reason is why it was refused, or has failed, or why the controller itself has done it
	// on behalf of Who.
	Reason string
	// Revision is the ID of the configuration that it made. It is empty if there is none.
	Revision string
	// Times is how often the same was refused. Zero means once.
	Times int
}

// AuditOutcome is what became of a request.
type AuditOutcome string

// The outcomes. A request that takes time is AuditBegun first. An operation ends as its
// OperationState says.
const (
	AuditBegun       AuditOutcome = "begun"
	AuditDone        AuditOutcome = "done"
	AuditRefused     AuditOutcome = "refused"
	AuditFailed      AuditOutcome = "failed"
	AuditInterrupted AuditOutcome = "interrupted"
)
