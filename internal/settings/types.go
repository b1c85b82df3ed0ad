package settings

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/identity"
)

// Controller has the settings of a controller.
type Controller struct {
	Common
	// Name is the name of the controller. It is never empty.
	Name string
	// Directory is the directory of the controller's files. It is below
	// StateDir's "nodes", unless an absolute one was given.
	Directory string
	// Broker is where agents connect; WebSocket is where clients do.
	Broker, WebSocket Listen
	// HostNames are names by which clients may call the controller's host,
	// besides its addresses, its own name and localhost.
	HostNames []string
	// CertificateLife is how long the certificates are valid that the controller signs.
	CertificateLife time.Duration
	// AgentNames have the form NAME=INSTANCE. An agent whose certificate has
	// that name may introduce itself as that instance; * stands for all
	// instances. Any agent may introduce itself by a name in its own
	// certificate.
	AgentNames []string
	// Admit gives identities to single certificates: each is the agent of an instance,
	// whoever has signed it.
	Admit []identity.Pin
	// WebSocketTLS protects WebSocket. Without a certificate clients may speak
	// plain text.
	WebSocketTLS TLS
	// WebSocketVerify demands of each client a certificate that WebSocketTLS.CA
	// has signed.
	WebSocketVerify bool
	// BrokerPorts and MetricsPorts give ports to nodes that have none.
	BrokerPorts, MetricsPorts PortAssignment
	// ShownPort is the port that get-nodes shows for the controller. Zero means
	// the port where agents connect.
	ShownPort uint16
	// RequestTimeout bounds the wait for agents' answers to a request.
	// DeployTimeout bounds it for deployments and restarts.
	RequestTimeout, DeployTimeout time.Duration
	// EventsKeep, EventsDays and EventsMegabytes bound the log of what happens.
	EventsKeep, EventsDays, EventsMegabytes int
	// BundlesMegabytes bounds the content of all bundles on the disk, and BundleMegabytes
	// that of one.
	BundlesMegabytes, BundleMegabytes int
	// MetricsAnonymous lets everybody read metrics.
	MetricsAnonymous bool
	// AuditFile gets a copy of the audit. It is empty for none.
	AuditFile string
	// AuditKeep and AuditDays bound the audit: how many records of changes, and how
	// old.
	AuditKeep, AuditDays int
	// MaxAgents bounds the agents that are connected.
	MaxAgents int
	Alerts    Alerts
	SSO       SSO
	Cluster   Cluster
}

// SSO has the settings of single sign-on. Its fields are those of sso.Config.
type SSO struct {
	// Issuer is the URL of the provider. Empty means that there is no single sign-on.
	Issuer                               string
	ClientID, CLIClientID, SecretFile    string
	RedirectURL, CAFile                  string
	GroupsClaim, NameClaim, SubjectClaim string
	Scopes                               []string
	Roles                                []access.GroupRole
	// Life is how long a login counts.
	Life time.Duration
}

