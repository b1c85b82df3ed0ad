// Package daemon holds the shells around the cores: what `zeekfleet controller` and
// `zeekfleet agent` run.
//
// A shell owns what its core may not touch: the endpoint on the bus, the store, the
// node processes, the clock and the log. It turns what happens there into the core's
// events, one at a time. It performs the effects that the core returns, in order. It
// decides nothing.
//
// Controller.Run and RunAgent block until their context is done or a part fails. They
// leave nothing running, except an agent's nodes: nodes outlive their agent by design,
// and the agent's next life adopts them. With AgentConfig.StopNodes an agent ends
// together with its nodes.
//
// Package app makes the configs of the shells from settings.
package daemon
