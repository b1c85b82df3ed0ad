package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func registerController(r *Registry) {
	idOnly[mgmt.GetInstancesRequest](r, controllerAPI+"get_instances_request")
	withResult[mgmt.GetInstancesResponse](r, controllerAPI+"get_instances_response", instancesData)
	registerStageConfigurationRequest(r)
	withResults[mgmt.StageConfigurationResponse](r, controllerAPI+"stage_configuration_response", textData)
	registerGetConfigurationRequest(r)
	withResult[mgmt.GetConfigurationResponse](r, controllerAPI+"get_configuration_response", configurationData)
	idOnly[mgmt.DeployRequest](r, controllerAPI+"deploy_request")
	withResults[mgmt.DeployResponse](r, controllerAPI+"deploy_response", deployData)
	idOnly[mgmt.GetNodesRequest](r, controllerAPI+"get_nodes_request")
	withResults[mgmt.GetNodesResponse](r, controllerAPI+"get_nodes_response", statusesData)
	registerGetIDValueRequest(r)
	withResults[mgmt.GetIDValueResponse](r, controllerAPI+"get_id_value_response", textData)
	withNodes[mgmt.RestartRequest](r, controllerAPI+"restart_request")
	withResults[mgmt.RestartResponse](r, controllerAPI+"restart_response", noData)
	registerTestTimeoutRequest(r)
	withResult[mgmt.TestTimeoutResponse](r, controllerAPI+"test_timeout_response", noData)
	registerNotifyAgentsReady(r)
}

func registerStageConfigurationRequest(r *Registry) {
	register(r, controllerAPI+"stage_configuration_request",
		func(f *fields) mgmt.StageConfigurationRequest {
			return mgmt.StageConfigurationRequest{ReqID: readReqID(f), Config: field(f, "config", readConfiguration)}
		},
		func(m mgmt.StageConfigurationRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), configurationValue(m.Config)}
		})
}

func registerGetConfigurationRequest(r *Registry) {
	register(r, controllerAPI+"get_configuration_request",
		func(f *fields) mgmt.GetConfigurationRequest {
			return mgmt.GetConfigurationRequest{ReqID: readReqID(f), Deployed: f.boolean("deployed")}
		},
		func(m mgmt.GetConfigurationRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), zval.Bool(m.Deployed)}
		})
}

func registerGetIDValueRequest(r *Registry) {
	register(r, controllerAPI+"get_id_value_request",
		func(f *fields) mgmt.GetIDValueRequest {
			return mgmt.GetIDValueRequest{ReqID: readReqID(f), ID: f.str("id"), Nodes: readNames[mgmt.NodeName](f, "nodes")}
		},
		func(m mgmt.GetIDValueRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), zval.String(m.ID), setValue(m.Nodes, stringValue)}
		})
}

func registerTestTimeoutRequest(r *Registry) {
	register(r, controllerAPI+"test_timeout_request",
		func(f *fields) mgmt.TestTimeoutRequest {
			return mgmt.TestTimeoutRequest{ReqID: readReqID(f), WithState: f.boolean("with_state")}
		},
		func(m mgmt.TestTimeoutRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), zval.Bool(m.WithState)}
		})
}

func registerNotifyAgentsReady(r *Registry) {
	register(r, controllerAPI+"notify_agents_ready",
		func(f *fields) mgmt.NotifyAgentsReady {
			v, at := f.required("instances")
			return mgmt.NotifyAgentsReady{
				Instances: setOf(f.d, v, at, stringKey[mgmt.InstanceName], stringValue[mgmt.InstanceName]),
			}
		},
		func(m mgmt.NotifyAgentsReady) []zval.Value {
			return []zval.Value{setValue(m.Instances, stringValue)}
		})
}
