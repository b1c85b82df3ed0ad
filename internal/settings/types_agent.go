package settings

import (
	"net/netip"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Lifecycle says how long an agent's nodes may take to start and to stop, and
// when they are started again.
type Lifecycle struct {
	// StartDeadline is how long after its start a node is reported as still
	// starting.
	StartDeadline PerRole
	// StopGrace is how long a node may take to end before it is killed.
	StopGrace PerRole
	// StopNodes says whether the agent ends its nodes when it is asked to end.
	StopNodes StopNodes
	// Drain bounds the time from the request to end until the agent and its nodes have
	// ended. Zero means that StopGrace alone counts.
	Drain time.Duration
	// BackoffFirst is the pause before a node that ended by itself is started
	// again. The pause grows up to BackoffMax. When the node has been up for
	// BackoffReset, its failures are forgotten. After GiveUp failures in a row
	// the node counts as failed, and is tried again every BackoffRetry.
	BackoffFirst, BackoffMax, BackoffReset, BackoffRetry time.Duration
	GiveUp                                               int
}

// PerRole has a time for the nodes of each role.
type PerRole struct{ Logger, Manager, Proxy, Worker time.Duration }

// Archive says how rotated logs are archived.
type Archive struct {
	// Off leaves rotated logs where they are.
	Off bool
	// Dir is the directory of the archive.
	Dir string
	// Interval is the time between two sweeps of the queue.
	Interval time.Duration
	// Periodic leaves logs in the queue until the next sweep.
	Periodic bool
	// Command, if not empty, archives instead of the agent.
	Command []string
	// Level is the level of compression, 0 to 9. 0 means no compression.
	Level int
	// KeepDays and DiskPercent bound the archive. Zero means no bound.
	KeepDays, DiskPercent int
}

// StopNodes says whether the nodes are stopped when their agent is asked to end.
type StopNodes string

// The nodes are stopped, or they go on running.
const (
	StopNodesAuto   StopNodes = "auto" // nodes are stopped if they cannot outlive the agent
	StopNodesAlways StopNodes = "always"
	StopNodesNever  StopNodes = "never"
)

// Applies reports whether an agent with this PID stops its nodes. The end of the
// first process of a container ends all other processes there.
func (s StopNodes) Applies(pid int) bool {
	return s == StopNodesAlways || s == StopNodesAuto && pid == 1
}

// NodeKind is the kind of nodes that an agent starts.
type NodeKind string

// The kinds of nodes.
const (
	NodeAuto     NodeKind = "auto" // Zeek where it is installed, else embedded ones
	NodeZeek     NodeKind = "zeek"
	NodeEmbedded NodeKind = "embedded"
)

// Auto leaves the choice to the version of Zeek.
const Auto = "auto"

// Off turns a choice off.
const Off = "off"

// Zeek says how an agent launches Zeek processes.
type Zeek struct {
	Kind NodeKind
	// Path is the path of the executable, or a name that is looked up in PATH.
	// Empty means the first executable in PATH or below a common prefix.
	Path string
	// Backend is "broker", "zeromq" or Auto; Transport "broker", "websocket" or
	// Auto; NodeScript "ours" or "upstream".
	Backend, Transport, NodeScript string
	// Args, Prefixes, ScriptPath and PluginPath are passed on to Zeek.
	Args, Prefixes, ScriptPath []string
	PluginPath                 string
	// MetricsAddr and ListenAddr are where nodes serve metrics and listen for
	// each other. An invalid address means the node's own address.
	MetricsAddr, ListenAddr netip.Addr
	// XPubPort and XSubPort are the ports of the ZeroMQ proxy. Zero leaves the choice to
	// the agent.
	XPubPort, XSubPort uint16
	// Curve is Auto or Off.
	Curve string
	// BrokerTLS is Auto or Off.
	BrokerTLS string
	// TLS has the certificate that nodes show each other. They also show it to
	// the agent if they peer with it over Broker. The operator copies it to the
	// hosts.
	TLS TLS
	// SecretFile holds the secret that the hosts of a cluster share.
	SecretFile string
	// Rotation is the time after which logs are rotated.
	Rotation time.Duration
	// MemoryLimit bounds the memory of a node, in bytes. Zero means no bound.
	MemoryLimit uint64
}

// Exec says which commands admins may run on the host of an agent, as in hosttool.Config.
type Exec struct {
	Commands []mgmt.HostCommand
	User     string
	Timeout  time.Duration
}
