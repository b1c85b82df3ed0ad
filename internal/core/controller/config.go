package controller

import (
	"cmp"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Config is what a controller is told about itself. The zero value of every
// field works.
type Config struct {
	// Rules judges configurations and assigns ports. It says which ports the
	// controller uses, which ports are assigned, and how large a configuration may be.
	// Its Agents are ignored, because the machine knows its agents. The zero value
	// assigns nothing.
	Rules mgmt.Rules
	// PID is the controller's own PID. If it is zero, get-nodes does not list the
	// controller.
	PID int64
	// ShownPort is the port that get-nodes shows for the controller. Zeek shows the
	// port of its agent there (spec management-api 7.2, G-A21). Zero means the port of
	// Rules.Controller.
	ShownPort mgmt.Port

	// RequestTimeout bounds every request except deployments and restarts. It also
	// bounds an agent's answer to a welcome or a standby. Zero means 10 s.
	RequestTimeout time.Duration
	// DeployTimeout bounds a deployment, RestartTimeout a restart. Clients must wait
	// longer (zeek-client gives up after 20 s). Agents must answer earlier. Zero means
	// 18 s for a deployment, and the value of DeployTimeout for a restart.
	DeployTimeout, RestartTimeout time.Duration
	// MaxDeployTimeout takes the place of DeployTimeout if the client says how long it
	// waits. Zero means 10 min.
	MaxDeployTimeout time.Duration
	// DeployReserve is the part of a deployment's time that remains when the
	// deployment has waited in vain for instances that are not connected. It is at
	// most half of the time. Zero means 8 s.
	DeployReserve time.Duration
	// ReadyGrace is how long an internal or a partial deployment waits for instances
	// that are not connected, before it goes on without them. It is at most half of
	// DeployTimeout. Zero means 3 s.
	ReadyGrace time.Duration
	// RetryDelay is the pause after an agent has not accepted a deployment, a welcome
	// or a standby, and after a save has failed. The pause doubles with every attempt,
	// up to MaxRetryDelay. Zero means 2 s and 1 min.
	RetryDelay, MaxRetryDelay time.Duration
	// FetchTimeout bounds how much longer the controller waits for an agent that fetches
	// bundles. Zero means 30 min.
	FetchTimeout time.Duration
	// StepTimeout is how long an operation waits for the nodes that it has restarted,
	// started or stopped. Agents answer earlier: a node that is still starting then is
	// waited for. Zero means 2 min.
	StepTimeout time.Duration
	// PIDDelay is how long after a node has come up the controller asks its agent for PIDs,
	// so that one request serves all nodes that come up together. Agents of Zeek are not
	// asked. Zero means 500 ms.
	PIDDelay time.Duration
	// LeaveTimeout is how long the controller dials an instance that has left the
	// cluster, to tell it so. Zero means 24 h.
	LeaveTimeout time.Duration

	// History is how many predecessors of the deployed revision are described. If there
	// are more, the oldest is forgotten. Zero means 10,000. A negative number means none.
	History int
	// Contents is how many of them have their configurations kept. If there are more, the
	// oldest configuration is deleted, and its description stays. Zero means 1,000. A
	// negative number means none.
	Contents int
	// HistoryBytes bounds the stored size of all these configurations together. If they
	// are larger, the oldest are deleted. A configuration that is larger by itself is
	// not kept. Zero means 64 MiB: more than 20 configurations of 10,000 nodes.
	HistoryBytes int

	// RevertSettle is how long all nodes of a deployment that may be taken back must be up
	// until they count as up. RevertGrace is how long a controller that has started waits
	// for its agents before it goes on with a deployment of its earlier life, or takes it
	// back. MaxRevertAfter
	// bounds ChangeRequest.RevertAfter. Zero means 5 s, 20 s and 24 h.
	RevertSettle, RevertGrace, MaxRevertAfter time.Duration

	// Operations is how many operations are kept, and OperationBytes bounds about how much
	// memory they take. If there are more, the oldest that have ended are forgotten. Zero
	// means 200, and 64 MiB.
	Operations, OperationBytes int

	Limits Limits
}

// Limits bounds what the controller keeps and sends. It refuses what exceeds a
// limit with an error that names the limit.
type Limits struct {
	// Nodes bounds the nodes that one request names, and those that one instance
	// reports. Zero means 20,000.
	Nodes int
	// Requests bounds the requests in flight, and ClientRequests those of one client.
	// When Requests are in flight, a client may still make a request if it has none,
	// or less than its share. So no client keeps another out. Zero means 1,000 and
	// 100.
	Requests, ClientRequests int
	// ReqIDBytes bounds a client's request ID. Zero means 1,024.
	ReqIDBytes int
	// Peers bounds the native peers that the controller listens to. An agent beyond
	// this bound stays unknown. Zero means 20,000.
	Peers int
	// Observed bounds the node states that are kept for Snapshot, of all instances
	// together. The states of an instance that exceeds the bound are not kept, and
	// Snapshot shows its nodes as UNKNOWN. Zero means 50,000.
	Observed int
	// Leaving bounds State.Leaving. If there are more, the controller gives up the
	// oldest. Zero means 1,000.
	Leaving int
	// Results bounds the results of one response. One failure that says so replaces
	// the further results. Zero means 25,000.
	Results int
	// Operating bounds the operations that stop, start, pause, resume or restart nodes and
	// that run. Zero means 100.
	Operating int
	// NoteBytes bounds what a user may say about a change. Zero means 1,000.
	NoteBytes int
	// ActionWords bounds the name and the arguments of an action that nodes are asked for,
	// and ActionBytes all of them together. Zero means 100 and 64 KiB.
	ActionWords, ActionBytes int
	// StepOutputs bounds the bytes of what nodes printed in the steps of one operation.
	// Further outputs are left out. Zero means 1 MiB.
	StepOutputs int
	// StepText bounds the reason of a step, its error, the error of an operation, and any other
	// reason that an agent gives for a failure, in bytes: agents write them. The rest is cut
	// off. Zero means 2,000.
	StepText int
	// PlanText bounds each reason and each finding in an agent's plan in the same way, and
	// PlanReasons the reasons for a node. Zero means 2,000 and 100.
	PlanText, PlanReasons int
}

// WithDefaults returns c with defaults in place of zero values.
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
	c.FetchTimeout = cmp.Or(c.FetchTimeout, 30*time.Minute)
	c.StepTimeout = cmp.Or(c.StepTimeout, 2*time.Minute)
	c.PIDDelay = cmp.Or(c.PIDDelay, 500*time.Millisecond)
	c.LeaveTimeout = cmp.Or(c.LeaveTimeout, 24*time.Hour)
	c.History = max(cmp.Or(c.History, 10_000), 0)
	c.Contents = max(cmp.Or(c.Contents, 1000), 0)
	c.HistoryBytes = cmp.Or(c.HistoryBytes, 64<<20)
	c.RevertSettle = cmp.Or(c.RevertSettle, 5*time.Second)
	c.RevertGrace = cmp.Or(c.RevertGrace, 20*time.Second)
	c.MaxRevertAfter = cmp.Or(c.MaxRevertAfter, 24*time.Hour)
	c.Operations = cmp.Or(c.Operations, 200)
	c.OperationBytes = cmp.Or(c.OperationBytes, 64<<20)
	c.Limits = c.Limits.withDefaults()
	return c
}

