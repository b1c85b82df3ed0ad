package zeek

import "fmt"

// Backend is what the nodes of a cluster speak with each other.
type Backend string

// The backends.
const (
	Broker Backend = "broker"
	ZeroMQ Backend = "zeromq" // from Zeek 7.1
)

// AgentProtocol is the protocol that a node and its agent speak with each other.
type AgentProtocol string

const (
	// AgentBroker: the node peers with its agent. Needs a Zeek that Broker
	// is built into.
	AgentBroker AgentProtocol = "broker"
	// AgentWebSocket: the agent is a client of the node's WebSocket server.
	// From Zeek 8.0.
	AgentWebSocket AgentProtocol = "websocket"
)

// DefaultBackend returns the backend for those who do not choose: Broker in
// every version. Upstream's default is Broker up to 8.0 and none from 8.1 on,
// where the scripts of the Management framework still load Broker; a cluster
// that was configured for one Zeek then keeps its ports and its addresses with
// the next, and ZeroMQ is for those who ask for it.
func DefaultBackend(Version) Backend { return Broker }

// DefaultAgentProtocol returns the protocol for those who do not choose: Broker up
// to Zeek 8.0, WebSocket from 8.1 on.
func DefaultAgentProtocol(v Version) AgentProtocol {
	if v.AtLeast(8, 1) {
		return AgentWebSocket
	}
	return AgentBroker
}

// script returns what the node is told to load so that it uses the backend, or
// "" where that takes nothing (spec zeek-launch 2.1).
func (b Backend) script(v Version) (string, error) {
	switch {
	case b == Broker && !v.AtLeast(8, 1):
		return "", nil
	case b == Broker:
		return "policy/frameworks/cluster/backend/broker", nil
	case b == ZeroMQ && v.AtLeast(8, 1):
		return "policy/frameworks/cluster/backend/zeromq", nil
	case b == ZeroMQ && v.AtLeast(7, 1):
		return "policy/frameworks/cluster/backend/zeromq/connect", nil
	case b == ZeroMQ:
		return "", fmt.Errorf("zeek %s has no ZeroMQ cluster backend: it takes Zeek 7.1 or later", v)
	}
	return "", fmt.Errorf("unknown cluster backend %.40q: it is %q or %q", string(b), Broker, ZeroMQ)
}

// check returns an error where nodes of version v cannot use the protocol.
func (t AgentProtocol) check(v Version) error {
	switch {
	case t == AgentBroker || t == AgentWebSocket && v.AtLeast(8, 0):
		return nil
	case t == AgentWebSocket:
		return fmt.Errorf("zeek %s cannot serve its agent over WebSocket: that takes Zeek 8.0 or later", v)
	}
	return fmt.Errorf("unknown node transport %.40q: it is %q or %q", string(t), AgentBroker, AgentWebSocket)
}
