package daemon

import "zeekfleet/internal/bus"

// fleetController is a topic on which nothing is ever sent. That a controller
// subscribes to it tells our agents that it is one of ours; upstream's parts
// take no notice (docs/decisions/0005).
const fleetController = "zeek/fleet/controller/"

// isFleetController reports whether the peer is a controller of ours. One that
// subscribes to everything below a shorter prefix says nothing about itself.
func isFleetController(e *bus.Endpoint, peer bus.Peer) bool {
	return peer.Kind == bus.Native && e.Wants(peer.ID, fleetController) && !e.Wants(peer.ID, "zeek/fleet")
}
