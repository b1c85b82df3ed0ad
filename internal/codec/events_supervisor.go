package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func registerSupervisor(r *Registry) {
	registerNotifyNodeExit(r)
	withNode[mgmt.SupervisorStatusRequest](r, supervisorControl+"status_request")
	registerSupervisorStatusResponse(r)
	registerSupervisorCreateRequest(r)
	registerSupervisorCreateResponse(r)
	withNode[mgmt.SupervisorDestroyRequest](r, supervisorControl+"destroy_request")
	withSuccess[mgmt.SupervisorDestroyResponse](r, supervisorControl+"destroy_response")
	withNode[mgmt.SupervisorRestartRequest](r, supervisorControl+"restart_request")
	withSuccess[mgmt.SupervisorRestartResponse](r, supervisorControl+"restart_response")
	registerSupervisorStopRequest(r)
	registerSupervisorNodeStarted(r)
}

func registerNotifyNodeExit(r *Registry) {
	register(r, supervisorAPI+"notify_node_exit",
		func(f *fields) mgmt.NotifyNodeExit {
			return mgmt.NotifyNodeExit{Node: mgmt.NodeName(f.str("node")), Outputs: field(f, "outputs", readNodeOutputs)}
		},
		func(m mgmt.NotifyNodeExit) []zval.Value {
			return []zval.Value{stringValue(m.Node), nodeOutputsValue(m.Outputs)}
		})
}

func registerSupervisorStatusResponse(r *Registry) {
	register(r, supervisorControl+"status_response",
		func(f *fields) mgmt.SupervisorStatusResponse {
			return mgmt.SupervisorStatusResponse{ReqID: readReqID(f), Status: field(f, "result", readSupervisorStatus)}
		},
		func(m mgmt.SupervisorStatusResponse) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), supervisorStatusValue(m.Status)}
		})
}

func registerSupervisorCreateRequest(r *Registry) {
	register(r, supervisorControl+"create_request",
		func(f *fields) mgmt.SupervisorCreateRequest {
			return mgmt.SupervisorCreateRequest{ReqID: readReqID(f), Node: field(f, "node", readSupervisorNode)}
		},
		func(m mgmt.SupervisorCreateRequest) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), supervisorNodeValue(m.Node)}
		})
}

func registerSupervisorCreateResponse(r *Registry) {
	register(r, supervisorControl+"create_response",
		func(f *fields) mgmt.SupervisorCreateResponse {
			return mgmt.SupervisorCreateResponse{ReqID: readReqID(f), Error: f.str("result")}
		},
		func(m mgmt.SupervisorCreateResponse) []zval.Value {
			return []zval.Value{stringValue(m.ReqID), zval.String(m.Error)}
		})
}

func registerSupervisorStopRequest(r *Registry) {
	register(r, supervisorControl+"stop_request",
		func(*fields) mgmt.SupervisorStopRequest { return mgmt.SupervisorStopRequest{} },
		func(mgmt.SupervisorStopRequest) []zval.Value { return nil })
}

func registerSupervisorNodeStarted(r *Registry) {
	register(r, supervisorControl+"node_status",
		func(f *fields) mgmt.SupervisorNodeStarted {
			return mgmt.SupervisorNodeStarted{Node: mgmt.NodeName(f.str("node")), PID: f.count("pid")}
		},
		func(m mgmt.SupervisorNodeStarted) []zval.Value {
			return []zval.Value{stringValue(m.Node), zval.Count(m.PID)}
		})
}
