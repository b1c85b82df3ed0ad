package mgmt

// Message is one event of the Management framework's APIs, with its typed
// arguments in the order of the event's declaration. The set is closed; package
// event knows each message's event name.
type Message interface{ isMessage() }

// APIVersion is the version of the Controller and Agent APIs that this program
// speaks.
const APIVersion = 1

// The topics of the APIs, where no others are configured (spec management-api
// 1.3). AgentTopics is a prefix: a slash and the agent's name follow.
const (
	ControllerTopic = "zeek/management/controller"
	AgentTopics     = "zeek/management/agent"
	NodeTopic       = "zeek/management/node"
)

// Controller API, between clients and the controller (spec management-api 3.1).
type (
	// GetInstancesRequest asks which agents are connected.
	GetInstancesRequest struct{ ReqID ReqID }
	// GetInstancesResponse carries Instances, sorted by name.
	GetInstancesResponse struct {
		ReqID  ReqID
		Result Result
	}
	// StageConfigurationRequest uploads a configuration for a later deployment.
	StageConfigurationRequest struct {
		ReqID  ReqID
		Config Configuration
	}
	// StageConfigurationResponse carries the configuration's ID as Text, or
	// one failure per mistake in it.
	StageConfigurationResponse struct {
		ReqID   ReqID
		Results []Result
	}
	// GetConfigurationRequest asks for the staged or the deployed configuration.
	GetConfigurationRequest struct {
		ReqID    ReqID
		Deployed bool
	}
	// GetConfigurationResponse carries a Configuration.
	GetConfigurationResponse struct {
		ReqID  ReqID
		Result Result
	}
	// DeployRequest asks the controller to deploy what is staged.
	DeployRequest struct{ ReqID ReqID }
	// DeployResponse carries the agents' results and, last, the controller's own
	// with the configuration's ID as Text.
	DeployResponse struct {
		ReqID   ReqID
		Results []Result
	}
	// GetNodesRequest asks for the status of every process on every instance.
	GetNodesRequest struct{ ReqID ReqID }
	// GetNodesResponse carries NodeStatuses per instance.
	GetNodesResponse struct {
		ReqID   ReqID
		Results []Result
	}
	// GetIDValueRequest asks nodes for a global identifier's value; no nodes
	// means all.
	GetIDValueRequest struct {
		ReqID ReqID
		ID    string
		Nodes []NodeName // a set
	}
	// GetIDValueResponse carries JSON as Text per node.
	GetIDValueResponse struct {
		ReqID   ReqID
		Results []Result
	}
	// RestartRequest asks for a restart of nodes; no nodes means all.
	RestartRequest struct {
		ReqID ReqID
		Nodes []NodeName // a set
	}
	// RestartResponse carries one result per node.
	RestartResponse struct {
		ReqID   ReqID
		Results []Result
	}
	// TestTimeoutRequest is answered only by its timeout, and only with state.
	TestTimeoutRequest struct {
		ReqID     ReqID
		WithState bool
	}
	// TestTimeoutResponse answers a TestTimeoutRequest.
	TestTimeoutResponse struct {
		ReqID  ReqID
		Result Result
	}
	// NotifyAgentsReady is internal to upstream's controller.
	NotifyAgentsReady struct{ Instances []InstanceName } // a set
)

