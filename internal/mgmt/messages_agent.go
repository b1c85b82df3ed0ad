package mgmt

// The Agent API, between the controller and agents (spec management-api 3.2).

// AgentDeployRequest tells an agent the configuration of the whole cluster. Force
// restarts also the nodes that did not change.
type AgentDeployRequest struct {
	ReqID  ReqID
	Config Configuration
	Force  bool
}

// AgentDeployResponse carries one result for each node of the instance. The
// result of a node that failed has NodeOutputs.
type AgentDeployResponse struct {
	ReqID   ReqID
	Results []Result
}

func (AgentDeployRequest) isMessage()         {}
func (r AgentDeployRequest) RequestID() ReqID { return r.ReqID }
func (AgentDeployRequest) Answer(id ReqID, results ...Result) Response {
	return AgentDeployResponse{ReqID: id, Results: results}
}

func (AgentDeployResponse) isMessage()           {}
func (r AgentDeployResponse) RequestID() ReqID   { return r.ReqID }
func (r AgentDeployResponse) Outcomes() []Result { return r.Results }

// AgentGetNodesRequest asks for the status of each process of the instance.
type AgentGetNodesRequest struct{ ReqID ReqID }

// AgentGetNodesResponse carries NodeStatuses.
type AgentGetNodesResponse struct {
	ReqID  ReqID
	Result Result
}

func (AgentGetNodesRequest) isMessage()         {}
func (r AgentGetNodesRequest) RequestID() ReqID { return r.ReqID }
func (AgentGetNodesRequest) Answer(id ReqID, results ...Result) Response {
	return AgentGetNodesResponse{ReqID: id, Result: results[0]}
}

func (AgentGetNodesResponse) isMessage()           {}
func (r AgentGetNodesResponse) RequestID() ReqID   { return r.ReqID }
func (r AgentGetNodesResponse) Outcomes() []Result { return []Result{r.Result} }

// AgentDispatchRequest asks nodes for an action. No nodes means all nodes.
type AgentDispatchRequest struct {
	ReqID  ReqID
	Action []string
	Nodes  []NodeName // a set
}

// AgentDispatchResponse carries one result for each node.
type AgentDispatchResponse struct {
	ReqID   ReqID
	Results []Result
}

func (AgentDispatchRequest) isMessage()         {}
func (r AgentDispatchRequest) RequestID() ReqID { return r.ReqID }
func (AgentDispatchRequest) Answer(id ReqID, results ...Result) Response {
	return AgentDispatchResponse{ReqID: id, Results: results}
}

func (AgentDispatchResponse) isMessage()           {}
func (r AgentDispatchResponse) RequestID() ReqID   { return r.ReqID }
func (r AgentDispatchResponse) Outcomes() []Result { return r.Results }

// AgentWelcomeRequest tells an agent that it is part of the cluster.
type AgentWelcomeRequest struct{ ReqID ReqID }

// AgentWelcomeResponse answers an AgentWelcomeRequest.
type AgentWelcomeResponse struct {
	ReqID  ReqID
	Result Result
}

func (AgentWelcomeRequest) isMessage()         {}
func (r AgentWelcomeRequest) RequestID() ReqID { return r.ReqID }
func (AgentWelcomeRequest) Answer(id ReqID, results ...Result) Response {
	return AgentWelcomeResponse{ReqID: id, Result: results[0]}
}

func (AgentWelcomeResponse) isMessage()           {}
func (r AgentWelcomeResponse) RequestID() ReqID   { return r.ReqID }
func (r AgentWelcomeResponse) Outcomes() []Result { return []Result{r.Result} }

// AgentStandbyRequest tells an agent to stop its nodes.
type AgentStandbyRequest struct{ ReqID ReqID }

// AgentStandbyResponse answers an AgentStandbyRequest.
type AgentStandbyResponse struct {
	ReqID  ReqID
	Result Result
}

func (AgentStandbyRequest) isMessage()         {}
func (r AgentStandbyRequest) RequestID() ReqID { return r.ReqID }
func (AgentStandbyRequest) Answer(id ReqID, results ...Result) Response {
	return AgentStandbyResponse{ReqID: id, Result: results[0]}
}

func (AgentStandbyResponse) isMessage()           {}
func (r AgentStandbyResponse) RequestID() ReqID   { return r.ReqID }
func (r AgentStandbyResponse) Outcomes() []Result { return []Result{r.Result} }

// AgentRestartRequest asks for a restart of nodes. No nodes means all nodes.
type AgentRestartRequest struct {
	ReqID ReqID
	Nodes []NodeName // a set
}

// AgentRestartResponse carries one result for each node.
type AgentRestartResponse struct {
	ReqID   ReqID
	Results []Result
}

func (AgentRestartRequest) isMessage()         {}
func (r AgentRestartRequest) RequestID() ReqID { return r.ReqID }
func (AgentRestartRequest) Answer(id ReqID, results ...Result) Response {
	return AgentRestartResponse{ReqID: id, Results: results}
}

func (AgentRestartResponse) isMessage()           {}
func (r AgentRestartResponse) RequestID() ReqID   { return r.ReqID }
func (r AgentRestartResponse) Outcomes() []Result { return r.Results }

// NotifyAgentHello announces an agent to its peers.
type NotifyAgentHello struct {
	Instance InstanceName
	// ID is the agent's Broker endpoint ID as text.
	ID string
	// Connecting says that the agent dialed the controller.
	Connecting bool
	APIVersion uint64
}

func (NotifyAgentHello) isMessage() {}

// NotifyChange announces a node's change of state.
type NotifyChange struct {
	Instance InstanceName
	Node     Node
	Old, New State
}

func (NotifyChange) isMessage() {}

// NotifyError announces a failure at an agent.
type NotifyError struct {
	Instance InstanceName
	Msg      string
	Node     NodeName // empty if it concerns no node
}

func (NotifyError) isMessage() {}

// NotifyLog carries a log message of an agent.
type NotifyLog struct {
	Instance InstanceName
	Msg      string
	Node     NodeName // empty if it concerns no node
}

func (NotifyLog) isMessage() {}