// Agent has the settings of an agent.
type Agent struct {
	Common
	// Name is the name of the instance. It is never empty.
	Name string
	// Directory is the directory of the agent's files. It is below StateDir's
	// "nodes", unless an absolute one was given.
	Directory string
	// Joined is the directory of the agent's credentials. It is empty if the agent has
	// not joined a cluster.
	Joined string
	// Broker is where nodes connect. A controller that dials connects there as
	// well.
	Broker Listen
	// Controller is the host:port of the controller that the agent dials. It is
	// empty if the agent waits for a controller.
	Controller string
	// Controllers are those that the agent dials, Controller first, if the cluster has several.
	Controllers []string
	// ControllerNames are names. A controller's certificate must have one of them. If
	// there are none, the agent accepts any certificate of the controller that it
	// dials, and no certificate of a controller that dials the agent.
	ControllerNames []string
	// Admit gives identities to single certificates: each is a controller's, whoever has
	// signed it.
	Admit []identity.Pin
	// ForeignNodes are names of nodes. A program that the agent has not launched may
	// say hello as one of them.
	ForeignNodes []string
	// AllowOptions and AllowEnv are options and variables that nodes may set
	// although they could run any program. See mgmt.Permits.
	AllowOptions, AllowEnv []string
	// RemovedKeepDays is for how many days the directory of a removed node stays. Zero
	// means for ever.
	RemovedKeepDays int
	// Exec says which commands admins may run on the host.
	Exec Exec
	// AllowCommands are programs that nodes may run in place of Zeek.
	AllowCommands []string
	// AllowBundles are the bundles that nodes may use. See mgmt.Permits.
	AllowBundles []string
	// Bundles bounds the bundles of this host.
	Bundles HostBundles
	// RequestTimeout bounds the wait for nodes' answers to one request;
	// DeployTimeout bounds the answer to a deployment.
	RequestTimeout, DeployTimeout time.Duration
	// StdoutFile and StderrFile are the names of the files for a node's output, in the
	// node's directory. Empty means no file.
	StdoutFile, StderrFile string
	// OutputLines bounds the last lines of each stream that are kept for
	// reports.
	OutputLines int
	// Preflight is the mode of the preflight of a deployment.
	Preflight Preflight
	Lifecycle Lifecycle
	// SpoolDir holds the queue of rotated logs.
	SpoolDir string
	// MetricsListen is where the agent serves its own metrics. Without an address, that is
	// nowhere.
	MetricsListen Listen
	Archive       Archive
	Process       Process
	Zeek          Zeek
}

// Preflight is a mode of preflights.
type Preflight string

// The modes. With PreflightOn and PreflightStrict the agent refuses a deployment if
// the preflight finds a problem. With PreflightStrict it also refuses a deployment if
// a check has not ended in time. With PreflightOff there is no preflight.
const (
	PreflightStrict Preflight = "strict"
	PreflightOn     Preflight = "on"
	PreflightOff    Preflight = "off"
)

// Common has the settings that both daemons have.
type Common struct {
	// StateDir is the root of all files that daemons and nodes write.
	StateDir string
	// ConnectRetry is the pause between attempts to connect to a peer.
	ConnectRetry time.Duration
	// PeerSilence is how long a native peer may leave pings unanswered before it counts
	// as lost.
	PeerSilence time.Duration
	// Insecure allows listeners beyond loopback addresses to which everyone may
	// connect.
	Insecure bool
	// LocalUsers are users of this host, by name or number, and groups with "%" before
	// their name. "=" and a role may follow. Root and the daemon's own user are admins in
	// any case.
	LocalUsers []string
	// Identities give identities to certificates that another authority has signed.
	Identities []identity.Rule
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
	// Port is the port. Zero means that the system picks one.
	Port uint16
	// Off says that the daemon does not listen.
	Off bool
}

// AddrPort returns address and port as one.
func (l Listen) AddrPort() netip.AddrPort { return netip.AddrPortFrom(l.Addr, l.Port) }

// TLS names PEM files: a certificate, its private key, and the authorities that
// are trusted. Cert and Key are both set or both empty.
type TLS struct{ Cert, Key, CA string }

// Transport says how native Broker peerings are protected.
type Transport string

const (
	// TransportAuto encrypts with the certificate, if there is one. Without a
	// certificate, a listener on a loopback address takes plain connections and
	// anonymous TLS. A listener on another address then takes only TLS.
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
	// Agent is a prefix. An agent's topic is this prefix, a slash and the
	// agent's name.
	Agent string
	Node  string
}

// PortAssignment gives out ports, counting up from Start.
type PortAssignment struct {
	Enabled bool
	Start   uint16
}

// HostBundles bounds the bundles of an agent's host. MaxBytes is in bytes, and Rate in bytes
// a second. Zero means the default, and no bound of the rate.
type HostBundles struct{ MaxBytes, Rate uint64 }

// The smallest values of HostBundles that are not zero.
const (
	minHostBundles = 1 << 20
	minBundleRate  = 16 << 10
)
