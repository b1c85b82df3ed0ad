package controller

import (
	"cmp"
	"net/netip"
	"time"

	"zeekfleet/internal/mgmt"
)

// Config is what a controller is told about itself. Apart from Name the zero
// value of every field works.
type Config struct {
	// Name is the controller's; no node or instance may have it.
	Name string
	// ListenHost is where the controller listens. The zero value means every
	// address.
	ListenHost netip.Addr
	// BrokerPort and WebSocketPort are the controller's own, which nodes of its
	// host cannot have. The zero value means that it does not listen.
	BrokerPort, WebSocketPort mgmt.Port
	// BrokerPorts and MetricsPorts govern the ports of nodes that are configured
	// without them. A zero Start means 2200 and 9000.
	BrokerPorts, MetricsPorts AutoPorts

	// RequestTimeout bounds every request but a deployment, and how long an
	// agent's welcome or standby may take. Zero means 10 s.
	RequestTimeout time.Duration
	// DeployTimeout bounds a deployment. Zero means 10 s.
	DeployTimeout time.Duration
	// ReadyGrace is how long a deployment waits for instances that are not
	// connected before it goes on without them. It is at most half of
	// DeployTimeout. Zero means 3 s.
	ReadyGrace time.Duration
	// RetryDelay is how long an agent that did not accept a deployment, a welcome
	// or a standby is left alone before the next attempt; it doubles with every
	// attempt up to MaxRetryDelay. Zero means 2 s and 1 min.
	RetryDelay, MaxRetryDelay time.Duration
	// LeaveTimeout is how long the controller goes on dialing an instance that is
	// no longer part of the cluster, in order to tell it so. Zero means 24 h.
	LeaveTimeout time.Duration

	// History is how many predecessors of the deployed configuration are kept.
	// Zero means 20, less than zero none.
	History int

	Limits Limits
}

// AutoPorts governs the assignment of one kind of port.
type AutoPorts struct {
	// Off leaves nodes as they are configured.
	Off bool
	// Start is the lowest port that is assigned.
	Start uint16
}

// Limits bounds what the controller holds and says. What goes beyond one is
// refused with an error that names it.
type Limits struct {
	// Instances and Nodes bound one configuration; Nodes also the names in one
	// request. Zero means 1,000 and 10,000.
	Instances, Nodes int
	// Requests bounds the requests in flight, ClientRequests those of one client.
	// Zero means 1,000 and 100.
	Requests, ClientRequests int
	// Peers bounds the native peers that are listened to; an agent beyond it
	// stays unknown. Zero means 4,000.
	Peers int
	// Results bounds the results of one response; further ones are replaced by
	// one failure that says so. Zero means 20,000.
	Results int
}

func (c Config) withDefaults() Config {
	c.BrokerPorts.Start = cmp.Or(c.BrokerPorts.Start, 2200)
	c.MetricsPorts.Start = cmp.Or(c.MetricsPorts.Start, 9000)
	c.RequestTimeout = cmp.Or(c.RequestTimeout, 10*time.Second)
	c.DeployTimeout = cmp.Or(c.DeployTimeout, 10*time.Second)
	c.ReadyGrace = min(cmp.Or(c.ReadyGrace, 3*time.Second), c.DeployTimeout/2)
	c.RetryDelay = cmp.Or(c.RetryDelay, 2*time.Second)
	c.MaxRetryDelay = max(cmp.Or(c.MaxRetryDelay, time.Minute), c.RetryDelay)
	c.LeaveTimeout = cmp.Or(c.LeaveTimeout, 24*time.Hour)
	c.History = max(cmp.Or(c.History, 20), 0)
	c.Limits = c.Limits.withDefaults()
	return c
}

func (l Limits) withDefaults() Limits {
	l.Instances = cmp.Or(l.Instances, 1000)
	l.Nodes = cmp.Or(l.Nodes, 10_000)
	l.Requests = cmp.Or(l.Requests, 1000)
	l.ClientRequests = cmp.Or(l.ClientRequests, 100)
	l.Peers = cmp.Or(l.Peers, 4000)
	l.Results = cmp.Or(l.Results, 20_000)
	return l
}
