package daemon_test

import (
	"errors"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// TestClientsCannotAnswerEachOther has one client send a controller's response. All
// clients see each other's request IDs, and would accept such a response.
func TestClientsCannotAnswerEachOther(t *testing.T) {
	cluster := startCluster(t)
	conn := cluster.stranger()
	defer conn.Close()
	say := func(msg mgmt.Message) {
		if err := conn.Send(t.Context(), mgmt.ControllerTopic, codec.Encode(msg)); err != nil {
			t.Fatal(err)
		}
	}
	for _, forged := range []mgmt.Message{mgmt.GetNodesResponse{ReqID: "q"}, mgmt.NotifyAgentsReady{}} {
		say(forged)
		say(mgmt.GetInstancesRequest{ReqID: "after it"})
		if _, v, err := conn.Receive(t.Context()); !refused(err) {
			t.Fatalf("%T: got %v, %v; want a refusal", forged, v, err)
		}
		if _, v, err := conn.Receive(t.Context()); err != nil {
			t.Fatalf("a request after %T: got %v, %v; want the answer", forged, v, err)
		}
	}
}

func refused(err error) bool {
	_, ok := errors.AsType[*websocket.ServerError](err)
	return ok
}
