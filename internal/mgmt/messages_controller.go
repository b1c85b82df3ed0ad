package mgmt

// The Controller API, between clients and the controller (spec management-api 3.1).

// GetInstancesRequest asks which agents are connected.
type GetInstancesRequest struct{ ReqID ReqID }

// GetInstancesResponse carries Instances, sorted by name.
type GetInstancesResponse struct {
	ReqID  ReqID
	Result Result
}

func (GetInstancesRequest) isMessage()         {}
func (r GetInstancesRequest) RequestID() ReqID { return r.ReqID }
func (GetInstancesRequest) Answer(id ReqID, results ...Result) Response {
	return GetInstancesResponse{ReqID: id, Result: results[0]}
}

func (GetInstancesResponse) isMessage()           {}
func (r GetInstancesResponse) RequestID() ReqID   { return r.ReqID }
func (r GetInstancesResponse) Outcomes() []Result { return []Result{r.Result} }

// StageConfigurationRequest uploads a configuration for a later deployment.
type StageConfigurationRequest struct {
	ReqID  ReqID
	Config Configuration
}

// StageConfigurationResponse carries the configuration's ID as Text, or one failure
// for each mistake in the configuration.
type StageConfigurationResponse struct {
	ReqID   ReqID
	Results []Result
}

func (StageConfigurationRequest) isMessage()         {}
func (r StageConfigurationRequest) RequestID() ReqID { return r.ReqID }
func (StageConfigurationRequest) Answer(id ReqID, results ...Result) Response {
	return StageConfigurationResponse{ReqID: id, Results: results}
}

func (StageConfigurationResponse) isMessage()           {}
func (r StageConfigurationResponse) RequestID() ReqID   { return r.ReqID }
func (r StageConfigurationResponse) Outcomes() []Result { return r.Results }

// GetConfigurationRequest asks for the staged or the deployed configuration.
type GetConfigurationRequest struct {
	ReqID    ReqID
	Deployed bool
}

// GetConfigurationResponse carries a Configuration.
type GetConfigurationResponse struct {
	ReqID  ReqID
	Result Result
}

func (GetConfigurationRequest) isMessage()         {}
func (r GetConfigurationRequest) RequestID() ReqID { return r.ReqID }
func (GetConfigurationRequest) Answer(id ReqID, results ...Result) Response {
	return GetConfigurationResponse{ReqID: id, Result: results[0]}
}

func (GetConfigurationResponse) isMessage()           {}
func (r GetConfigurationResponse) RequestID() ReqID   { return r.ReqID }
func (r GetConfigurationResponse) Outcomes() []Result { return []Result{r.Result} }

// DeployRequest asks the controller to deploy what is staged.
type DeployRequest struct{ ReqID ReqID }

// DeployResponse carries the agents' results. Its last result is the controller's
// own, with the configuration's ID as Text.
type DeployResponse struct {
	ReqID   ReqID
	Results []Result
}

func (DeployRequest) isMessage()         {}
func (r DeployRequest) RequestID() ReqID { return r.ReqID }
func (DeployRequest) Answer(id ReqID, results ...Result) Response {
	return DeployResponse{ReqID: id, Results: results}
}

func (DeployResponse) isMessage()           {}
func (r DeployResponse) RequestID() ReqID   { return r.ReqID }
func (r DeployResponse) Outcomes() []Result { return r.Results }

// GetNodesRequest asks for the status of every process on every instance.
type GetNodesRequest struct{ ReqID ReqID }

// GetNodesResponse carries NodeStatuses for each instance.
type GetNodesResponse struct {
	ReqID   ReqID
	Results []Result
}

func (GetNodesRequest) isMessage()         {}
func (r GetNodesRequest) RequestID() ReqID { return r.ReqID }
func (GetNodesRequest) Answer(id ReqID, results ...Result) Response {
	return GetNodesResponse{ReqID: id, Results: results}
}

func (GetNodesResponse) isMessage()           {}
func (r GetNodesResponse) RequestID() ReqID   { return r.ReqID }
func (r GetNodesResponse) Outcomes() []Result { return r.Results }

// GetIDValueRequest asks nodes for the value of a global identifier. No nodes
// means all nodes.
type GetIDValueRequest struct {
	ReqID ReqID
	ID    string
	Nodes []NodeName // a set
}

// GetIDValueResponse carries JSON as Text for each node.
type GetIDValueResponse struct {
	ReqID   ReqID
	Results []Result
}

func (GetIDValueRequest) isMessage()         {}
func (r GetIDValueRequest) RequestID() ReqID { return r.ReqID }
func (GetIDValueRequest) Answer(id ReqID, results ...Result) Response {
	return GetIDValueResponse{ReqID: id, Results: results}
}

func (GetIDValueResponse) isMessage()           {}
func (r GetIDValueResponse) RequestID() ReqID   { return r.ReqID }
func (r GetIDValueResponse) Outcomes() []Result { return r.Results }

// RestartRequest asks for a restart of nodes. No nodes means all nodes.
type RestartRequest struct {
	ReqID ReqID
	Nodes []NodeName // a set
}

// RestartResponse carries one result for each node.
type RestartResponse struct {
	ReqID   ReqID
	Results []Result
}

func (RestartRequest) isMessage()         {}
func (r RestartRequest) RequestID() ReqID { return r.ReqID }
func (RestartRequest) Answer(id ReqID, results ...Result) Response {
	return RestartResponse{ReqID: id, Results: results}
}

func (RestartResponse) isMessage()           {}
func (r RestartResponse) RequestID() ReqID   { return r.ReqID }
func (r RestartResponse) Outcomes() []Result { return r.Results }

// TestTimeoutRequest lets a client test its timeouts. The controller answers it only
// when the request's deadline has come, and only if WithState is true: see AsRequest.
type TestTimeoutRequest struct {
	ReqID     ReqID
	WithState bool
}

// TestTimeoutResponse answers a TestTimeoutRequest.
type TestTimeoutResponse struct {
	ReqID  ReqID
	Result Result
}

func (TestTimeoutRequest) isMessage()         {}
func (r TestTimeoutRequest) RequestID() ReqID { return r.ReqID }
func (TestTimeoutRequest) Answer(id ReqID, results ...Result) Response {
	return TestTimeoutResponse{ReqID: id, Result: results[0]}
}

func (TestTimeoutResponse) isMessage()           {}
func (r TestTimeoutResponse) RequestID() ReqID   { return r.ReqID }
func (r TestTimeoutResponse) Outcomes() []Result { return []Result{r.Result} }

// NotifyAgentsReady is an event that upstream's controller sends to itself.
type NotifyAgentsReady struct{ Instances []InstanceName } // a set

func (NotifyAgentsReady) isMessage() {}
