package mgmt

import (
	"fmt"
	"reflect"
	"strings"
)

// Request is a message that its receiver answers with a Response.
type Request interface {
	Message
	// RequestID returns the ID that the response repeats.
	RequestID() ReqID
	// Answer returns the response to this request that carries id and results. A
	// response with one result takes the first, and there must be one.
	Answer(id ReqID, results ...Result) Response
}

// Response is the answer to a Request.
type Response interface {
	Message
	// RequestID returns the ID of the request that this response answers.
	RequestID() ReqID
	// Outcomes returns the results that this response carries.
	Outcomes() []Result
}

// AsRequest returns msg as a request that must be answered. It returns false for
// any other message, and for a TestTimeoutRequest without state: Zeek's controller
// never answers that one (spec management-api 6.16).
func AsRequest(msg Message) (Request, bool) {
	if test, ok := msg.(TestTimeoutRequest); ok && !test.WithState {
		return nil, false
	}
	req, ok := msg.(Request)
	return req, ok
}

// RequestKind is what all requests of one type have in common.
type RequestKind struct {
	// Event is the name of the event that carries the request.
	Event string
	// May is the lowest role of a user who may make the request.
	May UserRole
	// Deadline says which of the receiver's timeouts bounds the request.
	Deadline DeadlineClass
	// FanOut says whom the receiver asks before it answers.
	FanOut FanOut
	// Local says that no event carries the request: it is made over the HTTP API. Event
	// gives it its name alone.
	Local bool
}

// requestKinds is the table of all requests: one row for each type.
var requestKinds = []struct {
	Request
	RequestKind
}{
	// Clients ask the controller.
	{GetInstancesRequest{}, RequestKind{ControllerAPI + "get_instances_request", Viewer, DeadlineRequest, FanOutNone, false}},
	{StageConfigurationRequest{}, RequestKind{ControllerAPI + "stage_configuration_request", Operator, DeadlineRequest, FanOutNone, false}},
	{GetConfigurationRequest{}, RequestKind{ControllerAPI + "get_configuration_request", Viewer, DeadlineRequest, FanOutNone, false}},
	{DeployRequest{}, RequestKind{ControllerAPI + "deploy_request", Operator, DeadlineDeploy, FanOutInstances, false}},
	{StagedDeployRequest{}, RequestKind{FleetControllerAPI + "deploy_request", Operator, DeadlineDeploy, FanOutInstances, false}},
	{GetNodesRequest{}, RequestKind{ControllerAPI + "get_nodes_request", Viewer, DeadlineRequest, FanOutInstances, false}},
	{GetIDValueRequest{}, RequestKind{ControllerAPI + "get_id_value_request", Viewer, DeadlineRequest, FanOutNodes, false}},
	{RestartRequest{}, RequestKind{ControllerAPI + "restart_request", Operator, DeadlineRestart, FanOutNodes, false}},
	{GetHistoryRequest{}, RequestKind{FleetControllerAPI + "get_history_request", Viewer, DeadlineRequest, FanOutNone, false}},
	{TestTimeoutRequest{}, RequestKind{ControllerAPI + "test_timeout_request", Viewer, DeadlineRequest, FanOutNone, false}},
	{PlanRequest{}, RequestKind{FleetControllerAPI + "plan_request", Operator, DeadlineDeploy, FanOutInstances, true}},
	{ChangeRequest{}, RequestKind{FleetControllerAPI + "change_request", Operator, DeadlineRequest, FanOutNone, true}},
	{OperateRequest{}, RequestKind{FleetControllerAPI + "operate_request", Operator, DeadlineRequest, FanOutNone, true}},
	{DispatchRequest{}, RequestKind{FleetControllerAPI + "dispatch_request", Operator, DeadlineRequest, FanOutNodes, true}},

	// The controller asks an agent.
	{AgentDeployRequest{}, RequestKind{AgentAPI + "deploy_request", NoUser, DeadlineDeploy, FanOutNone, false}},
	{AgentPrepareRequest{}, RequestKind{FleetAgentAPI + "prepare_request", NoUser, DeadlineStated, FanOutNone, false}},
	{AgentPlanRequest{}, RequestKind{FleetAgentAPI + "plan_request", NoUser, DeadlineStated, FanOutNone, false}},
	{AgentSteerRequest{}, RequestKind{FleetAgentAPI + "steer_request", NoUser, DeadlineRestart, FanOutNone, false}},
	{AgentGetNodesRequest{}, RequestKind{AgentAPI + "get_nodes_request", NoUser, DeadlineRequest, FanOutNone, false}},
	{AgentDispatchRequest{}, RequestKind{AgentAPI + "node_dispatch_request", NoUser, DeadlineRequest, FanOutNodes, false}},
	{AgentWelcomeRequest{}, RequestKind{AgentAPI + "agent_welcome_request", NoUser, DeadlineRequest, FanOutNone, false}},
	{AgentStandbyRequest{}, RequestKind{AgentAPI + "agent_standby_request", NoUser, DeadlineRequest, FanOutNone, false}},
	{AgentRestartRequest{}, RequestKind{AgentAPI + "restart_request", NoUser, DeadlineRestart, FanOutNone, false}},

	// An agent asks its nodes.
	{NodeDispatchRequest{}, RequestKind{NodeAPI + "node_dispatch_request", NoUser, DeadlineNone, FanOutNone, false}},
}

