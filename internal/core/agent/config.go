package agent

import (
	"cmp"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config is what an agent is told about itself. The zero value of every field
// works, except those of Name and EndpointID.
type Config struct {
	// Name is the name of the agent and of its instance.
	Name mgmt.InstanceName
	// EndpointID is the agent's Broker endpoint ID as text, for its hello.
	EndpointID string
	// Connecting says that the agent dials its controller.
	Connecting bool
	// ListenPort is where the agent listens. As upstream's agent does, it reports
	// the port only if Connecting is false.
	ListenPort mgmt.Port
	// PID is the PID of the agent itself. Zero is not reported.
	PID int64

	// RequestTimeout bounds the answer to every request except deployments and
	// restarts. Zero means 5 s.
	RequestTimeout time.Duration
	// DeployTimeout bounds the answer to a deployment, its preflight included. The
	// deployment itself goes on after the answer. A controller that has prepared
	// the deployment has said how long it waits, and that counts instead. For any
	// other controller, DeployTimeout and the time in which the controller gathers
	// its agents must together stay below the controller's own bound. Zero means 14 s.
	DeployTimeout time.Duration
	// RestartTimeout bounds the answer to a restart. The restart itself goes on
	// after the answer. It must stay below the controller's bound. Zero means 2 s more than DeployTimeout.
	RestartTimeout time.Duration
	// UpstreamTimeout bounds the answers to deployments and restarts that a
	// controller of upstream asks for (PeerAdded.Fleet is false). That controller
	// gives up after 10 s. Zero means 8.5 s.
	UpstreamTimeout time.Duration

	// MaxPatience bounds the time that a controller may say it waits for a
	// deployment. Zero means 10 min.
	MaxPatience time.Duration
	// FetchTimeout bounds the time for which requests wait for bundles that arrive, beside
	// the time that they have without bundles. Zero means 30 min.
	FetchTimeout time.Duration
	// TermRetry is the time after which the agent tries again to save the term of a controller.
	// Zero means 1 s.
	TermRetry time.Duration
	// PreparedFor is how long a preparation counts. A deployment that follows in
	// that time has no preflight of its own. Zero means 30 s.
	PreparedFor time.Duration

	// Preflight says whether a deployment has a preflight: before anything is
	// saved, stopped or started, it finds out whether the nodes could start. With
	// PreflightOn a preflight takes at most half of the time until the answer is
	// due, with PreflightStrict all of it. Zero means PreflightOff.
	Preflight PreflightMode

	// MaxStarting bounds how many nodes of a rollout start at the same time. A node
	// starts until it is up, but no longer than StartGate. Zero means 8.
	MaxStarting int
	// StartGate is how long a node that is not up counts as starting. If all nodes
	// take longer, MaxStarting more are started each StartGate. Zero means 1 s.
	StartGate time.Duration
	// StopGate is how long a process that is to end may hold up others: the next
	// tier of the stop order (worker, proxy, manager, logger), and the starts that
	// need its ports or its interface. Zero means 3 s.
	StopGate time.Duration
	// StartDeadline is how long after its start a node is reported as still
	// starting, by role. The node runs on. A role without one has 60 s.
	StartDeadline map[mgmt.ClusterRole]time.Duration
	// Backoff says when a node that ended by itself is started again.
	Backoff Backoff

	// LayoutUse says how Zeek nodes use the layout of their cluster. Zero means
	// mgmt.WholeLayout: any change of the layout restarts all nodes.
	LayoutUse mgmt.LayoutUse
	// BackendWhy says who has chosen the cluster backend that LayoutUse belongs to, such as
	// "Zeek 9.0's default backend is ZeroMQ". Nodes that were deployed with another one keep
	// it until a user deploys.
	BackendWhy string
	// LastBackend is the cluster backend with which nodes were launched last, also before a
	// reboot of the host. It counts like that of nodes that run. Empty means that nobody
	// knows it.
	LastBackend mgmt.Backend

	// Permits says which settings of nodes that can run any command on this host
	// are allowed.
	Permits mgmt.Permits
	// MaxNodes bounds the nodes of this instance. A configuration with more nodes
	// is refused. Zero means 500.
	MaxNodes int
	// MaxRequests bounds the requests in flight. Further requests are refused. Zero
	// means 1000.
	MaxRequests int
	// MaxDispatches bounds the dispatches that a node may announce, and
	// MaxDispatchBytes the name of each. The agent does not keep the others, and
	// answers that the node does not know them. Zero means 100 each.
	MaxDispatches    int
	MaxDispatchBytes int
	// OutputLines and OutputBytes bound the last lines that are reported of each
	// output of a failed node. Zero means 100 lines and 16 KiB.
	OutputLines int
	OutputBytes int
}

// PreflightMode says what the outcome of a preflight means for the deployment.
type PreflightMode int

// The modes.
const (
	// PreflightOff: there is no preflight.
	PreflightOff PreflightMode = iota
	// PreflightOn: a finding refuses the deployment. If the preflight does not
	// finish in time, the deployment goes on, and says so.
	PreflightOn
	// PreflightStrict: a finding refuses the deployment, and so does a preflight
	// that does not finish in time.
	PreflightStrict
)

// Backoff says when a node that ended by itself is started again.
type Backoff struct {
	// First is the time from the first end to the next start. The delay doubles
	// after every third failure. Zero means 1 s.
	First time.Duration
	// Max bounds the delay. Zero means 60 s.
	Max time.Duration
	// Jitter is the largest fraction of a delay that chance adds or takes away.
	// Zero means 0.1. A negative value means no jitter.
	Jitter float64
	// Reset forgets the earlier failures of a node whose process lived at least
	// this long. Zero means 30 s.
	Reset time.Duration
	// GiveUp is the number of failures in a row that makes a node FAILED. Zero
	// means 10.
	GiveUp int
	// Retry is how often a FAILED node is tried again. Zero means 5 min.
	Retry time.Duration
}

// WithDefaults returns c with defaults in place of zero values.
func (c Config) WithDefaults() Config {
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 5*time.Second)
	c.DeployTimeout = cmp.Or(c.DeployTimeout, 14*time.Second)
	c.RestartTimeout = cmp.Or(c.RestartTimeout, c.DeployTimeout+2*time.Second)
	c.UpstreamTimeout = cmp.Or(c.UpstreamTimeout, 8500*time.Millisecond)
	c.MaxStarting = cmp.Or(c.MaxStarting, 8)
	c.StartGate = cmp.Or(c.StartGate, time.Second)
	c.StopGate = cmp.Or(c.StopGate, 3*time.Second)
	c.MaxPatience = cmp.Or(c.MaxPatience, 10*time.Minute)
	c.FetchTimeout = cmp.Or(c.FetchTimeout, 30*time.Minute)
	c.TermRetry = cmp.Or(c.TermRetry, time.Second)
	c.PreparedFor = cmp.Or(c.PreparedFor, 30*time.Second)
	c.MaxNodes = cmp.Or(c.MaxNodes, 500)
	c.MaxRequests = cmp.Or(c.MaxRequests, 1000)
	c.MaxDispatches = cmp.Or(c.MaxDispatches, 100)
	c.MaxDispatchBytes = cmp.Or(c.MaxDispatchBytes, 100)
	c.OutputLines = cmp.Or(c.OutputLines, 100)
	c.OutputBytes = cmp.Or(c.OutputBytes, 16<<10)
	c.Backoff = c.Backoff.withDefaults()
	return c
}

func (b Backoff) withDefaults() Backoff {
	b.First = cmp.Or(b.First, time.Second)
	b.Max = cmp.Or(b.Max, time.Minute)
	b.Jitter = cmp.Or(b.Jitter, 0.1)
	b.Reset = cmp.Or(b.Reset, 30*time.Second)
	b.GiveUp = cmp.Or(b.GiveUp, 10)
	b.Retry = cmp.Or(b.Retry, 5*time.Minute)
	return b
}

// StartDeadlineOf returns how long a node of this role may take to come up before
// it is reported.
func (c Config) StartDeadlineOf(role mgmt.ClusterRole) time.Duration {
	return cmp.Or(c.StartDeadline[role], time.Minute)
}
