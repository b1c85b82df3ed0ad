package client

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// The words of the Management framework. Fields that are pointers are optional;
// nil is unset.
type (
	// Configuration is a cluster: the instances, and the nodes to run on them.
	Configuration = mgmt.Configuration
	// Instance is a host with an agent.
	Instance = mgmt.Instance
	// InstanceName names an instance, and its agent.
	InstanceName = mgmt.InstanceName
	// Node is a cluster node in a Configuration.
	Node = mgmt.Node
	// NodeName names a cluster node.
	NodeName = mgmt.NodeName
	// ClusterRole is what a node is within its cluster.
	ClusterRole = mgmt.ClusterRole
	// Role is what a process is within the Management framework.
	Role = mgmt.Role
	// State is the state of a node.
	State = mgmt.State
	// Port is a port with its protocol; TCPPort makes one.
	Port = mgmt.Port
	// Option is a script option of a node.
	Option = mgmt.Option
)

// The answers of a controller.
type (
	// Result is one outcome of a request. Instance and Node say whose it is,
	// where it is somebody's; Error says why it is not a success.
	Result = mgmt.Result
	// Data is what a Result carries; each method says which of the types below
	// it is. BadData stands for data that was of another type.
	Data = mgmt.Data
	// Text is a configuration's ID, or the JSON text of an identifier's value.
	Text = mgmt.Text
	// Instances are the agents that are connected.
	Instances = mgmt.Instances
	// NodeStatuses are the processes of one instance.
	NodeStatuses = mgmt.NodeStatuses
	// NodeStatus is one process: an agent, a controller or a cluster node.
	NodeStatus = mgmt.NodeStatus
	// NodeOutputs is what a node printed that did not start.
	NodeOutputs = mgmt.NodeOutputs
	// BadData is data that the method does not know how to read.
	BadData = mgmt.BadData
)

// The roles of nodes in a cluster.
const (
	Logger  = mgmt.Logger
	Manager = mgmt.Manager
	Proxy   = mgmt.Proxy
	Worker  = mgmt.Worker
)

// The states of a node.
const (
	Pending = mgmt.Pending
	Running = mgmt.Running
	Stopped = mgmt.Stopped
	Failed  = mgmt.Failed
	Crashed = mgmt.Crashed
	Unknown = mgmt.Unknown
)

// UnknownHost is the address of an instance whose agent dials the controller.
var UnknownHost = mgmt.UnknownHost

// TCPPort returns the TCP port of that number.
func TCPPort(number uint16) Port { return mgmt.TCPPort(number) }

// The ways in which there is no answer; see Dial and Client.
type (
	// DialError says at which stage a connection failed, and what kind of
	// failure it was.
	DialError = websocket.DialError
	// ServerError is the server's refusal of what was sent to it.
	ServerError = websocket.ServerError
	// ServerClosed means that the server has closed the connection.
	ServerClosed = websocket.ServerClosed
)
