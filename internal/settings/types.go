package settings

import (
	"log/slog"
	"net/netip"
	"time"
)

// Controller is what a controller is told.
type Controller struct {
	Common
	// Name is the controller's own; never empty.
	Name string
	// Directory is where the controller keeps its files: below StateDir's
	// "nodes", unless an absolute one was given.
	Directory string
	// Broker is where agents connect; WebSocket is where clients do.
	Broker, WebSocket Listen
	// HostNames are what clients may call the controller's host, besides its
	// addresses, its own name and localhost.
	HostNames []string
	// AgentNames say of a certificate's names as which instances, besides these
	// names themselves, its agent may introduce itself: NAME=INSTANCE, where *
	// stands for all.
	AgentNames []string
	// WebSocketTLS protects WebSocket; plain without a certificate.
	WebSocketTLS TLS
	// WebSocketVerify demands a certificate signed by WebSocketTLS.CA of each
	// client.
	WebSocketVerify bool
	// BrokerPorts and MetricsPorts give ports to nodes that have none.
	BrokerPorts, MetricsPorts PortAssignment
	// ShownPort is the port that get-nodes shows for the controller; 0 is the one
	// where agents connect.
	ShownPort uint16
	// RequestTimeout bounds the wait for agents' answers to one request;
	// DeployTimeout bounds it for deployments and restarts.
	RequestTimeout, DeployTimeout time.Duration
}

// Agent is what an agent is told.
type Agent struct {
	Common
	// Name is the instance's; never empty.
	Name string
	// Directory is where the agent keeps its files: below StateDir's "nodes",
	// unless an absolute one was given.
	Directory string
	// Broker is where nodes connect, and the controller, if it dials.
	Broker Listen
	// Controller is the host:port that the agent dials; empty if it waits to be
	// dialed.
	Controller string
	// ControllerNames are the names of which a controller's certificate must have
	// one. Empty means any, but only of the controller that the agent dials.
	ControllerNames []string
	// ForeignNodes are those as which programs may say hello that the agent has
	// not launched.
	ForeignNodes []string
	// AllowOptions and AllowEnv are what nodes may set although it could run
	// anything; see mgmt.Permits.
	AllowOptions, AllowEnv []string
	// RequestTimeout bounds the wait for nodes' answers to one request;
	// DeployTimeout bounds the answer to a deployment.
	RequestTimeout, DeployTimeout time.Duration
	// StdoutFile and StderrFile are the names of the files in a node's directory
	// that hold what it prints; empty: no file.
	StdoutFile, StderrFile string
	// OutputLines bounds the last lines of each stream that are kept for
	// reports.
	OutputLines int
	// Preflight says what a deployment owes to the look at it before it changes
	// anything.
	Preflight Preflight
	Lifecycle Lifecycle
	// SpoolDir holds the queue of rotated logs.
	SpoolDir string
	Archive  Archive
	Zeek     Zeek
}

// Preflight is a mode of looking at deployments.
type Preflight string

// The modes. Both that look refuse a deployment for what they find;
// PreflightStrict also for what is not known in time.
const (
	PreflightStrict Preflight = "strict"
	PreflightOn     Preflight = "on"
	PreflightOff    Preflight = "off"
)

// Common is what both daemons are told.
type Common struct {
	// StateDir is the root of all files that daemons and nodes write.
	StateDir string
	// ConnectRetry is the pause between attempts to connect to a peer.
	ConnectRetry time.Duration
	// PeerSilence is how long a native peer may say nothing, although it is
	// asked to, before it counts as lost.
	PeerSilence time.Duration
	// Insecure allows listeners beyond loopback addresses that let in whoever
	// connects.
	Insecure bool
	// LocalUsers are the users of this host, by name or number, who may do
	// everything, besides root and the daemon's own.
	LocalUsers []string
	// TLS protects native Broker peerings, in both directions.
	TLS TLS
	// Transport says whether peerings are encrypted.
	Transport Transport
	Topics    Topics
	LogLevel  slog.Level
}

// Listen is where a daemon accepts connections.
type Listen struct {
	Addr netip.Addr
	// Port is the port; 0 is one that the system picks.
	Port uint16
	// Off says not to listen at all.
	Off bool
}

// AddrPort returns address and port as one.
func (l Listen) AddrPort() netip.AddrPort { return netip.AddrPortFrom(l.Addr, l.Port) }

// TLS names the PEM files of one's identity and of the authorities one trusts.
// Cert and Key are both set or both empty.
type TLS struct{ Cert, Key, CA string }

// Transport says how native Broker peerings are protected.
type Transport string

const (
	// TransportAuto encrypts with the certificate if there is one. Without one
	// a listener on a loopback address takes plain connections and anonymous
	// TLS, one elsewhere only TLS.
	TransportAuto Transport = "auto"
	// TransportTLS takes and makes encrypted connections only.
	TransportTLS Transport = "tls"
	// TransportPlain takes and makes plain connections only, as
	// Broker::disable_ssl does.
	TransportPlain Transport = "plain"
)

// Topics are the topics of the Management framework (spec management-api 1.3).
type Topics struct {
	Controller string
	// Agent is a prefix; an agent's topic is this, a slash and its name.
	Agent string
	Node  string
}

// PortAssignment gives out ports, counting up from Start.
type PortAssignment struct {
	Enabled bool
	Start   uint16
}
