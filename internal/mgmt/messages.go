package mgmt

// Message is one event of the Management framework's APIs, with its typed
// arguments in the order of the event's declaration. Only this package declares
// messages. Each API has its file: messages_controller.go, messages_agent.go,
// messages_node.go. The events that upstream does not have are in
// messages_fleet.go. Package codec encodes and decodes messages.
type Message interface{ isMessage() }

// APIVersion is the version of the Controller and Agent APIs that this program
// speaks.
const APIVersion = 1

// The modules of the APIs. The name of an event begins with the name of its
// module (spec management-api 3).
const (
	ControllerAPI = "Management::Controller::API::"
	AgentAPI      = "Management::Agent::API::"
	NodeAPI       = "Management::Node::API::"
)

// The modules of the events that upstream does not have.
const (
	FleetControllerAPI = "Fleet::Controller::API::"
	FleetAgentAPI      = "Fleet::Agent::API::"
	FleetNodeAPI       = "Fleet::Node::API::"
)

// The default topics of the APIs (spec management-api 1.3). AgentTopics is a
// prefix: a slash and the agent's name follow.
const (
	ControllerTopic = "zeek/management/controller"
	AgentTopics     = "zeek/management/agent"
	NodeTopic       = "zeek/management/node"
)

// The default ports on which the framework's programs listen (spec management-api
// 1.4).
const (
	ControllerPort = 2150 // the controller, for Broker peers
	ClientPort     = 2149 // the controller, for clients
	AgentPort      = 2151 // an agent
)
