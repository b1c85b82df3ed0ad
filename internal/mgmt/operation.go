package mgmt

import "time"

// OperationID numbers the operations of a controller, from 1. Zero is none.
type OperationID uint64

// OperationKind says what an operation does.
type OperationKind string

// The kinds of operations. The first three make a revision.
const (
	OperationDeploy   OperationKind = "deploy"   // a configuration that a client has given or staged
	OperationRollback OperationKind = "rollback" // the content of an earlier revision
	OperationRevert   OperationKind = "revert"   // a rollback that the controller begins, because a deployment failed
	OperationStart    OperationKind = "start"
	OperationStop     OperationKind = "stop"
	OperationRestart  OperationKind = "restart"
	OperationPause    OperationKind = "pause"  // no automatic restart
	OperationResume   OperationKind = "resume" // automatic restarts again
)

// OperationState says how far an operation is.
type OperationState string

// The states of an operation. It ends in one of the last three.
const (
	OperationRunning     OperationState = "running"
	OperationDone        OperationState = "done"
	OperationFailed      OperationState = "failed"
	OperationInterrupted OperationState = "interrupted" // the controller ended meanwhile; Steps say what was done
)

// Operation is a change of the cluster that takes time. It goes on when its client has
// left. An Operation that somebody else has got does not change.
type Operation struct {
	ID    OperationID
	Kind  OperationKind
	State OperationState
	// Who is the name of the Principal who began it, and Note what that user has said
	// about it. Request is what people call the request, and Role is the role that its
	// user had. Operations of earlier versions of the program have neither.
	Who, Note    string
	Request      string
	Role         UserRole
	Begun, Ended time.Time // Ended is zero while it runs
	// Selectors are the nodes as the user has named them (Selector).
	Selectors []string
	// Batch is how many nodes a rolling restart takes at once. Zero means that the
	// operation is not rolling.
	Batch int
	// From is the revision that was deployed when the operation began. Revision is the
	// one that it has deployed. Of is the revision whose content a rollback or a revert
	// deploys. Zero is none.
	From, Revision, Of uint64
	// Resumes is the operation that this one goes on with. Reverts is the deployment that
	// a revert takes back, and RevertedBy is that revert.
	Resumes, Reverts, RevertedBy OperationID
	// RevertAt is when a deployment is taken back if its nodes are not up by then. Zero
	// means never.
	RevertAt time.Time
	// Doing says in a few words what it waits for while it runs.
	Doing string
	// Error is why it failed, or what interrupted it.
	Error string
	// Steps has one step for each node that the operation concerns, and one without a
	// node for each instance about which there is something to say. They are sorted by
	// instance and node, or, in a rolling restart, in the order of the batches.
	Steps []OperationStep
}

// Ends reports whether s is a state in which an operation has ended.
func (s OperationState) Ends() bool { return s != OperationRunning }

// OperationStep is what an operation does with one node.
type OperationStep struct {
	Instance InstanceName
	Node     NodeName // empty: the step concerns the instance
	Action   NodeAction
	State    StepState
	// Because says why the action is needed. It may be empty.
	Because string
	// Batch counts the batches of a rolling restart from 1. Zero means none.
	Batch int
	// Error is why the step failed, and Outputs is what the node printed last.
	Error   string
	Outputs NodeOutputs
}

// StepState says how far a step is.
type StepState string

// The states of a step.
const (
	StepWaiting StepState = "waiting"
	StepRunning StepState = "running"
	StepDone    StepState = "done"
	StepFailed  StepState = "failed"
	StepSkipped StepState = "skipped" // the operation ended before
)

// NodeAction is what happens to a node.
type NodeAction string

// The actions.
const (
	ActionNone    NodeAction = "none" // the node stays as it is
	ActionStart   NodeAction = "start"
	ActionStop    NodeAction = "stop"
	ActionRestart NodeAction = "restart"
	ActionPause   NodeAction = "pause"
	ActionResume  NodeAction = "resume"
	// ActionOptions sets the node's RunOptions while it runs on.
	ActionOptions NodeAction = "options"
	// ActionLimits gives the node other Limits while it runs on.
	ActionLimits NodeAction = "limits"
)