// Agent API, between controller and agents (spec management-api 3.2).
type (
	// AgentDeployRequest tells an agent the whole cluster's configuration; Force
	// restarts nodes that did not change, too.
	AgentDeployRequest struct {
		ReqID  ReqID
		Config Configuration
		Force  bool
	}
	// AgentDeployResponse carries one result per node of the instance, with
	// NodeOutputs where a node failed.
	AgentDeployResponse struct {
		ReqID   ReqID
		Results []Result
	}
	// AgentGetNodesRequest asks for the status of the instance's processes.
	AgentGetNodesRequest struct{ ReqID ReqID }
	// AgentGetNodesResponse carries NodeStatuses.
	AgentGetNodesResponse struct {
		ReqID  ReqID
		Result Result
	}
	// AgentDispatchRequest asks for an action of nodes; no nodes means all.
	AgentDispatchRequest struct {
		ReqID  ReqID
		Action []string
		Nodes  []NodeName // a set
	}
	// AgentDispatchResponse carries one result per node.
	AgentDispatchResponse struct {
		ReqID   ReqID
		Results []Result
	}
	// AgentWelcomeRequest tells an agent that it is part of the cluster.
	AgentWelcomeRequest struct{ ReqID ReqID }
	// AgentWelcomeResponse answers it.
	AgentWelcomeResponse struct {
		ReqID  ReqID
		Result Result
	}
	// AgentStandbyRequest tells an agent to stop its nodes.
	AgentStandbyRequest struct{ ReqID ReqID }
	// AgentStandbyResponse answers it.
	AgentStandbyResponse struct {
		ReqID  ReqID
		Result Result
	}
	// AgentRestartRequest asks for a restart of nodes; no nodes means all.
	AgentRestartRequest struct {
		ReqID ReqID
		Nodes []NodeName // a set
	}
	// AgentRestartResponse carries one result per node.
	AgentRestartResponse struct {
		ReqID   ReqID
		Results []Result
	}
	// NotifyAgentHello announces an agent to its peers.
	NotifyAgentHello struct {
		Instance InstanceName
		// ID is the agent's Broker endpoint ID as text.
		ID string
		// Connecting says that the agent dialed the controller.
		Connecting bool
		APIVersion uint64
	}
	// NotifyChange announces a node's change of state.
	NotifyChange struct {
		Instance InstanceName
		Node     Node
		Old, New State
	}
	// NotifyError announces a failure at an agent.
	NotifyError struct {
		Instance InstanceName
		Msg      string
		Node     NodeName // empty if it concerns no node
	}
	// NotifyLog carries a log message of an agent.
	NotifyLog struct {
		Instance InstanceName
		Msg      string
		Node     NodeName // empty if it concerns no node
	}
)

// GetIDValue is the action that every node knows: to tell the value of a global
// identifier (spec management-api 4.4).
const GetIDValue = "get_id_value"

// SetOption is the action of our node script that sets an option while the node
// runs: its arguments are the option's name and its value.
const SetOption = "set_option"

// Node API, between an agent and its nodes (spec management-api 3.3).
type (
	// NodeDispatchRequest asks for an action of the named nodes, or of all if
	// none is named; the others stay silent.
	NodeDispatchRequest struct {
		ReqID  ReqID
		Action []string
		Nodes  []NodeName // a set
	}
	// NodeDispatchResponse carries one node's result.
	NodeDispatchResponse struct {
		ReqID  ReqID
		Result Result
	}
	// NotifyNodeHello announces a node to its agent.
	NotifyNodeHello struct{ Node NodeName }
)

// NotifyDispatches announces to its agent which dispatches a node can answer. It
// follows NotifyNodeHello, is ours (module Fleet), and comes from our node script
// alone; upstream's parts neither send it nor are sent it.
type NotifyDispatches struct {
	Node       NodeName
	Dispatches []string
}

// What an agent and a node say to each other that share a Secret. It is ours
// (module Fleet): between our agent and our node script alone.
type (
	// ProvenRequest takes the place of NodeDispatchRequest, for one node. Number
	// is greater than that of any request before.
	ProvenRequest struct {
		Node   NodeName
		Number uint64
		ReqID  ReqID
		Action []string
		Proof  string
	}
	// ProvenResponse takes the place of NodeDispatchResponse. Text is the data of
	// a success, or the error; empty is none.
	ProvenResponse struct {
		Node    NodeName
		ReqID   ReqID
		Success bool
		Text    string
		Proof   string
	}
	// NotifyNumber tells the agent the number of the node's last request. It
	// precedes NotifyNodeHello.
	NotifyNumber struct {
		Node   NodeName
		Number uint64
		Proof  string
	}
)

// NotifyNodeExit is the Supervisor API's only event (spec management-api 3.4):
// what a process printed before it was replaced.
type NotifyNodeExit struct {
	Node    NodeName
	Outputs NodeOutputs
}

