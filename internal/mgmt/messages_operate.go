package mgmt

import "time"

// The requests below are made over the controller's HTTP API. They are Local: no event
// carries them.

// PlanRequest asks what a deployment of Config would do.
type PlanRequest struct {
	ReqID  ReqID
	Config Configuration
	// Instance, if not empty, is the only instance that is asked. It checks all its nodes,
	// also those that the deployment would not change.
	Instance InstanceName
	// Patience is how long the asker waits. Zero means the DeployTimeout.
	Patience time.Duration
}

// PlanResponse carries the Plan if Result is a success.
type PlanResponse struct {
	ReqID  ReqID
	Result Result
	Plan   *FleetPlan
}

// ChangeRequest begins a deployment of Config.
type ChangeRequest struct {
	ReqID  ReqID
	Config Configuration
	// Of is the revision that Config was deployed as before, if this is a rollback.
	Of   uint64
	Note string
	// Seen is the revision that the asker takes for the deployed one; 0 stands for "none
	// is deployed". If another one is deployed, nothing is done. Nil takes any.
	Seen *uint64
	// Partial is as in StagedDeployRequest.
	Partial bool
	// RevertAfter is how long the nodes may take to come up. If they take longer, or if
	// one fails, the revision before is deployed again. Zero means that it is not.
	RevertAfter time.Duration
	// Patience is how long the deployment may take. Zero means the DeployTimeout.
	Patience time.Duration
}

// OperateRequest begins a start, a stop, a restart, a pause or a resume.
type OperateRequest struct {
	ReqID ReqID
	Kind  OperationKind
	// Selectors name the nodes. None means all nodes.
	Selectors []string
	// Rolling restarts a batch of nodes at a time. A batch has Batch nodes, or Percent of
	// all nodes that are restarted, rounded down, at least one. If both are zero, it has
	// one node.
	Rolling        bool
	Batch, Percent int
	// Resumes is a rolling restart that has failed or was interrupted. The new operation
	// has its nodes that were not restarted, and its batches. Selectors are none then.
	Resumes OperationID
	Note    string
}

// OperationResponse carries the operation that has begun if Result is a success.
type OperationResponse struct {
	ReqID     ReqID
	Result    Result
	Operation *Operation
}

// DispatchRequest asks nodes for an action: its name and its arguments. Zeek's nodes know
// get_id_value, get_stats, get_version, get_loaded_scripts and set_option, and what the
// site adds.
type DispatchRequest struct {
	ReqID     ReqID
	Action    []string
	Selectors []string // as in OperateRequest
}

// DispatchResponse carries a result with Text for each node.
type DispatchResponse struct {
	ReqID   ReqID
	Results []Result
}

func (PlanRequest) isMessage()         {}
func (r PlanRequest) RequestID() ReqID { return r.ReqID }
func (PlanRequest) Answer(id ReqID, results ...Result) Response {
	return PlanResponse{ReqID: id, Result: results[0]}
}
func (PlanResponse) isMessage()           {}
func (r PlanResponse) RequestID() ReqID   { return r.ReqID }
func (r PlanResponse) Outcomes() []Result { return []Result{r.Result} }

func (ChangeRequest) isMessage()         {}
func (r ChangeRequest) RequestID() ReqID { return r.ReqID }
func (ChangeRequest) Answer(id ReqID, results ...Result) Response {
	return OperationResponse{ReqID: id, Result: results[0]}
}

func (OperateRequest) isMessage()         {}
func (r OperateRequest) RequestID() ReqID { return r.ReqID }
func (OperateRequest) Answer(id ReqID, results ...Result) Response {
	return OperationResponse{ReqID: id, Result: results[0]}
}
func (OperationResponse) isMessage()           {}
func (r OperationResponse) RequestID() ReqID   { return r.ReqID }
func (r OperationResponse) Outcomes() []Result { return []Result{r.Result} }

func (DispatchRequest) isMessage()         {}
func (r DispatchRequest) RequestID() ReqID { return r.ReqID }
func (DispatchRequest) Answer(id ReqID, results ...Result) Response {
	return DispatchResponse{ReqID: id, Results: results}
}
func (DispatchResponse) isMessage()           {}
func (r DispatchResponse) RequestID() ReqID   { return r.ReqID }
func (r DispatchResponse) Outcomes() []Result { return r.Results }
