package daemon

import (
	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// Our parts tell each other that they can do more than upstream's parts. They do
// so by subscriptions to topics on which nothing is ever sent. Upstream's parts
// ignore these subscriptions (docs/decisions/0005).
const (
	// fleetTopics is the prefix of these topics.
	fleetTopics = "zeek/fleet"
	// fleetController is the subscription of a controller of ours.
	fleetController = fleetTopics + "/controller/"
	// fleetPrepares is the subscription of an agent that can be asked whether a
	// deployment is possible (mgmt.AgentPrepareRequest).
	fleetPrepares = fleetTopics + "/agent/prepare/"
	// fleetPlans is the subscription of an agent that says what a deployment would do
	// (mgmt.AgentPlanRequest).
	fleetPlans = fleetTopics + "/agent/plan/"
	// fleetChecks is the subscription of an agent that checks all its nodes if it is asked to
	// (mgmt.AgentPlanRequest.All).
	fleetChecks = fleetTopics + "/agent/preflight/"
	// fleetTells is the subscription of an agent that tells what happens, if it is asked
	// (mgmt.HappeningsWanted).
	fleetTells = fleetTopics + "/agent/happenings/"
	// fleetSteers is the subscription of an agent that can be told which nodes stay
	// stopped, and which are not restarted (mgmt.AgentSteerRequest).
	fleetSteers = fleetTopics + "/agent/steer/"
)

// announced reports whether a peer had announced this topic of ours, as announces does.
func announced(topics bus.Topics, peer bus.Peer, topic string) bool {
	return peer.Kind == bus.Native && topics.Want(topic) && !topics.Want(fleetTopics)
}

// announces reports whether the peer subscribes to this topic of ours. A peer
// that subscribes to a shorter prefix says nothing about itself.
func announces(e *bus.Endpoint, peer bus.Peer, topic string) bool {
	return peer.Kind == bus.Native && e.Wants(peer.ID, topic) && !e.Wants(peer.ID, fleetTopics)
}
