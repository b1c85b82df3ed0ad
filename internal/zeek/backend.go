package zeek

import "fmt"

// Backend is the protocol that the nodes of a cluster speak with each other.
type Backend string

// The backends.
const (
	Broker Backend = "broker"
	ZeroMQ Backend = "zeromq" // from Zeek 7.1
)

// AgentProtocol is the protocol that a node and its agent speak with each other.
type AgentProtocol string

const (
	// AgentBroker: the node peers with its agent. Zeek must have Broker built in.
	AgentBroker AgentProtocol = "broker"
	// AgentWebSocket: the agent is a client of the node's WebSocket server.
	// From Zeek 8.0.
	AgentWebSocket AgentProtocol = "websocket"
)

// DefaultBackend returns the backend of a cluster whose site chooses none: Broker
// in every version. Upstream's default is Broker up to 8.0. From 8.1 on upstream
// has no default, but the scripts of the Management framework still load Broker.
// With one default for all versions a cluster keeps its ports and addresses when
// Zeek is upgraded.
func DefaultBackend(Version) Backend { return Broker }

// DefaultAgentProtocol returns the protocol of nodes whose site chooses none:
// Broker up to Zeek 8.0, WebSocket from 8.1 on.
func DefaultAgentProtocol(v Version) AgentProtocol {
	if v.AtLeast(8, 1) {
		return AgentWebSocket
	}
	return AgentBroker
}

// script returns the script that makes a node use the backend. It is "" where
// Zeek uses the backend without a script (spec zeek-launch 2.1).
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

// check returns an error if nodes of version v cannot use the protocol.
func (t AgentProtocol) check(v Version) error {
	switch {
	case t == AgentBroker || t == AgentWebSocket && v.AtLeast(8, 0):
		return nil
	case t == AgentWebSocket:
		return fmt.Errorf("zeek %s cannot serve its agent over WebSocket: that takes Zeek 8.0 or later", v)
	}
	return fmt.Errorf("unknown node transport %.40q: it is %q or %q", string(t), AgentBroker, AgentWebSocket)
}