// Requests returns an empty request of each type, in the order of the table.
func Requests() []Request {
	var all []Request
	for _, row := range requestKinds {
		all = append(all, row.Request)
	}
	return all
}

// KindOf returns the table's row of a request.
func KindOf(req Request) RequestKind {
	kind, ok := kindsByType[reflect.TypeOf(req)]
	if !ok {
		panic(fmt.Sprintf("mgmt: the table of requests has no row for %T", req))
	}
	return kind
}

// KindAnswered returns the kind of the request that a response answers. If a type
// of response answers two types of requests, it returns the first in the table.
func KindAnswered(resp Response) RequestKind {
	kind, ok := kindsByType[reflect.TypeOf(resp)]
	if !ok {
		panic(fmt.Sprintf("mgmt: the table of requests has no row that %T answers", resp))
	}
	return kind
}

// KindOfEvent returns the kind of the requests that travel as this event. It
// returns false if the event is no request.
func KindOfEvent(event string) (RequestKind, bool) {
	kind, ok := kindsByEvent[event]
	return kind, ok
}

var kindsByType, kindsByEvent = indexKinds()

func indexKinds() (map[reflect.Type]RequestKind, map[string]RequestKind) {
	byType, byEvent := map[reflect.Type]RequestKind{}, map[string]RequestKind{}
	for _, row := range requestKinds {
		byType[reflect.TypeOf(row.Request)] = row.RequestKind
		if !row.Local {
			byEvent[row.Event] = row.RequestKind
		}
		response := reflect.TypeOf(row.Answer("", Result{}))
		if _, known := byType[response]; !known {
			byType[response] = row.RequestKind
		}
	}
	return byType, byEvent
}

// ResponseEvent returns the name of the event that carries the response to a
// request of this kind.
func (k RequestKind) ResponseEvent() string {
	return strings.TrimSuffix(k.Event, "_request") + "_response"
}

// Name returns what people call a request of this kind, for example "get_nodes".
func (k RequestKind) Name() string {
	name := k.Event[strings.LastIndex(k.Event, ":")+1:]
	name = strings.TrimSuffix(name, "_request")
	return strings.TrimPrefix(strings.TrimPrefix(name, "agent_"), "node_")
}

// DeadlineClass says which timeout bounds a request at its receiver.
type DeadlineClass int

const (
	// DeadlineNone: the receiver sets no deadline. The asker does.
	DeadlineNone DeadlineClass = iota
	// DeadlineRequest: the receiver's RequestTimeout.
	DeadlineRequest
	// DeadlineRestart: the receiver's RestartTimeout.
	DeadlineRestart
	// DeadlineDeploy: the receiver's DeployTimeout, unless the request states
	// another time.
	DeadlineDeploy
	// DeadlineStated: the request states the time.
	DeadlineStated
)

// FanOut says whom the receiver of a request asks before it answers.
type FanOut int

const (
	// FanOutNone: nobody.
	FanOutNone FanOut = iota
	// FanOutInstances: the agents of the instances that the request concerns.
	FanOutInstances
	// FanOutNodes: the nodes that the request names, or all nodes. The controller
	// asks them through their agents.
	FanOutNodes
)
