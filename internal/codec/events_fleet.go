package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// fleetEvents are the events that are ours.
var fleetEvents = []event{
	request(
		func(f *fields) mgmt.StagedDeployRequest {
			return mgmt.StagedDeployRequest{
				ReqID: f.reqID(), ID: f.str("id"), Partial: f.boolean("partial"), Patience: f.span("patience"),
			}
		},
		func(m mgmt.StagedDeployRequest) []zval.Value {
			return list(stringValue(m.ReqID), zval.String(m.ID), zval.Bool(m.Partial), zval.Span(m.Patience))
		}),
	message(mgmt.FleetControllerAPI+"deploy_progress",
		func(f *fields) mgmt.DeployProgress { return mgmt.DeployProgress{ReqID: f.reqID(), Text: f.str("text")} },
		func(m mgmt.DeployProgress) []zval.Value { return list(stringValue(m.ReqID), zval.String(m.Text)) }),
	request(
		func(f *fields) mgmt.GetHistoryRequest { return mgmt.GetHistoryRequest{ReqID: f.reqID()} },
		func(m mgmt.GetHistoryRequest) []zval.Value { return list(stringValue(m.ReqID)) }),
	response(
		func(f *fields) mgmt.GetHistoryResponse {
			return mgmt.GetHistoryResponse{ReqID: f.reqID(), Result: f.result(textData)}
		},
		func(m mgmt.GetHistoryResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultValue(m.Result))
		}),
	request(
		func(f *fields) mgmt.AgentPrepareRequest {
			return mgmt.AgentPrepareRequest{
				ReqID: f.reqID(), Config: f.configuration("config"), Preflight: f.span("preflight"), Whole: f.span("whole"),
			}
		},
		func(m mgmt.AgentPrepareRequest) []zval.Value {
			return list(stringValue(m.ReqID), configurationValue(m.Config), zval.Span(m.Preflight), zval.Span(m.Whole))
		}),
	response(
		func(f *fields) mgmt.AgentPrepareResponse {
			return mgmt.AgentPrepareResponse{ReqID: f.reqID(), Results: f.results(deployData)}
		},
		func(m mgmt.AgentPrepareResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultsValue(m.Results))
		}),
	request(
		func(f *fields) mgmt.AgentPlanRequest {
			return mgmt.AgentPlanRequest{ReqID: f.reqID(), Config: f.configuration("config"), Preflight: f.span("preflight"), All: f.boolOr("all", false)}
		},
		func(m mgmt.AgentPlanRequest) []zval.Value {
			args := list(stringValue(m.ReqID), configurationValue(m.Config), zval.Span(m.Preflight))
			if m.All { // agents that do not know it refuse another argument
				args = append(args, zval.Bool(true))
			}
			return args
		}),
	response(
		func(f *fields) mgmt.AgentPlanResponse {
			return mgmt.AgentPlanResponse{ReqID: f.reqID(), Result: f.result(textData)}
		},
		func(m mgmt.AgentPlanResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultValue(m.Result))
		}),
	request(
		func(f *fields) mgmt.AgentSteerRequest {
			return mgmt.AgentSteerRequest{ReqID: f.reqID(), Stopped: f.nodeNames("stopped"), Paused: f.nodeNames("paused"), Adds: f.boolean("adds")}
		},
		func(m mgmt.AgentSteerRequest) []zval.Value {
			return list(stringValue(m.ReqID), setValue(m.Stopped, stringValue), setValue(m.Paused, stringValue), zval.Bool(m.Adds))
		}),
	response(
		func(f *fields) mgmt.AgentSteerResponse {
			return mgmt.AgentSteerResponse{ReqID: f.reqID(), Results: f.results(outputsData)}
		},
		func(m mgmt.AgentSteerResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultsValue(m.Results))
		}),

	message(mgmt.FleetNodeAPI+"notify_dispatches",
		func(f *fields) mgmt.NotifyDispatches {
			return mgmt.NotifyDispatches{Node: f.nodeName("node"), Dispatches: f.strings("dispatches")}
		},
		func(m mgmt.NotifyDispatches) []zval.Value {
			return list(stringValue(m.Node), vectorValue(m.Dispatches, zval.String))
		}),
	message(mgmt.FleetNodeAPI+"dispatch_request",
		func(f *fields) mgmt.ProvenRequest {
			return mgmt.ProvenRequest{
				Node: f.nodeName("node"), Number: f.count("number"), ReqID: f.reqID(),
				Action: f.strings("action"), Proof: f.str("proof"),
			}
		},
		func(m mgmt.ProvenRequest) []zval.Value {
			return list(stringValue(m.Node), zval.Count(m.Number), stringValue(m.ReqID), vectorValue(m.Action, zval.String), zval.String(m.Proof))
		}),
	message(mgmt.FleetNodeAPI+"dispatch_response",
		func(f *fields) mgmt.ProvenResponse {
			return mgmt.ProvenResponse{
				Node: f.nodeName("node"), ReqID: f.reqID(), Success: f.boolean("success"), Text: f.str("text"), Proof: f.str("proof"),
			}
		},
		func(m mgmt.ProvenResponse) []zval.Value {
			return list(stringValue(m.Node), stringValue(m.ReqID), zval.Bool(m.Success), zval.String(m.Text), zval.String(m.Proof))
		}),
	message(mgmt.FleetNodeAPI+"notify_number",
		func(f *fields) mgmt.NotifyNumber {
			return mgmt.NotifyNumber{Node: f.nodeName("node"), Number: f.count("number"), Proof: f.str("proof")}
		},
		func(m mgmt.NotifyNumber) []zval.Value {
			return list(stringValue(m.Node), zval.Count(m.Number), zval.String(m.Proof))
		}),

	message(mgmt.FleetControllerAPI+"renew_certificate_request",
		func(f *fields) mgmt.RenewCertificateRequest {
			return mgmt.RenewCertificateRequest{ReqID: f.reqID(), Key: f.str("key"), NodeKey: f.str("node_key")}
		},
		func(m mgmt.RenewCertificateRequest) []zval.Value {
			return list(stringValue(m.ReqID), zval.String(m.Key), zval.String(m.NodeKey))
		}),
	message(mgmt.FleetControllerAPI+"renew_certificate_response",
		func(f *fields) mgmt.RenewCertificateResponse {
			return mgmt.RenewCertificateResponse{ReqID: f.reqID(), Result: f.result(textData)}
		},
		func(m mgmt.RenewCertificateResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultValue(m.Result))
		}),
	message(mgmt.FleetAgentAPI+"happenings_wanted",
		func(f *fields) mgmt.HappeningsWanted {
			return mgmt.HappeningsWanted{Log: f.str("log"), After: f.count("after")}
		},
		func(m mgmt.HappeningsWanted) []zval.Value { return list(zval.String(m.Log), zval.Count(m.After)) }),
	message(mgmt.FleetAgentAPI+"happenings_told",
		func(f *fields) mgmt.HappeningsTold {
			return mgmt.HappeningsTold{Log: f.str("log"), Last: f.count("last"), Lines: f.str("lines")}
		},
		func(m mgmt.HappeningsTold) []zval.Value {
			return list(zval.String(m.Log), zval.Count(m.Last), zval.String(m.Lines))
		}),
	message(mgmt.FleetAgentAPI+"notify_fetching",
		func(f *fields) mgmt.NotifyFetching {
			return mgmt.NotifyFetching{
				ReqID: f.reqID(), Instance: f.instanceName("instance"), Bundle: f.str("bundle"), Done: f.size("done"), Total: f.size("total"),
			}
		},
		func(m mgmt.NotifyFetching) []zval.Value {
			return list(stringValue(m.ReqID), stringValue(m.Instance), zval.String(m.Bundle), sizeValue(m.Done), sizeValue(m.Total))
		}),
	message(mgmt.FleetAgentAPI+"authorities_changed",
		func(f *fields) mgmt.AuthoritiesChanged {
			return mgmt.AuthoritiesChanged{
				Authorities: f.str("authorities"), NodeAuthorities: f.str("node_authorities"), Revoked: optVector(f, "revoked", stringElem[string]),
			}
		},
		func(m mgmt.AuthoritiesChanged) []zval.Value {
			return list(zval.String(m.Authorities), zval.String(m.NodeAuthorities), vectorValue(m.Revoked, zval.String))
		}),
	message(mgmt.FleetAgentAPI+"controllers_changed",
		func(f *fields) mgmt.ControllersChanged {
			return mgmt.ControllersChanged{Addresses: vector(f, "addresses", stringElem[string])}
		},
		func(m mgmt.ControllersChanged) []zval.Value { return list(vectorValue(m.Addresses, zval.String)) }),
}
