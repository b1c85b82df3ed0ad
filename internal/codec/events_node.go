package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// nodeEvents are the events of the Node API (spec management-api 3.3).
var nodeEvents = []event{
	request(
		func(f *fields) mgmt.NodeDispatchRequest {
			return mgmt.NodeDispatchRequest{ReqID: f.reqID(), Action: f.strings("action"), Nodes: f.nodeNames("nodes")}
		},
		func(m mgmt.NodeDispatchRequest) []zval.Value {
			return list(stringValue(m.ReqID), vectorValue(m.Action, zval.String), setValue(m.Nodes, stringValue))
		}),
	response(
		func(f *fields) mgmt.NodeDispatchResponse {
			return mgmt.NodeDispatchResponse{ReqID: f.reqID(), Result: f.result(textData)}
		},
		func(m mgmt.NodeDispatchResponse) []zval.Value {
			return list(stringValue(m.ReqID), resultValue(m.Result))
		}),
	message(mgmt.NodeAPI+"notify_node_hello",
		func(f *fields) mgmt.NotifyNodeHello { return mgmt.NotifyNodeHello{Node: f.nodeName("node")} },
		func(m mgmt.NotifyNodeHello) []zval.Value { return list(stringValue(m.Node)) }),
}
