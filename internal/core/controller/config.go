package controller

import (
	"cmp"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config is what a controller is told about itself. The zero value of every
// field works.
type Config struct {
	// Rules judges configurations and assigns ports: what the controller
	// occupies, which ports are assigned, how large a configuration may be. Its
	// Agents are ignored; the machine knows its own. The zero value assigns
	// nothing.
	Rules mgmt.Rules
	// PID is the controller's own. With zero get-nodes does not list the
	// controller.
	PID int64
	// ShownPort is the controller's port in get-nodes. Zeek shows that of the
	// agent there (spec management-api 7.2, G-A21). Zero means that of
	// Rules.Controller.
	ShownPort mgmt.Port

	// RequestTimeout bounds every request but deployments and restarts, and how
	// long an agent's welcome or standby may take. Zero means 10 s.
	RequestTimeout time.Duration
	// DeployTimeout bounds a deployment, RestartTimeout a restart: nodes take
	// their time to come up. Clients must wait longer (zeek-client gives up
	// after 20 s), agents less long. Zero means 18 s, and for a restart as long as
	// for a deployment.
	DeployTimeout, RestartTimeout time.Duration
	// MaxDeployTimeout bounds the deployment of a client that says how long it
	// waits, in place of DeployTimeout. Zero means 10 min.
	MaxDeployTimeout time.Duration
	// DeployReserve is what remains of a deployment's time when it has waited in
	// vain for instances that are not connected. It is at most half of that time.
	// Zero means 8 s.
	DeployReserve time.Duration
	// ReadyGrace is how long a deployment that goes on without them waits for
	// instances that are not connected: one of the controller's own, and a partial
	// one. It is at most half of DeployTimeout. Zero means 3 s.
	ReadyGrace time.Duration
	// RetryDelay is how long an agent that did not accept a deployment, a welcome
	// or a standby is left alone before the next attempt; it doubles with every
	// attempt up to MaxRetryDelay. So it is with a state that could not be saved.
	// Zero means 2 s and 1 min.
	RetryDelay, MaxRetryDelay time.Duration
	// LeaveTimeout is how long the controller goes on dialing an instance that is
	// no longer part of the cluster, in order to tell it so. Zero means 24 h.
	LeaveTimeout time.Duration

	// History is how many predecessors of the deployed configuration are kept;
	// beyond it the oldest is deleted. Zero means 20, less than zero none.
	History int
	// HistoryBytes bounds the size of these predecessors together, as they are
	// stored; beyond it the oldest are deleted, and one that is larger by itself
	// is not kept. Zero means 64 MiB: more than 20 configurations of 10,000 nodes.
	HistoryBytes int

	Limits Limits
}

// Limits bounds what the controller holds and says. What goes beyond one is
// refused with an error that names it.
type Limits struct {
	// Nodes bounds the nodes that one request names, and those that one instance
	// reports. Zero means 20,000.
	Nodes int
	// Requests bounds the requests in flight, ClientRequests those of one client.
	// A client that has less than its share of Requests, or none in flight, may
	// make one all the same, so that no others can keep it out. Zero means 1,000
	// and 100.
	Requests, ClientRequests int
	// ReqIDBytes bounds a client's request ID. Zero means 1,024.
	ReqIDBytes int
	// Peers bounds the native peers that are listened to; an agent beyond it
	// stays unknown. Zero means 4,000.
	Peers int
	// Observed bounds the node states that are kept for Snapshot, of all instances
	// together. The states of an instance that is beyond it are not kept, and
	// Snapshot shows its nodes as UNKNOWN. Zero means 50,000.
	Observed int
	// Leaving bounds State.Leaving; beyond it the oldest is given up. Zero means
	// 1,000.
	Leaving int
	// Results bounds the results of one response; further ones are replaced by
	// one failure that says so. Zero means 25,000.
	Results int
}

// WithDefaults returns c with what is meant by its zero values.
func (c Config) WithDefaults() Config {
	c.ShownPort = cmp.Or(c.ShownPort, c.Rules.Controller.Broker)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 10*time.Second)
	c.DeployTimeout = cmp.Or(c.DeployTimeout, 18*time.Second)
	c.RestartTimeout = cmp.Or(c.RestartTimeout, c.DeployTimeout)
	c.MaxDeployTimeout = cmp.Or(c.MaxDeployTimeout, 10*time.Minute)
	c.DeployReserve = cmp.Or(c.DeployReserve, 8*time.Second)
	c.ReadyGrace = min(cmp.Or(c.ReadyGrace, 3*time.Second), c.DeployTimeout/2)
	c.RetryDelay = cmp.Or(c.RetryDelay, 2*time.Second)
	c.MaxRetryDelay = max(cmp.Or(c.MaxRetryDelay, time.Minute), c.RetryDelay)
	c.LeaveTimeout = cmp.Or(c.LeaveTimeout, 24*time.Hour)
	c.History = max(cmp.Or(c.History, 20), 0)
	c.HistoryBytes = cmp.Or(c.HistoryBytes, 64<<20)
	c.Limits = c.Limits.withDefaults()
	return c
}

// timeout returns how long a client's request of this class may take. Zero means
// that something else sees to its end.
func (c Config) timeout(class mgmt.DeadlineClass) time.Duration {
	switch class {
	case mgmt.DeadlineDeploy:
		return 0
	case mgmt.DeadlineRestart:
		return c.RestartTimeout
	}
	return c.RequestTimeout
}

// retryDelay returns how long to wait after so many attempts, and one more.
func (c Config) retryDelay(attempts int) time.Duration {
	delay := c.RetryDelay
	for range attempts {
		if delay = 2 * delay; delay >= c.MaxRetryDelay {
			break
		}
	}
	return min(delay, c.MaxRetryDelay)
}

func (l Limits) withDefaults() Limits {
	l.Nodes = cmp.Or(l.Nodes, 20_000)
	l.Requests = cmp.Or(l.Requests, 1000)
	l.ClientRequests = cmp.Or(l.ClientRequests, 100)
	l.ReqIDBytes = cmp.Or(l.ReqIDBytes, 1024)
	l.Peers = cmp.Or(l.Peers, 4000)
	l.Observed = cmp.Or(l.Observed, 50_000)
	l.Leaving = cmp.Or(l.Leaving, 1000)
	l.Results = cmp.Or(l.Results, 25_000)
	return l
}
