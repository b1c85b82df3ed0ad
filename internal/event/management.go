package event

import (
	"reflect"

	"zeekfleet/internal/mgmt"
	"zeekfleet/internal/zval"
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
	return r
}

func registerController(r *Registry) {
	idOnly[mgmt.GetInstancesRequest](r, controllerAPI+"get_instances_request")
	withResult[mgmt.GetInstancesResponse](r, controllerAPI+"get_instances_response", instancesData)
	register(r, controllerAPI+"stage_configuration_request",
		func(f *fields) mgmt.StageConfigurationRequest {
			return mgmt.StageConfigurationRequest{ReqID: readReqID(f), Config: field(f, "config", readConfiguration)}
		},
		func(m mgmt.StageConfigurationRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), configurationValue(m.Config)}
		})
	withResults[mgmt.StageConfigurationResponse](r, controllerAPI+"stage_configuration_response", textData)
	register(r, controllerAPI+"get_configuration_request",
		func(f *fields) mgmt.GetConfigurationRequest {
			return mgmt.GetConfigurationRequest{ReqID: readReqID(f), Deployed: f.boolean("deployed")}
		},
		func(m mgmt.GetConfigurationRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), zval.Bool(m.Deployed)}
		})
	withResult[mgmt.GetConfigurationResponse](r, controllerAPI+"get_configuration_response", configurationData)
	idOnly[mgmt.DeployRequest](r, controllerAPI+"deploy_request")
	withResults[mgmt.DeployResponse](r, controllerAPI+"deploy_response", deployData)
	idOnly[mgmt.GetNodesRequest](r, controllerAPI+"get_nodes_request")
	withResults[mgmt.GetNodesResponse](r, controllerAPI+"get_nodes_response", statusesData)
	register(r, controllerAPI+"get_id_value_request",
		func(f *fields) mgmt.GetIDValueRequest {
			return mgmt.GetIDValueRequest{ReqID: readReqID(f), ID: f.str("id"), Nodes: readNames[mgmt.NodeName](f, "nodes")}
		},
		func(m mgmt.GetIDValueRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), zval.String(m.ID), setValue(m.Nodes, stringValue)}
		})
	withResults[mgmt.GetIDValueResponse](r, controllerAPI+"get_id_value_response", textData)
	withNodes[mgmt.RestartRequest](r, controllerAPI+"restart_request")
	withResults[mgmt.RestartResponse](r, controllerAPI+"restart_response", noData)
	register(r, controllerAPI+"test_timeout_request",
		func(f *fields) mgmt.TestTimeoutRequest {
			return mgmt.TestTimeoutRequest{ReqID: readReqID(f), WithState: f.boolean("with_state")}
		},
		func(m mgmt.TestTimeoutRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), zval.Bool(m.WithState)}
		})
	withResult[mgmt.TestTimeoutResponse](r, controllerAPI+"test_timeout_response", noData)
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

func registerAgent(r *Registry) {
	register(r, agentAPI+"deploy_request",
		func(f *fields) mgmt.AgentDeployRequest {
			return mgmt.AgentDeployRequest{
				ReqID: readReqID(f), Config: field(f, "config", readConfiguration), Force: f.boolOr("force", false),
			}
		},
		func(m mgmt.AgentDeployRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), configurationValue(m.Config), zval.Bool(m.Force)}
		})
	withResults[mgmt.AgentDeployResponse](r, agentAPI+"deploy_response", outputsData)
	idOnly[mgmt.AgentGetNodesRequest](r, agentAPI+"get_nodes_request")
	withResult[mgmt.AgentGetNodesResponse](r, agentAPI+"get_nodes_response", statusesData)
	dispatch[mgmt.AgentDispatchRequest](r, agentAPI+"node_dispatch_request")
	withResults[mgmt.AgentDispatchResponse](r, agentAPI+"node_dispatch_response", textData)
	idOnly[mgmt.AgentWelcomeRequest](r, agentAPI+"agent_welcome_request")
	withResult[mgmt.AgentWelcomeResponse](r, agentAPI+"agent_welcome_response", noData)
	idOnly[mgmt.AgentStandbyRequest](r, agentAPI+"agent_standby_request")
	withResult[mgmt.AgentStandbyResponse](r, agentAPI+"agent_standby_response", noData)
	withNodes[mgmt.AgentRestartRequest](r, agentAPI+"restart_request")
	withResults[mgmt.AgentRestartResponse](r, agentAPI+"restart_response", noData)
	register(r, agentAPI+"notify_agent_hello",
		func(f *fields) mgmt.NotifyAgentHello {
			return mgmt.NotifyAgentHello{
				Instance: mgmt.InstanceName(f.str("instance")), ID: f.str("id"),
				Connecting: f.boolean("connecting"), APIVersion: f.count("api_version"),
			}
		},
		func(m mgmt.NotifyAgentHello) []zval.Value {
			return []zval.Value{
				stringValue(m.Instance), zval.String(m.ID), zval.Bool(m.Connecting), zval.Count(m.APIVersion),
			}
		})
	register(r, agentAPI+"notify_change",
		func(f *fields) mgmt.NotifyChange {
			return mgmt.NotifyChange{
				Instance: mgmt.InstanceName(f.str("instance")), Node: field(f, "n", readNode),
				Old: states.decode(f, "old"), New: states.decode(f, "new"),
			}
		},
		func(m mgmt.NotifyChange) []zval.Value {
			return []zval.Value{stringValue(m.Instance), nodeValue(m.Node), stateValue(m.Old), stateValue(m.New)}
		})
	notice[mgmt.NotifyError](r, agentAPI+"notify_error")
	notice[mgmt.NotifyLog](r, agentAPI+"notify_log")
}

