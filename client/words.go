package client

import (
	"net/netip"
	"strconv"
)

// Configuration is a cluster: its instances, and the nodes to run on them.
type Configuration struct {
	// ID distinguishes this configuration from others. It may be any text.
	ID        string
	Instances []Instance // a set
	Nodes     []Node     // a set
}

// InstanceName names an instance, and its agent.
type InstanceName string

// Instance is a host with an agent.
type Instance struct {
	Name InstanceName
	// Host is the address of the host, or UnknownHost.
	Host netip.Addr
	// ListenPort is where the agent listens for the controller. Nil means that
	// the agent dials the controller.
	ListenPort *Port
}

// UnknownHost is the Host of an instance whose address is not known, for example
// because its agent dials the controller.
var UnknownHost = netip.IPv4Unspecified()

// NodeName names a cluster node.
type NodeName string

// Node is a cluster node: a Zeek process.
type Node struct {
	Name     NodeName
	Instance InstanceName // on which it runs
	Role     ClusterRole
	// State is Running in a configuration for Stage. Controllers ignore it.
	State State
	// Port is where the node listens for other nodes. If it is nil, the controller
	// chooses a port.
	Port *Port
	// Scripts are loaded by the node, in order.
	Scripts []string
	// Options is a set of script options.
	Options []Option
	// Interface is the network interface from which the node captures. Nil means
	// that it captures nothing.
	Interface *string
	// CPUAffinity is the CPU core to which the node is bound. Nil means that the node
	// may run on any core.
	CPUAffinity *int64
	// Env is added to the environment of the node.
	Env map[string]string
	// MetricsPort is where the node serves its metrics. If it is nil, the controller
	// chooses a port.
	MetricsPort *Port
	// Command is a program, with its arguments, that the agent runs in place of Zeek. Nil
	// means Zeek. Only agents of zeekfleet can do that.
	Command []string
	// Bundles are directory trees that the node uses, in the order in which it looks for
	// scripts. RunOptions are options of Zeek's configuration framework, sorted by name: they
	// change without a restart.
	Bundles    []Bundle
	RunOptions []Option
	// Limits bound what the node takes of its host. They change without a restart.
	Limits Limits
	// Backend is the protocol of the cluster, broker or zeromq, the same for all its Zeek
	// nodes. Empty leaves it to the agents.
	Backend string
}

// Limits bound what a node takes of its host. The zero value of a field leaves it to the
// host.
type Limits struct {
	Memory    uint64 `json:"memory,omitempty"`     // bytes
	CPUWeight uint64 `json:"cpu_weight,omitempty"` // from 1 to 10000; everybody has 100
	Nice      int    `json:"nice,omitempty"`       // from -20, the highest priority, to 19
}

// Bundle is a directory tree that a node uses. Kind is "scripts" or "data". Hash names its
// content: "sha256:" and 64 hex digits.
type Bundle struct {
	Name string `json:"name"`
	Kind string `json:"kind"`
	Hash string `json:"hash"`
}

// Option is a script option of a node.
type Option struct{ Name, Value string }

// ClusterRole is the role of a process in its cluster.
type ClusterRole string

// The roles of nodes. Agents and controllers have the role ClusterNone.
const (
	ClusterNone ClusterRole = "NONE"
	Logger      ClusterRole = "LOGGER"
	Manager     ClusterRole = "MANAGER"
	Proxy       ClusterRole = "PROXY"
	Worker      ClusterRole = "WORKER"
)

// Role is the role of a process in the Management framework.
type Role string

// The roles of processes.
const (
	RoleNone       Role = "NONE"
	RoleAgent      Role = "AGENT"
	RoleController Role = "CONTROLLER"
	RoleNode       Role = "NODE"
)

// State is the state of a node.
type State string

// The states of a node.
const (
	Pending State = "PENDING" // it was started, and does not run yet
	Running State = "RUNNING"
	Stopped State = "STOPPED" // it was asked to end, and has ended
	Failed  State = "FAILED"  // its start failed, or its agent no longer restarts it
	Crashed State = "CRASHED" // it ended by itself, and its agent will start it again
	Unknown State = "UNKNOWN" // the connection to it, or to its agent, is lost
)

// Port is a port with its protocol.
type Port struct {
	Number uint16
	Proto  Proto
}

// Proto is the transport protocol of a Port.
type Proto string

// The protocols.
const (
	TCP          Proto = "tcp"
	UDP          Proto = "udp"
	ICMP         Proto = "icmp"
	UnknownProto Proto = "unknown"
)

// TCPPort returns the TCP port with this number.
func TCPPort(number uint16) Port { return Port{number, TCP} }

// String returns the port in Zeek's notation, such as "2150/tcp".
func (p Port) String() string { return strconv.Itoa(int(p.Number)) + "/" + string(p.Proto) }
