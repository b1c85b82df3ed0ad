package agent

import (
	"cmp"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config is what an agent is told about itself. Apart from Name and EndpointID
// the zero value of every field works.
type Config struct {
	// Name is the agent's, and so its instance's.
	Name mgmt.InstanceName
	// EndpointID is the agent's Broker endpoint ID as text, for its hello.
	EndpointID string
	// Connecting says that the agent dials its controller.
	Connecting bool
	// ListenPort is where the agent listens; it is reported only if Connecting
	// is false, as upstream does.
	ListenPort mgmt.Port
	// PID is the agent's own. Zero is not reported.
	PID int64

	// RequestTimeout bounds every request but deployments and restarts. Zero
	// means 5 s.
	RequestTimeout time.Duration
	// DeployTimeout bounds a deployment's answer, preflight included; the
	// deployment itself goes on. A controller that has asked before says itself how
	// long it waits; for others this, together with the time for which they gather
	// their agents, must stay below their own bound. Zero means 14 s.
	DeployTimeout time.Duration
	// RestartTimeout bounds a restart's answer; the restart itself goes on. It
	// must stay below the controller's bound. Zero means 2 s more than DeployTimeout.
	RestartTimeout time.Duration
	// UpstreamTimeout bounds both answers where the request came from a
	// controller that is not of this program (PeerAdded.Fleet), and so gives up
	// after 10 s. Zero means 8.5 s.
	UpstreamTimeout time.Duration

	// MaxPatience bounds how long a controller can say that it waits for a
	// deployment. Zero means 10 min.
	MaxPatience time.Duration
	// PreparedFor is how long a deployment that the controller has asked about,
	// and that could be, is not looked at again. Zero means 30 s.
	PreparedFor time.Duration

	// Preflight has the nodes that a deployment is to start looked at before
	// anything is stopped, started or saved. With PreflightOn that takes at most
	// half of the time until the answer is due, with PreflightStrict all of it.
	// Zero means PreflightOff.
	Preflight PreflightMode

	// MaxStarting is how many nodes of a rollout start at the same time: those
	// that are not up yet, and were started no longer ago than StartGate. Zero
	// means 8.
	MaxStarting int
	// StartGate is how long a node that is not up counts as starting, and so
	// how often MaxStarting more are started of nodes that take their time. Zero
	// means 1 s.
	StartGate time.Duration
	// StopGate is how long the nodes of one tier of the stop order (worker,
	// proxy, manager, logger) may hold up the next, and the starts that need
	// what they hold. Zero means 3 s.
	StopGate time.Duration
	// StartDeadline is how long after its start a node is reported as still
	// starting, by role; it is left running. A role without one has 60 s.
	StartDeadline map[mgmt.ClusterRole]time.Duration
	// Backoff says when a node that ended by itself is started again.
	Backoff Backoff

	// Permits is what configurations may do on this host that could run anything
	// there.
	Permits mgmt.Permits
	// MaxNodes bounds the nodes of this instance; a configuration with more is
	// refused. Zero means 500.
	MaxNodes int
	// MaxRequests bounds the requests in flight; further ones are refused. Zero
	// means 1000.
	MaxRequests int
	// MaxDispatches bounds the dispatches that a node may announce, and
	// MaxDispatchBytes the name of each; what is beyond is not kept, and so
	// counts as unknown to the node. Zero means 100 each.
	MaxDispatches    int
	MaxDispatchBytes int
	// OutputLines and OutputBytes bound what is reported of each stream of a
	// failed node: its last lines. Zero means 100 lines and 16 KiB.
	OutputLines int
	OutputBytes int
}

// PreflightMode says what a deployment owes to its preflight.
type PreflightMode int

// The modes.
const (
	// PreflightOff starts nodes unseen.
	PreflightOff PreflightMode = iota
	// PreflightOn refuses a deployment for what was found. What was not known
	// in time is nothing found: the deployment goes on, and says so.
	PreflightOn
	// PreflightStrict refuses a deployment also for what was not known in time.
	PreflightStrict
)

// Backoff is the policy for starting nodes again that ended by themselves.
type Backoff struct {
	// First is the delay after the first failure, counted from the exit; it
	// doubles after every third one. Zero means 1 s.
	First time.Duration
	// Max caps the delay. Zero means 60 s.
	Max time.Duration
	// Jitter is the largest fraction of a delay that chance adds to it or takes
	// away from it. Zero means 0.1, less than zero none.
	Jitter float64
	// Reset is how long a process must have lived for the failures before it to
	// be forgotten. Zero means 30 s.
	Reset time.Duration
	// GiveUp is the number of failures in a row that makes a node FAILED. Zero
	// means 10.
	GiveUp int
	// Retry is how often a FAILED node is tried again. Zero means 5 min.
	Retry time.Duration
}

// WithDefaults returns c with what is meant by its zero values.
func (c Config) WithDefaults() Config {
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 5*time.Second)
	c.DeployTimeout = cmp.Or(c.DeployTimeout, 14*time.Second)
	c.RestartTimeout = cmp.Or(c.RestartTimeout, c.DeployTimeout+2*time.Second)
	c.UpstreamTimeout = cmp.Or(c.UpstreamTimeout, 8500*time.Millisecond)
	c.MaxStarting = cmp.Or(c.MaxStarting, 8)
	c.StartGate = cmp.Or(c.StartGate, time.Second)
	c.StopGate = cmp.Or(c.StopGate, 3*time.Second)
	c.MaxPatience = cmp.Or(c.MaxPatience, 10*time.Minute)
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