// timeout returns how long a client's request of this class may take. Zero means
// that the request has no deadline of its own.
func (c Config) timeout(class mgmt.DeadlineClass) time.Duration {
	switch class {
	case mgmt.DeadlineDeploy:
		return 0
	case mgmt.DeadlineRestart:
		return c.RestartTimeout
	}
	return c.RequestTimeout
}

// retryDelay returns the pause before the next attempt, after this number of
// earlier attempts.
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
	l.Peers = cmp.Or(l.Peers, 20_000)
	l.Observed = cmp.Or(l.Observed, 50_000)
	l.Leaving = cmp.Or(l.Leaving, 1000)
	l.Results = cmp.Or(l.Results, 25_000)
	l.Operating = cmp.Or(l.Operating, 100)
	l.NoteBytes = cmp.Or(l.NoteBytes, 1000)
	l.ActionWords = cmp.Or(l.ActionWords, 100)
	l.ActionBytes = cmp.Or(l.ActionBytes, 64<<10)
	l.StepOutputs = cmp.Or(l.StepOutputs, 1<<20)
	l.StepText = cmp.Or(l.StepText, 2000)
	l.PlanText = cmp.Or(l.PlanText, 2000)
	l.PlanReasons = cmp.Or(l.PlanReasons, 100)
	return l
}