// SupervisorControl, between an agent and Zeek's Supervisor (spec
// management-api 3.5).
type (
	// SupervisorStatusRequest asks for one node's status, or for all.
	SupervisorStatusRequest struct {
		ReqID ReqID
		Node  NodeName // empty: all
	}
	// SupervisorStatusResponse answers it.
	SupervisorStatusResponse struct {
		ReqID  ReqID
		Status SupervisorStatus
	}
	// SupervisorCreateRequest asks for a new process.
	SupervisorCreateRequest struct {
		ReqID ReqID
		Node  SupervisorNodeConfig
	}
	// SupervisorCreateResponse answers it; an empty Error is success.
	SupervisorCreateResponse struct {
		ReqID ReqID
		Error string
	}
	// SupervisorDestroyRequest asks for the end of one process, or of all.
	SupervisorDestroyRequest struct {
		ReqID ReqID
		Node  NodeName // empty: all
	}
	// SupervisorDestroyResponse answers it.
	SupervisorDestroyResponse struct {
		ReqID   ReqID
		Success bool
	}
	// SupervisorRestartRequest asks for a restart of one process, or of all.
	SupervisorRestartRequest struct {
		ReqID ReqID
		Node  NodeName // empty: all
	}
	// SupervisorRestartResponse answers it.
	SupervisorRestartResponse struct {
		ReqID   ReqID
		Success bool
	}
	// SupervisorStopRequest ends the Supervisor and all its processes.
	SupervisorStopRequest struct{}
	// SupervisorNodeStarted announces a process that was (re)started.
	SupervisorNodeStarted struct {
		Node NodeName
		PID  uint64
	}
)

func (GetInstancesRequest) isMessage()        {}
func (GetInstancesResponse) isMessage()       {}
func (StageConfigurationRequest) isMessage()  {}
func (StageConfigurationResponse) isMessage() {}
func (GetConfigurationRequest) isMessage()    {}
func (GetConfigurationResponse) isMessage()   {}
func (DeployRequest) isMessage()              {}
func (DeployResponse) isMessage()             {}
func (GetNodesRequest) isMessage()            {}
func (GetNodesResponse) isMessage()           {}
func (GetIDValueRequest) isMessage()          {}
func (GetIDValueResponse) isMessage()         {}
func (RestartRequest) isMessage()             {}
func (RestartResponse) isMessage()            {}
func (TestTimeoutRequest) isMessage()         {}
func (TestTimeoutResponse) isMessage()        {}
func (NotifyAgentsReady) isMessage()          {}
func (AgentDeployRequest) isMessage()         {}
func (AgentDeployResponse) isMessage()        {}
func (AgentGetNodesRequest) isMessage()       {}
func (AgentGetNodesResponse) isMessage()      {}
func (AgentDispatchRequest) isMessage()       {}
func (AgentDispatchResponse) isMessage()      {}
func (AgentWelcomeRequest) isMessage()        {}
func (AgentWelcomeResponse) isMessage()       {}
func (AgentStandbyRequest) isMessage()        {}
func (AgentStandbyResponse) isMessage()       {}
func (AgentRestartRequest) isMessage()        {}
func (AgentRestartResponse) isMessage()       {}
func (NotifyAgentHello) isMessage()           {}
func (NotifyChange) isMessage()               {}
func (NotifyError) isMessage()                {}
func (NotifyLog) isMessage()                  {}
func (NodeDispatchRequest) isMessage()        {}
func (ProvenRequest) isMessage()              {}
func (ProvenResponse) isMessage()             {}
func (NotifyNumber) isMessage()               {}
func (NodeDispatchResponse) isMessage()       {}
func (NotifyNodeHello) isMessage()            {}
func (NotifyDispatches) isMessage()           {}
func (NotifyNodeExit) isMessage()             {}
func (SupervisorStatusRequest) isMessage()    {}
func (SupervisorStatusResponse) isMessage()   {}
func (SupervisorCreateRequest) isMessage()    {}
func (SupervisorCreateResponse) isMessage()   {}
func (SupervisorDestroyRequest) isMessage()   {}
func (SupervisorDestroyResponse) isMessage()  {}
func (SupervisorRestartRequest) isMessage()   {}
func (SupervisorRestartResponse) isMessage()  {}
func (SupervisorStopRequest) isMessage()      {}
func (SupervisorNodeStarted) isMessage()      {}
