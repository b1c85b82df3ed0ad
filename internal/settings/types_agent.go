package settings

import (
	"net/netip"
	"time"
)

// Lifecycle says how long an agent's nodes may take for what, and when they are
// started again.
type Lifecycle struct {
	// StartDeadline is how long after its start a node is reported as still
	// starting.
	StartDeadline PerRole
	// StopGrace is how long a node may take to end before it is killed.
	StopGrace PerRole
	// StopNodes says whether the agent ends its nodes when it is asked to end.
	StopNodes StopNodes
	// BackoffFirst is the pause before a node that ended by itself is started
	// again; it grows up to BackoffMax, and is forgotten once the node was up for
	// BackoffReset. After GiveUp failures in a row the node counts as failed, and
	// is tried every BackoffRetry.
	BackoffFirst, BackoffMax, BackoffReset, BackoffRetry time.Duration
	GiveUp                                               int
}

// PerRole is a time for the nodes of each role.
type PerRole struct{ Logger, Manager, Proxy, Worker time.Duration }

// Archive says what becomes of rotated logs.
type Archive struct {
	// Off leaves them where they are.
	Off bool
	// Dir is the archive.
	Dir string
	// Interval is the pause between looks at the queue.
	Interval time.Duration
	// Periodic leaves logs in the queue until the next of these looks.
	Periodic bool
	// Command, unless empty, archives instead of the agent.
	Command []string
	// Level is how hard to compress, 0 to 9.
	Level int
	// KeepDays and DiskPercent bound the archive; 0 does not.
	KeepDays, DiskPercent int
}

// StopNodes says what becomes of the nodes when their agent is asked to end.
type StopNodes string

// What becomes of the nodes: they are stopped, in order, or live on.
const (
	StopNodesAuto   StopNodes = "auto" // they are stopped where they cannot outlive the agent
	StopNodesAlways StopNodes = "always"
	StopNodesNever  StopNodes = "never"
)

// Applies reports whether an agent of this PID stops its nodes. The first process
// of a container takes all others with it.
func (s StopNodes) Applies(pid int) bool {
	return s == StopNodesAlways || s == StopNodesAuto && pid == 1
}

// NodeKind is what an agent starts as nodes.
type NodeKind string

// The kinds of nodes.
const (
	NodeAuto     NodeKind = "auto" // Zeek where it is installed, else embedded ones
	NodeZeek     NodeKind = "zeek"
	NodeEmbedded NodeKind = "embedded"
)

// Auto stands for what suits the version of Zeek.
const Auto = "auto"

// Zeek is how an agent launches Zeek processes.
type Zeek struct {
	Kind NodeKind
	// Path is the executable, a bare name to be found in PATH, or empty: the one
	// in PATH or below a common prefix.
	Path string
	// Backend is "broker", "zeromq" or Auto; Transport "broker", "websocket" or
	// Auto; NodeScript "ours" or "upstream".
	Backend, Transport, NodeScript string
	// Args, Prefixes, ScriptPath and PluginPath are passed on to Zeek.
	Args, Prefixes, ScriptPath []string
	PluginPath                 string
	// MetricsAddr and ListenAddr are where nodes serve metrics and listen for
	// each other; invalid: at the node's own address.
	MetricsAddr, ListenAddr netip.Addr
	// XPubPort and XSubPort are the ports of the ZeroMQ proxy.
	XPubPort, XSubPort uint16
	// TLS is what nodes show each other, and the agent where they use Broker:
	// certificates of their own, which the operator shares out.
	TLS TLS
	// SecretFile holds the secret that the hosts of a cluster share.
	SecretFile string
	// Rotation is the time after which logs are rotated.
	Rotation time.Duration
	// MemoryLimit bounds what a node can allocate, in bytes; 0 does not.
	MemoryLimit uint64
}
