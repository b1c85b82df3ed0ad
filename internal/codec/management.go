package codec

import (
	"reflect"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The modules of the events (spec management-api 3).
const (
	controllerAPI     = "Management::Controller::API::"
	agentAPI          = "Management::Agent::API::"
	nodeAPI           = "Management::Node::API::"
	supervisorAPI     = "Management::Supervisor::API::"
	supervisorControl = "SupervisorControl::"
)

// Management returns the registry of all messages of package mgmt.
func Management() *Registry {
	r := &Registry{
		decoders: make(map[string]func(*fields) mgmt.Message),
		encoders: make(map[reflect.Type]encoder),
	}
	registerController(r)
	registerAgent(r)
	registerNode(r)
	registerSupervisor(r)
	registerFleet(r)
	return r
}