func registerNode(r *Registry) {
	dispatch[mgmt.NodeDispatchRequest](r, nodeAPI+"node_dispatch_request")
	withResult[mgmt.NodeDispatchResponse](r, nodeAPI+"node_dispatch_response", textData)
	register(r, nodeAPI+"notify_node_hello",
		func(f *fields) mgmt.NotifyNodeHello {
			return mgmt.NotifyNodeHello{Node: mgmt.NodeName(f.str("node"))}
		},
		func(m mgmt.NotifyNodeHello) []zval.Value { return []zval.Value{stringValue(m.Node)} })
}

func registerSupervisor(r *Registry) {
	register(r, supervisorAPI+"notify_node_exit",
		func(f *fields) mgmt.NotifyNodeExit {
			return mgmt.NotifyNodeExit{Node: mgmt.NodeName(f.str("node")), Outputs: field(f, "outputs", readNodeOutputs)}
		},
		func(m mgmt.NotifyNodeExit) []zval.Value {
			return []zval.Value{stringValue(m.Node), nodeOutputsValue(m.Outputs)}
		})
	withNode[mgmt.SupervisorStatusRequest](r, supervisorControl+"status_request")
	register(r, supervisorControl+"status_response",
		func(f *fields) mgmt.SupervisorStatusResponse {
			return mgmt.SupervisorStatusResponse{ReqID: readReqID(f), Status: field(f, "result", readSupervisorStatus)}
		},
		func(m mgmt.SupervisorStatusResponse) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), supervisorStatusValue(m.Status)}
		})
	register(r, supervisorControl+"create_request",
		func(f *fields) mgmt.SupervisorCreateRequest {
			return mgmt.SupervisorCreateRequest{ReqID: readReqID(f), Node: field(f, "node", readSupervisorNode)}
		},
		func(m mgmt.SupervisorCreateRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), supervisorNodeValue(m.Node)}
		})
	register(r, supervisorControl+"create_response",
		func(f *fields) mgmt.SupervisorCreateResponse {
			return mgmt.SupervisorCreateResponse{ReqID: readReqID(f), Error: f.str("result")}
		},
		func(m mgmt.SupervisorCreateResponse) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), zval.String(m.Error)}
		})
	withNode[mgmt.SupervisorDestroyRequest](r, supervisorControl+"destroy_request")
	withSuccess[mgmt.SupervisorDestroyResponse](r, supervisorControl+"destroy_response")
	withNode[mgmt.SupervisorRestartRequest](r, supervisorControl+"restart_request")
	withSuccess[mgmt.SupervisorRestartResponse](r, supervisorControl+"restart_response")
	register(r, supervisorControl+"stop_request",
		func(*fields) mgmt.SupervisorStopRequest { return mgmt.SupervisorStopRequest{} },
		func(mgmt.SupervisorStopRequest) []zval.Value { return nil })
	register(r, supervisorControl+"node_status",
		func(f *fields) mgmt.SupervisorNodeStarted {
			return mgmt.SupervisorNodeStarted{Node: mgmt.NodeName(f.str("node")), PID: f.count("pid")}
		},
		func(m mgmt.SupervisorNodeStarted) []zval.Value {
			return []zval.Value{stringValue(m.Node), zval.Count(m.PID)}
		})
}
