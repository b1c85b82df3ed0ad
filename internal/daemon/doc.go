// Package daemon holds the shells around the cores: the processes that
// `zeekfleet controller` and `zeekfleet agent` are.
//
// A shell owns what its core may not touch: the endpoint on the bus, the store,
// the node processes, the clock and the log. It turns what happens there into
// the core's events, one at a time, and performs the effects that come back, in
// order. It decides nothing.
//
// Controller.Run and RunAgent block until their context is done or a part fails,
// and leave nothing running behind but, for an agent, the nodes: these outlive
// their agent by design, and its next life adopts them. Shutting an agent down
// together with its nodes is asked for by AgentConfig.StopNodes.
package daemon
