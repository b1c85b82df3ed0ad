package codec

import (
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// The modules of the events that are ours.
const (
	fleetControllerAPI = "Fleet::Controller::API::"
	fleetAgentAPI      = "Fleet::Agent::API::"
	fleetNodeAPI       = "Fleet::Node::API::"
)

func registerFleet(r *Registry) {
	registerStagedDeployRequest(r)
	registerDeployProgress(r)
	registerAgentPrepareRequest(r)
	withResults[mgmt.AgentPrepareResponse](r, fleetAgentAPI+"prepare_response", outputsData)
	registerNotifyDispatches(r)
	registerFleetProofs(r)
}

func registerStagedDeployRequest(r *Registry) {
	register(r, fleetControllerAPI+"deploy_request",
		func(f *fields) mgmt.StagedDeployRequest {
			return mgmt.StagedDeployRequest{
				ReqID: readReqID(f), ID: f.str("id"), Partial: f.boolean("partial"), Patience: f.span("patience"),
			}
		},
		func(m mgmt.StagedDeployRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), zval.String(m.ID), zval.Bool(m.Partial), zval.Span(m.Patience)}
		})
}

func registerDeployProgress(r *Registry) {
	register(r, fleetControllerAPI+"deploy_progress",
		func(f *fields) mgmt.DeployProgress {
			return mgmt.DeployProgress{ReqID: readReqID(f), Text: f.str("text")}
		},
		func(m mgmt.DeployProgress) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), zval.String(m.Text)}
		})
}

func registerAgentPrepareRequest(r *Registry) {
	register(r, fleetAgentAPI+"prepare_request",
		func(f *fields) mgmt.AgentPrepareRequest {
			return mgmt.AgentPrepareRequest{
				ReqID: readReqID(f), Config: field(f, "config", readConfiguration), Look: f.span("look"), Whole: f.span("whole"),
			}
		},
		func(m mgmt.AgentPrepareRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), configurationValue(m.Config), zval.Span(m.Look), zval.Span(m.Whole)}
		})
}

func registerNotifyDispatches(r *Registry) {
	register(r, fleetNodeAPI+"notify_dispatches",
		func(f *fields) mgmt.NotifyDispatches {
			return mgmt.NotifyDispatches{
				Node: mgmt.NodeName(f.str("node")), Dispatches: vector(f, "dispatches", stringElem[string]),
			}
		},
		func(m mgmt.NotifyDispatches) []zval.Value {
			return []zval.Value{stringValue(m.Node), vectorValue(m.Dispatches, zval.String)}
		})
}

func (f *fields) span(name string) time.Duration {
	v, at := f.required(name)
	d, ok := v.Span()
	if !ok {
		f.d.failKind(at, v, zval.KindSpan)
	}
	return d
}
