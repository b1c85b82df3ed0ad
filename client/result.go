package client

// Result is one outcome of a request.
type Result struct {
	Success bool
	// Instance and Node name the instance and the node that this outcome concerns.
	// Both are empty if it concerns the whole request.
	Instance InstanceName
	Node     NodeName
	// Data is the requested data, or nil. The methods of Client say which type it
	// has.
	Data Data
	// Error says why the request failed. If Success is true, Error is a remark.
	Error string
}

// Data is what a Result carries: Text, Instances, NodeStatuses, Configuration,
// NodeOutputs or BadData.
type Data interface{ isData() }

// Text is the ID of a configuration, or the value of an identifier as JSON text.
type Text string

// Instances are the instances whose agents are connected. ListenPort is nil for
// agents that dial the controller.
type Instances []Instance

// NodeStatuses are the processes of one instance: its nodes, its agent, and the
// controller if it runs there.
type NodeStatuses []NodeStatus

// NodeStatus describes one process.
type NodeStatus struct {
	Node        NodeName
	State       State
	MgmtRole    Role
	ClusterRole ClusterRole
	PID         *int64 // nil: there is no process
	Port        *Port  // nil: it does not listen
	MetricsPort *Port  // nil: it serves no metrics
}

// NodeOutputs are the last lines that a node printed before its start failed.
type NodeOutputs struct{ Stdout, Stderr string }

// BadData stands for data of a type that does not belong to the request.
type BadData struct{ Reason string }

func (Text) isData()          {}
func (Instances) isData()     {}
func (NodeStatuses) isData()  {}
func (Configuration) isData() {}
func (NodeOutputs) isData()   {}
func (BadData) isData()       {}
