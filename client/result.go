package client

// Result is one outcome of a request.
type Result struct {
	Success bool
	// Instance and Node say of which instance and of which node this is the
	// outcome. They are empty if it is that of the whole request.
	Instance InstanceName
	Node     NodeName
	// Data is what the request asked for, or nil. Each method of Client says which
	// type it has.
	Data Data
	// Error says why it is not a success. In a success it is a remark.
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

// NodeStatuses are the processes of one instance: its nodes, its agent, and a
// controller that runs there.
type NodeStatuses []NodeStatus

// NodeStatus is one process.
type NodeStatus struct {
	Node        NodeName
	State       State
	MgmtRole    Role
	ClusterRole ClusterRole
	PID         *int64 // nil: there is no process
	Port        *Port  // nil: it does not listen
	MetricsPort *Port  // nil: it serves no metrics
}

// NodeOutputs are the last lines that a node printed which did not start.
type NodeOutputs struct{ Stdout, Stderr string }

// BadData stands for data of a type that the request does not have.
type BadData struct{ Reason string }

func (Text) isData()          {}
func (Instances) isData()     {}
func (NodeStatuses) isData()  {}
func (Configuration) isData() {}
func (NodeOutputs) isData()   {}
func (BadData) isData()       {}
