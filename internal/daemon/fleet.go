package daemon

import (
	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// What our parts can do beyond upstream's they say by subscribing to topics on
// which nothing is ever sent; upstream's parts take no notice
// (docs/decisions/0005).
const (
	// fleetTopics is what the topics begin with.
	fleetTopics = "zeek/fleet"
	// fleetController says that a controller is one of ours.
	fleetController = fleetTopics + "/controller/"
	// fleetPrepares says that an agent can be asked whether it could deploy
	// something (mgmt.AgentPrepareRequest).
	fleetPrepares = fleetTopics + "/agent/prepare/"
)

// announces reports whether the peer subscribes to this topic of ours. One that
// subscribes to everything below a shorter prefix says nothing about itself.
func announces(e *bus.Endpoint, peer bus.Peer, topic string) bool {
	return peer.Kind == bus.Native && e.Wants(peer.ID, topic) && !e.Wants(peer.ID, fleetTopics)
}
