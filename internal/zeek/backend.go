package zeek

import (
	"fmt"
	"slices"
	"strings"
)

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
	// AgentNone: the node and its agent cannot speak with each other. Nobody can choose
	// it. ChosenAgentProtocol returns it where nothing else is left.
	AgentNone AgentProtocol = "none"
)

// DefaultBackend returns the backend of a cluster whose site and configuration choose
// none: Broker up to Zeek 8.2, and ZeroMQ from 9.0 on. Upstream has no default from 8.1
// on; ZeekControl and Zeek's own units for systemd load ZeroMQ. A Zeek that lacks the
// default uses the other one.
func (in Install) DefaultBackend() Backend {
	first, second := Broker, ZeroMQ
	if in.Version.AtLeast(9, 0) {
		first, second = ZeroMQ, Broker
	}
	if !in.Has(first) && in.Has(second) {
		return second
	}
	return first
}

// Has tells whether this Zeek has the backend. If Zeek was not asked, its version counts.
func (in Install) Has(b Backend) bool {
	if in.Backends != nil {
		return slices.Contains(in.Backends, b)
	}
	return b == Broker || b == ZeroMQ && in.Version.AtLeast(7, 1)
}

// checkBackend returns an error if nodes of this Zeek cannot use the backend.
func (in Install) checkBackend(b Backend) error {
	if _, err := b.script(in.Version); err != nil || in.Has(b) {
		return err
	}
	return fmt.Errorf("%s was built without the cluster backend %q: `%s` lists %s; install a Zeek that has it, or choose another backend for the whole cluster",
		in.Path, string(b), strings.Join(PluginsArgv(in.Path), " "), in.backendList())
}

// backendList names the backends of a Zeek that was asked.
func (in Install) backendList() string {
	var names []string
	for _, b := range in.Backends {
		names = append(names, string(b))
	}
	if names == nil {
		return "none"
	}
	return strings.Join(names, " and ")
}

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

// check returns an error if nodes of this Zeek cannot use the protocol.
func (t AgentProtocol) check(in Install) error {
	v := in.Version
	switch {
	case t == AgentBroker && !in.Has(Broker):
		return fmt.Errorf("%s was built without Broker, which the node transport %q needs: set zeek.transport to %q", in.Path, AgentBroker, AgentWebSocket)
	case t == AgentNone:
		return nil
	case t == AgentBroker || t == AgentWebSocket && v.AtLeast(8, 0):
		return nil
	case t == AgentWebSocket:
		return fmt.Errorf("zeek %s cannot serve its agent over WebSocket: that takes Zeek 8.0 or later", v)
	}
	return fmt.Errorf("unknown node transport %.40q: it is %q or %q", string(t), AgentBroker, AgentWebSocket)
}
