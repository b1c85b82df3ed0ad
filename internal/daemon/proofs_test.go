package daemon_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

const secret mgmt.Secret = "0123456789abcdef0123456789abcdef"

// provenRequest returns the next request of the agent, which has to be a proven
// one.
func (n *servingNode) provenRequest() mgmt.ProvenRequest {
	n.t.Helper()
	m := n.nextMessage()
	msg, err := codec.Decode(m.Value)
	r, ok := msg.(mgmt.ProvenRequest)
	if err != nil || !ok || !r.IsProven(secret) || m.Topic != ownTopic {
		n.t.Fatalf("asked %+v on %s, %v", msg, m.Topic, err)
	}
	return r
}

func TestAnswersOfANodeWithASecretCountOnlyWithTheirProof(t *testing.T) {
	node, cluster := serveNode(t, secret)
	cluster.deployOne(node.greet)
	for number := uint64(1); number <= 2; number++ {
		results := cluster.askBits(func() {
			r := node.provenRequest()
			want := mgmt.ProvenRequest{Node: "worker-1", Number: number, ReqID: r.ReqID, Action: []string{"get_id_value", "bits_per_uid"}, Proof: r.Proof}
			if diff := cmp.Diff(want, r); diff != "" {
				t.Errorf("request (-want +got):\n%s", diff)
			}
			answer := mgmt.ProvenResponse{Node: "worker-1", ReqID: r.ReqID, Success: true, Text: "96"}
			forged, other := answer, answer.Prove(secret+"x")
			forged.Text, forged.Proof = "95", answer.Prove(secret).Proof
			node.answer(ownTopic, r.ReqID, "worker-1", "94") // without a proof
			node.say(ownTopic, answer)
			node.say(ownTopic, forged)
			node.say(ownTopic, other)
			node.say(ownTopic, answer.Prove(secret))
		})
		if len(results) != 1 || results[0].Data != client.Text("96") {
			t.Errorf("answer: %+v", results)
		}
	}
}

func TestAgentCountsOnWhereANodeSaysThatItIs(t *testing.T) {
	node, cluster := serveNode(t, secret)
	cluster.deployOne(func() {
		node.awaitPeer()
		node.say(ownTopic, mgmt.NotifyNumber{Node: "worker-1", Number: 1000})
		node.say(ownTopic, mgmt.NotifyNumber{Node: "worker-1", Number: 41}.Prove(secret))
		node.say(ownTopic, mgmt.NotifyNumber{Node: "worker-1", Number: 40}.Prove(secret)) // overheard earlier
		node.say(ownTopic, mgmt.NotifyNodeHello{Node: "worker-1"})
	})
	results := cluster.askBits(func() {
		r := node.provenRequest()
		if r.Number != 42 {
			t.Errorf("the request has number %d", r.Number)
		}
		node.say(ownTopic, mgmt.ProvenResponse{Node: "worker-1", ReqID: r.ReqID, Text: "no such thing"}.Prove(secret))
	})
	if len(results) != 1 || results[0].Success || results[0].Error != "no such thing" {
		t.Errorf("answer: %+v", results)
	}
}

// stranger is another local user who is connected to a node's WebSocket, on its topic.
func (z *zeekAgent) stranger(node mgmt.NodeName) *websocket.Client {
	z.t.Helper()
	c, err := websocket.Dial(z.t.Context(), fmt.Sprintf("ws://127.0.0.1:%d%s", z.facts(node).WebSocketPort, websocket.Path),
		[]string{zeek.NodeTopic(zeek.AgentWebSocket, node)}, websocket.Config{})
	if err != nil {
		z.t.Fatal(err)
	}
	z.t.Cleanup(func() { c.Close() })
	return c
}

// Zeek before 8.1 serves in plain text, and any local user can connect.
func TestStrangerAtANodesWebSocketIsNotObeyed(t *testing.T) {
	z := newZeekAgent(t, "8.0.1", func(c *launch.ZeekConfig) { c.AgentProtocol = zeek.AgentWebSocket })
	z.start()
	z.deployAll(z.nodes()...)
	const node = "worker-1"
	c, topic := z.stranger(node), zeek.NodeTopic(zeek.AgentWebSocket, node)
	say := func(msg mgmt.Message) {
		t.Helper()
		if err := c.Send(t.Context(), topic, codec.Encode(msg)); err != nil {
			t.Fatal(err)
		}
	}
	// next returns the next message on the node's topic but the greetings.
	next := func() mgmt.Message {
		t.Helper()
		ctx := patience.Context(t)
		for {
			_, v, err := c.Receive(ctx)
			if err != nil {
				t.Fatal(err)
			}
			msg, err := codec.Decode(v)
			if err != nil {
				t.Fatal(err)
			}
			switch msg.(type) {
			case mgmt.NotifyNumber, mgmt.NotifyNodeHello, mgmt.NotifyDispatches:
			default:
				return msg
			}
		}
	}
	action := []string{"set_option", "Log::default_rotation_interval", "1", "cluster"}
	say(mgmt.NodeDispatchRequest{ReqID: "forged", Action: action, Nodes: []mgmt.NodeName{node}})
	say(mgmt.ProvenRequest{Node: node, Number: 1 << 40, ReqID: "forged", Action: action})
	say(mgmt.ProvenRequest{Node: node, Number: 1 << 40, ReqID: "forged", Action: action}.Prove(secret))
	conn := z.client()
	defer conn.Close()
	results, err := conn.GetIDValue(t.Context(), "Log::default_rotation_interval", node)
	if err != nil || len(results) != 1 || results[0].Data != client.Text(`"3600 secs"`) {
		t.Errorf("answer: %+v, %v", results, err)
	}
	// All that was said on the topic beside greetings is that request and its
	// answer; the request is of no use a second time, nor with other words.
	request, ok := next().(mgmt.ProvenRequest)
	if !ok || request.ReqID == "forged" {
		t.Fatalf("heard %+v", request)
	}
	if answer, ok := next().(mgmt.ProvenResponse); !ok || answer.ReqID != request.ReqID || !answer.Success {
		t.Errorf("heard %+v", answer)
	}
	changed := request
	changed.Action, changed.Number = slices.Clone(action), request.Number+1
	say(changed)
	say(request)
	if answer, ok := next().(mgmt.ProvenResponse); !ok || answer.Success || answer.Text != "the request was made before" {
		t.Errorf("heard %+v", answer)
	}
}
