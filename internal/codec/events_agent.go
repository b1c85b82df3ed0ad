package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func registerAgent(r *Registry) {
	registerAgentDeployRequest(r)
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
	registerNotifyAgentHello(r)
	registerNotifyChange(r)
	notice[mgmt.NotifyError](r, agentAPI+"notify_error")
	notice[mgmt.NotifyLog](r, agentAPI+"notify_log")
}

func registerAgentDeployRequest(r *Registry) {
	register(r, agentAPI+"deploy_request",
		func(f *fields) mgmt.AgentDeployRequest {
			return mgmt.AgentDeployRequest{
				ReqID: readReqID(f), Config: field(f, "config", readConfiguration), Force: f.boolOr("force", false),
			}
		},
		func(m mgmt.AgentDeployRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), configurationValue(m.Config), zval.Bool(m.Force)}
		})
}

func registerNotifyAgentHello(r *Registry) {
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
}

func registerNotifyChange(r *Registry) {
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
}

func registerNode(r *Registry) {
	dispatch[mgmt.NodeDispatchRequest](r, nodeAPI+"node_dispatch_request")
	withResult[mgmt.NodeDispatchResponse](r, nodeAPI+"node_dispatch_response", textData)
	registerNotifyNodeHello(r)
}

func registerNotifyNodeHello(r *Registry) {
	register(r, nodeAPI+"notify_node_hello",
		func(f *fields) mgmt.NotifyNodeHello {
			return mgmt.NotifyNodeHello{Node: mgmt.NodeName(f.str("node"))}
		},
		func(m mgmt.NotifyNodeHello) []zval.Value { return []zval.Value{stringValue(m.Node)} })
}
