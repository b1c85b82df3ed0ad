package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// controllerEvents are the events of the Controller API (spec management-api 3.1).
var controllerEvents = []event{
	request(
		func(f *fields) mgmt.GetInstancesRequest { return mgmt.GetInstancesRequest{ReqID: f.reqID()} },
		func(m mgmt.GetInstancesRequest) []zval.Value { return list(stringValue(m.ReqID)) }),
	response(
		func(f *fields) mgmt.GetInstancesResponse {
			return mgmt.GetInstancesResponse{ReqID: f.reqID(), Result: f.result(instancesData)}
		},
		func(m mgmt.GetInstancesResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultValue(m.Result))
		}),
	request(
		func(f *fields) mgmt.StageConfigurationRequest {
			return mgmt.StageConfigurationRequest{ReqID: f.reqID(), Config: f.configuration("config")}
		},
		func(m mgmt.StageConfigurationRequest) []zval.Value {
			return list(stringValue(m.ReqID), configurationValue(m.Config))
		}),
	response(
		func(f *fields) mgmt.StageConfigurationResponse {
			return mgmt.StageConfigurationResponse{ReqID: f.reqID(), Results: f.results(textData)}
		},
		func(m mgmt.StageConfigurationResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultsValue(m.Results))
		}),
	request(
		func(f *fields) mgmt.GetConfigurationRequest {
			return mgmt.GetConfigurationRequest{ReqID: f.reqID(), Deployed: f.boolean("deployed")}
		},
		func(m mgmt.GetConfigurationRequest) []zval.Value {
			return list(stringValue(m.ReqID), zval.Bool(m.Deployed))
		}),
	response(
		func(f *fields) mgmt.GetConfigurationResponse {
			return mgmt.GetConfigurationResponse{ReqID: f.reqID(), Result: f.result(configurationData)}
		},
		func(m mgmt.GetConfigurationResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultValue(m.Result))
		}),
	request(
		func(f *fields) mgmt.DeployRequest { return mgmt.DeployRequest{ReqID: f.reqID()} },
		func(m mgmt.DeployRequest) []zval.Value { return list(stringValue(m.ReqID)) }),
	response(
		func(f *fields) mgmt.DeployResponse {
			return mgmt.DeployResponse{ReqID: f.reqID(), Results: f.results(deployData)}
		},
		func(m mgmt.DeployResponse) []zval.Value { return list(stringValue(m.ReqID), resultsValue(m.Results)) }),
	request(
		func(f *fields) mgmt.GetNodesRequest { return mgmt.GetNodesRequest{ReqID: f.reqID()} },
		func(m mgmt.GetNodesRequest) []zval.Value { return list(stringValue(m.ReqID)) }),
	response(
		func(f *fields) mgmt.GetNodesResponse {
			return mgmt.GetNodesResponse{ReqID: f.reqID(), Results: f.results(statusesData)}
		},
		func(m mgmt.GetNodesResponse) []zval.Value { return list(stringValue(m.ReqID), resultsValue(m.Results)) }),
	request(
		func(f *fields) mgmt.GetIDValueRequest {
			return mgmt.GetIDValueRequest{ReqID: f.reqID(), ID: f.str("id"), Nodes: f.nodeNames("nodes")}
		},
		func(m mgmt.GetIDValueRequest) []zval.Value {
			return list(stringValue(m.ReqID), zval.String(m.ID), setValue(m.Nodes, stringValue))
		}),
	response(
		func(f *fields) mgmt.GetIDValueResponse {
			return mgmt.GetIDValueResponse{ReqID: f.reqID(), Results: f.results(textData)}
		},
		func(m mgmt.GetIDValueResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultsValue(m.Results))
		}),
	request(
		func(f *fields) mgmt.RestartRequest {
			return mgmt.RestartRequest{ReqID: f.reqID(), Nodes: f.nodeNames("nodes")}
		},
		func(m mgmt.RestartRequest) []zval.Value {
			return list(stringValue(m.ReqID), setValue(m.Nodes, stringValue))
		}),
	response(
		func(f *fields) mgmt.RestartResponse {
			return mgmt.RestartResponse{ReqID: f.reqID(), Results: f.results(noData)}
		},
		func(m mgmt.RestartResponse) []zval.Value { return list(stringValue(m.ReqID), resultsValue(m.Results)) }),
	request(
		func(f *fields) mgmt.TestTimeoutRequest {
			return mgmt.TestTimeoutRequest{ReqID: f.reqID(), WithState: f.boolean("with_state")}
		},
		func(m mgmt.TestTimeoutRequest) []zval.Value {
			return list(stringValue(m.ReqID), zval.Bool(m.WithState))
		}),
	response(
		func(f *fields) mgmt.TestTimeoutResponse {
			return mgmt.TestTimeoutResponse{ReqID: f.reqID(), Result: f.result(noData)}
		},
		func(m mgmt.TestTimeoutResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultValue(m.Result))
		}),
	message(mgmt.ControllerAPI+"notify_agents_ready",
		func(f *fields) mgmt.NotifyAgentsReady {
			return mgmt.NotifyAgentsReady{
				Instances: requiredSet(f, "instances", stringKey[mgmt.InstanceName], stringValue[mgmt.InstanceName]),
			}
		},
		func(m mgmt.NotifyAgentsReady) []zval.Value { return list(setValue(m.Instances, stringValue)) }),
}
