package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// registerFleetProofs adds what an agent and a node say that share a secret.
func registerFleetProofs(r *Registry) {
	register(r, fleetNodeAPI+"dispatch_request",
		func(f *fields) mgmt.ProvenRequest {
			return mgmt.ProvenRequest{
				Node: mgmt.NodeName(f.str("node")), Number: f.count("number"), ReqID: mgmt.ReqID(f.str("reqid")),
				Action: vector(f, "action", stringElem[string]), Proof: f.str("proof"),
			}
		},
		func(m mgmt.ProvenRequest) []zval.Value {
			return []zval.Value{
				stringValue(m.Node), zval.Count(m.Number), stringValue(m.ReqID),
				vectorValue(m.Action, zval.String), zval.String(m.Proof),
			}
		})
	register(r, fleetNodeAPI+"dispatch_response",
		func(f *fields) mgmt.ProvenResponse {
			return mgmt.ProvenResponse{
				Node: mgmt.NodeName(f.str("node")), ReqID: mgmt.ReqID(f.str("reqid")),
				Success: f.boolean("success"), Text: f.str("text"), Proof: f.str("proof"),
			}
		},
		func(m mgmt.ProvenResponse) []zval.Value {
			return []zval.Value{
				stringValue(m.Node), stringValue(m.ReqID), zval.Bool(m.Success), zval.String(m.Text), zval.String(m.Proof),
			}
		})
	register(r, fleetNodeAPI+"notify_number",
		func(f *fields) mgmt.NotifyNumber {
			return mgmt.NotifyNumber{Node: mgmt.NodeName(f.str("node")), Number: f.count("number"), Proof: f.str("proof")}
		},
		func(m mgmt.NotifyNumber) []zval.Value {
			return []zval.Value{stringValue(m.Node), zval.Count(m.Number), zval.String(m.Proof)}
		})
}
