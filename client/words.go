package client

import (
	"net/netip"
	"strconv"
)

// Configuration is a cluster: its instances, and the nodes to run on them.
type Configuration struct {
	// ID tells this configuration from others. Any text will do.
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

// UnknownHost is the Host of an instance whose address is not known, such as one
// whose agent dials the controller.
var UnknownHost = netip.IPv4Unspecified()

// NodeName names a cluster node.
type NodeName string

// Node is a cluster node: a Zeek process.
type Node struct {
	Name     NodeName
	Instance InstanceName // on which it runs
	Role     ClusterRole
	// State is Running in what is staged. Controllers ignore it.
	State State
	// Port is where the node listens for other nodes. Nil has the controller
	// choose.
	Port *Port
	// Scripts are loaded by the node, in order.
	Scripts []string
	// Options is a set of script options.
	Options []Option
	// Interface is what the node captures on. Nil means nothing.
	Interface *string
	// CPUAffinity is the CPU core to which the node is bound. Nil means none.
	CPUAffinity *int64
	// Env is added to the environment of the node.
	Env map[string]string
	// MetricsPort is where the node serves its metrics. Nil has the controller
	// choose.
	MetricsPort *Port
}

// Option is a script option of a node.
type Option struct{ Name, Value string }

// ClusterRole is what a node is within its cluster.
type ClusterRole string

// The roles of nodes. ClusterNone is that of agents and controllers.
const (
	ClusterNone ClusterRole = "NONE"
	Logger      ClusterRole = "LOGGER"
	Manager     ClusterRole = "MANAGER"
	Proxy       ClusterRole = "PROXY"
	Worker      ClusterRole = "WORKER"
)

// Role is what a process is within the Management framework.
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
	Pending State = "PENDING" // started, and not up yet
	Running State = "RUNNING"
	Stopped State = "STOPPED" // asked to end, and ended
	Failed  State = "FAILED"  // could not be started, or is given up
	Crashed State = "CRASHED" // ended by itself, and will be started again
	Unknown State = "UNKNOWN" // nobody can tell: the connection with it, or with its agent, is lost
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

// TCPPort returns the TCP port of that number.
func TCPPort(number uint16) Port { return Port{number, TCP} }

// String returns the port in Zeek's notation, such as "2150/tcp".
func (p Port) String() string { return strconv.Itoa(int(p.Number)) + "/" + string(p.Proto) }
