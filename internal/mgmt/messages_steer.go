package mgmt

import "time"

// The controller sends the requests below to agents of ours alone. An agent that
// understands them subscribes to a topic that says so (docs/decisions/0005).

// AgentSteerRequest tells an agent which of its nodes users have stopped, and which
// nodes are not restarted by themselves when they end. The agent saves that. The answer
// goes out when the nodes that are stopped have ended, and the nodes that are no longer
// stopped are up.
type AgentSteerRequest struct {
	ReqID ReqID
	// Stopped and Paused are complete lists, and sorted.
	Stopped, Paused []NodeName
	// Adds says that the lists are not complete: what the agent was told before holds, too.
	// A controller says so before it sends another configuration. Otherwise the agent might
	// start a node that this configuration removes.
	Adds bool
}

// AgentSteerResponse carries one result for each node whose process was stopped or
// started, or one success without a node.
type AgentSteerResponse struct {
	ReqID   ReqID
	Results []Result
}

// AgentPlanRequest asks an agent what it would do if Config was deployed. The agent runs
// its preflight. It saves, starts and stops nothing.
type AgentPlanRequest struct {
	ReqID  ReqID
	Config Configuration
	// Preflight is how long the agent may take.
	Preflight time.Duration
	// All says that the preflight checks all nodes that no user has stopped, and not only
	// those that would be started or restarted. Only agents that say so understand it.
	All bool
}

// AgentPlanResponse carries the JSON text of an InstancePlan as Text. The text is JSON so
// that fields can be added.
type AgentPlanResponse struct {
	ReqID  ReqID
	Result Result
}

// InstancePlan is what an agent would do. Texts of a preflight that has not ended in time
// are in Doubts.
type InstancePlan struct {
	Nodes    []InstancePlanNode    `json:"nodes,omitempty"`
	Bundles  []InstancePlanBundle  `json:"bundles,omitempty"`
	Problems []InstancePlanFinding `json:"problems,omitempty"`
	Doubts   []InstancePlanFinding `json:"doubts,omitempty"`
	// Backend is the cluster backend that the Zeek nodes of the host would use. Empty means
	// that the host has none, or that its agent does not say it.
	Backend Backend `json:"backend,omitempty"`
	// Fetching is set if the host still fetches bundles. Then nothing was checked.
	Fetching *InstancePlanFetch `json:"fetching,omitempty"`
}

// InstancePlanFetch says how far a host is that fetches bundles, in bytes. Total is zero
// before the first bytes have come.
type InstancePlanFetch struct {
	Bundle string `json:"bundle"`
	Done   int64  `json:"done,omitempty"`
	Total  int64  `json:"total,omitempty"`
}

// InstancePlanNode is a PlannedNode without the instance.
type InstancePlanNode struct {
	Node    NodeName    `json:"node"`
	Role    ClusterRole `json:"role,omitempty"`
	Action  NodeAction  `json:"action"`
	Because []string    `json:"because,omitempty"`
	Stopped bool        `json:"stopped,omitempty"`
}

// InstancePlanFinding is a PlanFinding without the instance.
type InstancePlanFinding struct {
	Node   NodeName `json:"node,omitempty"`
	Text   string   `json:"text"`
	Stdout string   `json:"stdout,omitempty"`
	Stderr string   `json:"stderr,omitempty"`
}

func (AgentSteerRequest) isMessage()         {}
func (r AgentSteerRequest) RequestID() ReqID { return r.ReqID }
func (AgentSteerRequest) Answer(id ReqID, results ...Result) Response {
	return AgentSteerResponse{ReqID: id, Results: results}
}
func (AgentSteerResponse) isMessage()           {}
func (r AgentSteerResponse) RequestID() ReqID   { return r.ReqID }
func (r AgentSteerResponse) Outcomes() []Result { return r.Results }

func (AgentPlanRequest) isMessage()         {}
func (r AgentPlanRequest) RequestID() ReqID { return r.ReqID }
func (AgentPlanRequest) Answer(id ReqID, results ...Result) Response {
	return AgentPlanResponse{ReqID: id, Result: results[0]}
}
func (AgentPlanResponse) isMessage()           {}
func (r AgentPlanResponse) RequestID() ReqID   { return r.ReqID }
func (r AgentPlanResponse) Outcomes() []Result { return []Result{r.Result} }
