package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// agentEvents are the events of the Agent API (spec management-api 3.2).
var agentEvents = []event{
	request(
		func(f *fields) mgmt.AgentDeployRequest {
			return mgmt.AgentDeployRequest{ReqID: f.reqID(), Config: f.configuration("config"), Force: f.boolOr("force", false)}
		},
		func(m mgmt.AgentDeployRequest) []zval.Value {
			return list(stringValue(m.ReqID), configurationValue(m.Config), zval.Bool(m.Force))
		}),
	response(
		func(f *fields) mgmt.AgentDeployResponse {
			return mgmt.AgentDeployResponse{ReqID: f.reqID(), Results: f.results(outputsData)}
		},
		func(m mgmt.AgentDeployResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultsValue(m.Results))
		}),
	request(
		func(f *fields) mgmt.AgentGetNodesRequest { return mgmt.AgentGetNodesRequest{ReqID: f.reqID()} },
		func(m mgmt.AgentGetNodesRequest) []zval.Value { return list(stringValue(m.ReqID)) }),
	response(
		func(f *fields) mgmt.AgentGetNodesResponse {
			return mgmt.AgentGetNodesResponse{ReqID: f.reqID(), Result: f.result(statusesData)}
		},
		func(m mgmt.AgentGetNodesResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultValue(m.Result))
		}),
	request(
		func(f *fields) mgmt.AgentDispatchRequest {
			return mgmt.AgentDispatchRequest{ReqID: f.reqID(), Action: f.strings("action"), Nodes: f.nodeNames("nodes")}
		},
		func(m mgmt.AgentDispatchRequest) []zval.Value {
			return list(stringValue(m.ReqID), vectorValue(m.Action, zval.String), setValue(m.Nodes, stringValue))
		}),
	response(
		func(f *fields) mgmt.AgentDispatchResponse {
			return mgmt.AgentDispatchResponse{ReqID: f.reqID(), Results: f.results(textData)}
		},
		func(m mgmt.AgentDispatchResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultsValue(m.Results))
		}),
	request(
		func(f *fields) mgmt.AgentWelcomeRequest { return mgmt.AgentWelcomeRequest{ReqID: f.reqID()} },
		func(m mgmt.AgentWelcomeRequest) []zval.Value { return list(stringValue(m.ReqID)) }),
	response(
		func(f *fields) mgmt.AgentWelcomeResponse {
			return mgmt.AgentWelcomeResponse{ReqID: f.reqID(), Result: f.result(noData)}
		},
		func(m mgmt.AgentWelcomeResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultValue(m.Result))
		}),
	request(
		func(f *fields) mgmt.AgentStandbyRequest { return mgmt.AgentStandbyRequest{ReqID: f.reqID()} },
		func(m mgmt.AgentStandbyRequest) []zval.Value { return list(stringValue(m.ReqID)) }),
	response(
		func(f *fields) mgmt.AgentStandbyResponse {
			return mgmt.AgentStandbyResponse{ReqID: f.reqID(), Result: f.result(noData)}
		},
		func(m mgmt.AgentStandbyResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultValue(m.Result))
		}),
	request(
		func(f *fields) mgmt.AgentRestartRequest {
			return mgmt.AgentRestartRequest{ReqID: f.reqID(), Nodes: f.nodeNames("nodes")}
		},
		func(m mgmt.AgentRestartRequest) []zval.Value {
			return list(stringValue(m.ReqID), setValue(m.Nodes, stringValue))
		}),
	response(
		func(f *fields) mgmt.AgentRestartResponse {
			return mgmt.AgentRestartResponse{ReqID: f.reqID(), Results: f.results(noData)}
		},
		func(m mgmt.AgentRestartResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultsValue(m.Results))
		}),

	message(mgmt.AgentAPI+"notify_agent_hello",
		func(f *fields) mgmt.NotifyAgentHello {
			return mgmt.NotifyAgentHello{
				Instance: f.instanceName("instance"), ID: f.str("id"),
				Connecting: f.boolean("connecting"), APIVersion: f.count("api_version"),
			}
		},
		func(m mgmt.NotifyAgentHello) []zval.Value {
			return list(stringValue(m.Instance), zval.String(m.ID), zval.Bool(m.Connecting), zval.Count(m.APIVersion))
		}),
	message(mgmt.AgentAPI+"notify_change",
		func(f *fields) mgmt.NotifyChange {
			return mgmt.NotifyChange{
				Instance: f.instanceName("instance"), Node: field(f, "n", readNode),
				Old: states.decode(f, "old"), New: states.decode(f, "new"),
			}
		},
		func(m mgmt.NotifyChange) []zval.Value {
			return list(stringValue(m.Instance), nodeValue(m.Node), stateValue(m.Old), stateValue(m.New))
		}),
	message(mgmt.AgentAPI+"notify_error",
		func(f *fields) mgmt.NotifyError {
			return mgmt.NotifyError{Instance: f.instanceName("instance"), Msg: f.str("msg"), Node: f.nodeNameOr("node", "")}
		},
		func(m mgmt.NotifyError) []zval.Value {
			return list(stringValue(m.Instance), zval.String(m.Msg), stringValue(m.Node))
		}),
	message(mgmt.AgentAPI+"notify_log",
		func(f *fields) mgmt.NotifyLog {
			return mgmt.NotifyLog{Instance: f.instanceName("instance"), Msg: f.str("msg"), Node: f.nodeNameOr("node", "")}
		},
		func(m mgmt.NotifyLog) []zval.Value {
			return list(stringValue(m.Instance), zval.String(m.Msg), stringValue(m.Node))
		}),
}
