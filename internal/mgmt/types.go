package mgmt

import (
	"math/rand/v2"
	"net/netip"
	"strconv"
)

// InstanceName names an instance, which is a host with an agent. The agent has the
// same name.
type InstanceName string

// NodeName names a cluster node.
type NodeName string

// PeerID identifies the other end of a connection while the connection lasts. For a
// Broker peer it is the endpoint ID as text. For a WebSocket client it is the ID in
// the acknowledgement of its handshake.
type PeerID string

// ReqID identifies a request at its receiver. It may be any string.
type ReqID string

// NewReqID returns a request ID of 18 letters and digits, drawn from rng.
func NewReqID(rng *rand.Rand) ReqID {
	const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	var id [18]byte
	for i := range id {
		id[i] = digits[rng.IntN(len(digits))]
	}
	return ReqID(id[:])
}

// Proto is the transport protocol of a Port.
type Proto string

// The protocols as Zeek spells them.
const (
	TCP          Proto = "tcp"
	UDP          Proto = "udp"
	ICMP         Proto = "icmp"
	UnknownProto Proto = "unknown"
)

// Port is a Zeek port.
type Port struct {
	Number uint16
	Proto  Proto
}

// NoPort is the value of a mandatory port field for a node that does not listen.
var NoPort = Port{Proto: UnknownProto}

// TCPPort returns the TCP port with this number.
func TCPPort(number uint16) Port { return Port{number, TCP} }

// String returns the port in Zeek's notation, such as "2150/tcp" or
// "0/unknown".
func (p Port) String() string { return strconv.Itoa(int(p.Number)) + "/" + string(p.Proto) }

// AppendTo appends what String returns.
func (p Port) AppendTo(text []byte) []byte {
	return append(append(strconv.AppendUint(text, uint64(p.Number), 10), '/'), p.Proto...)
}

// Role is the role of a process in the Management framework (Management::Role).
type Role string

// The management roles.
const (
	RoleNone       Role = "NONE"
	RoleAgent      Role = "AGENT"
	RoleController Role = "CONTROLLER"
	RoleNode       Role = "NODE"
)

// State is the state of a node (Management::State).
type State string

// The states of a node.
const (
	Pending State = "PENDING" // it was started and has not said hello
	Running State = "RUNNING" // it has said hello
	Stopped State = "STOPPED" // it was asked to end
	Failed  State = "FAILED"  // its start failed, or its agent no longer restarts it
	Crashed State = "CRASHED" // it ended by itself, and its agent will start it again
	Unknown State = "UNKNOWN" // the connection to it, or to its agent, is lost
)

// ClusterRole is the role of a node in the Zeek cluster
// (Supervisor::ClusterRole).
type ClusterRole string

// The cluster roles.
const (
	ClusterNone ClusterRole = "NONE"
	Logger      ClusterRole = "LOGGER"
	Manager     ClusterRole = "MANAGER"
	Proxy       ClusterRole = "PROXY"
	Worker      ClusterRole = "WORKER"
)

// Option is a script option for a node.
type Option struct{ Name, Value string }

// Instance is a host with an agent.
type Instance struct {
	Name InstanceName
	// Host is the agent's address, or UnknownHost.
	Host netip.Addr
	// ListenPort is set only if the controller connects to the agent.
	ListenPort *Port
}

// UnknownHost stands on the wire for an address that is not known.
var UnknownHost = netip.IPv4Unspecified()

// Node is a cluster node as a configuration describes it.
type Node struct {
	Name     NodeName
	Instance InstanceName
	Role     ClusterRole
	// State is ignored. Clients send Running.
	State State
	// Port is where the node listens for its cluster peers; nil is unset.
	Port *Port
	// Scripts are loaded by the node, in order; nil is unset.
	Scripts []string
	// Options is a set; nil is unset.
	Options []Option
	// Interface is the network interface from which the node captures; nil is unset.
	Interface *string
	// CPUAffinity is the core to which the node is bound; nil is unset.
	CPUAffinity *int64
	// Env is added to the node's environment; nil and empty are the same.
	Env map[string]string
	// MetricsPort is where the node serves its metrics; nil is unset.
	MetricsPort *Port
	// Command is the program that the agent runs as the node, with its arguments; nil is
	// unset: the agent runs Zeek. It is zeekfleet's own: Zeek's record of a node has no such
	// field, and the codec passes it as an option (CommandOption).
	Command []string
	// Bundles are directory trees that the agent has before it starts the node, in the order
	// in which the node looks for scripts. RunOptions are values of Zeek's configuration
	// framework, sorted by name: the agent tells them to the node, which needs no restart for
	// them. Nil and empty are the same. Both are zeekfleet's own, and travel as Command does
	// (BundlesOption, RunOptionsOption).
	Bundles    []Bundle
	RunOptions []Option
	// Limits are zeekfleet's own, too (LimitsOption).
	Limits Limits
	// Backend is the protocol of the cluster, the same for all its Zeek nodes. Empty leaves
	// it to the agents. It is zeekfleet's own, too (BackendOption).
	Backend Backend
}

// Configuration is a cluster as a client describes it.
type Configuration struct {
	ID        string
	Instances []Instance // a set
	Nodes     []Node     // a set
}

// NodeStatus is what an agent reports of one process.
type NodeStatus struct {
	Node        NodeName
	State       State
	MgmtRole    Role
	ClusterRole ClusterRole
	PID         *int64 // nil is unset
	Port        *Port  // nil is unset
	MetricsPort *Port  // nil is unset
}

// Result is one outcome of a request.
type Result struct {
	// ReqID names the request of the leg that produced the result.
	ReqID    ReqID
	Success  bool
	Instance InstanceName // empty is unset
	Data     Data         // nil is unset
	Error    string       // empty is unset
	Node     NodeName     // empty is unset
}

// Data is what a Result carries: Text, Instances, NodeStatuses, Configuration,
// NodeOutputs, or BadData. The message decides which type is proper (spec
// management-api 2.5).
type Data interface{ isData() }

// Text is a configuration's ID, or the JSON text of a dispatch's result.
type Text string

// Instances is the data of a get-instances result.
type Instances []Instance

// NodeStatuses is the data of a get-nodes result.
type NodeStatuses []NodeStatus

// NodeOutputs is what a node printed. Newlines join the lines; no newline follows
// the last line.
type NodeOutputs struct{ Stdout, Stderr string }

// BadData stands for received data of another type than the message requires. The
// receiver turns it into a failure (spec management-api 7, G-P7). It cannot be
// sent.
type BadData struct{ Reason string }

func (Text) isData()          {}
func (Instances) isData()     {}
func (NodeStatuses) isData()  {}
func (Configuration) isData() {}
func (NodeOutputs) isData()   {}
func (BadData) isData()       {}

// ClusterEndpoint is a node's entry in the cluster layout
// (Supervisor::ClusterEndpoint).
type ClusterEndpoint struct {
	Role        ClusterRole
	Host        netip.Addr
	Port        Port    // NoPort: does not listen
	Interface   *string // nil is unset
	PcapFile    *string // nil is unset
	MetricsPort *Port   // nil is unset
}
