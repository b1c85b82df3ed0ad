package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/core/node"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

const (
	agent mgmt.PeerID   = "agent"
	me    mgmt.NodeName = "worker-1"
)

var epoch = time.Unix(1_700_000_000, 0)

func request(action ...string) mgmt.NodeDispatchRequest {
	return mgmt.NodeDispatchRequest{ReqID: "q", Action: action}
}

func named(r mgmt.NodeDispatchRequest, nodes ...mgmt.NodeName) mgmt.NodeDispatchRequest {
	r.Nodes = nodes
	return r
}

func hello(to mgmt.PeerID) node.Effect {
	return node.Publish{Peer: to, Msg: mgmt.NotifyNodeHello{Node: me}}
}

func announcement(to mgmt.PeerID) node.Effect {
	return node.Publish{Peer: to, Msg: mgmt.NotifyDispatches{Node: me, Dispatches: []string{"get_id_value", "own"}}}
}

func answer(res mgmt.Result) node.Effect {
	res.ReqID, res.Node = "q", me
	return node.Publish{Peer: agent, Msg: mgmt.NodeDispatchResponse{ReqID: "q", Result: res}}
}

var (
	connected = node.PeerAdded{Peer: agent}
	get       = node.Received{Peer: agent, Msg: request("get_id_value", "X::y")}
)

// steps are what a node does about one event.
var steps = map[string]struct {
	given []node.Event
	after time.Duration
	when  node.Event
	want  []node.Effect
}{
	"hello upon a peering": {
		when: connected,
		want: []node.Effect{hello(agent), announcement(agent)},
	},
	"hello upon the next peering": {
		given: []node.Event{connected, node.PeerLost{Peer: agent}},
		when:  connected,
		want:  []node.Effect{hello(agent), announcement(agent)},
	},
	"hello again after a minute": {
		given: []node.Event{connected},
		after: time.Minute,
		when:  node.Tick{},
		want:  []node.Effect{hello(agent), announcement(agent)},
	},
	"no hello before": {
		given: []node.Event{connected},
		after: time.Minute - 1,
		when:  node.Tick{},
	},
	"no hello to an agent that is lost": {
		given: []node.Event{connected, node.PeerLost{Peer: agent}},
		after: time.Hour,
		when:  node.Tick{},
	},
	"an identifier is looked up": {
		given: []node.Event{connected},
		when:  get,
		want:  []node.Effect{node.Call{Call: 1, Action: "get_id_value", Args: []string{"X::y"}}},
	},
	"an own dispatch is run, arguments or not": {
		given: []node.Event{connected},
		when:  node.Received{Peer: agent, Msg: named(request("own"), "worker-2", me)},
		want:  []node.Effect{node.Call{Call: 1, Action: "own", Args: []string{}}},
	},
	"a value is passed on": {
		given: []node.Event{connected, get},
		when:  node.Returned{Call: 1, Data: "true"},
		want:  []node.Effect{answer(mgmt.Result{Success: true, Data: mgmt.Text("true")})},
	},
	"an error is passed on": {
		given: []node.Event{connected, get},
		when:  node.Returned{Call: 1, Err: "unknown id"},
		want:  []node.Effect{answer(mgmt.Result{Error: "unknown id"})},
	},
	"but only once": {
		given: []node.Event{connected, get, node.Returned{Call: 1, Data: "true"}},
		when:  node.Returned{Call: 1, Data: "false"},
	},
	"and not to an agent that is lost": {
		given: []node.Event{connected, get, node.PeerLost{Peer: agent}},
		when:  node.Returned{Call: 1, Data: "true"},
	},
	"no action": {
		given: []node.Event{connected},
		when:  node.Received{Peer: agent, Msg: request()},
		want:  []node.Effect{answer(mgmt.Result{Error: "no dispatch arguments provided"})},
	},
	"an unknown action": {
		given: []node.Event{connected},
		when:  node.Received{Peer: agent, Msg: request("frobnicate")},
		want:  []node.Effect{answer(mgmt.Result{Error: "dispatch frobnicate unknown"})},
	},
	"no identifier": {
		given: []node.Event{connected},
		when:  node.Received{Peer: agent, Msg: request("get_id_value")},
		want:  []node.Effect{answer(mgmt.Result{Error: "get_id_value expects name of global identifier"})},
	},
	"as many calls as allowed": {
		given: []node.Event{connected, get},
		when:  get,
		want:  []node.Effect{node.Call{Call: 2, Action: "get_id_value", Args: []string{"X::y"}}},
	},
	"a call too many": {
		given: []node.Event{connected, get, get},
		when:  get,
		want:  []node.Effect{answer(mgmt.Result{Error: "too many dispatches in flight"})},
	},
	"silence if only others are named, mistake or not": {
		given: []node.Event{connected},
		when:  node.Received{Peer: agent, Msg: named(request(), "worker-10")},
		want:  []node.Effect{node.Note{Level: node.Debug, Text: "dispatch is for other nodes", Peer: agent, ReqID: "q"}},
	},
	"silence towards everybody but the agent": {
		given: []node.Event{connected},
		when:  node.Received{Peer: "worker-2", Msg: request("get_id_value", "X::y")},
		want:  []node.Effect{node.Note{Level: node.Warn, Text: "dispatch refused: the peer is not our agent", Peer: "worker-2", ReqID: "q"}},
	},
}

func TestStep(t *testing.T) {
	for name, tt := range steps {
		t.Run(name, func(t *testing.T) {
			m := node.New(node.Config{Name: me, Actions: []string{"own"}, MaxCalls: 2})
			for _, ev := range tt.given {
				m.Step(epoch, ev)
			}
			if diff := cmp.Diff(tt.want, m.Step(epoch.Add(tt.after), tt.when)); diff != "" {
				t.Errorf("effects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNextWakeIsTheNextHello(t *testing.T) {
	m := node.New(node.Config{Name: me, HelloInterval: 3 * time.Second})
	if at, ok := m.NextWake(); ok {
		t.Errorf("without an agent it wakes at %v", at)
	}
	m.Step(epoch, node.PeerAdded{Peer: agent})
	if at, ok := m.NextWake(); !ok || !at.Equal(epoch.Add(3*time.Second)) {
		t.Errorf("it wakes at %v, %v", at, ok)
	}
	m = node.New(node.Config{Name: me, HelloInterval: -1})
	m.Step(epoch, node.PeerAdded{Peer: agent})
	if at, ok := m.NextWake(); ok {
		t.Errorf("without repetition it wakes at %v", at)
	}
}

// TestEveryRequestIsAnsweredOnce lets requests, returns and peerings come in any
// order: a request of the agent that names the node leads to exactly one answer,
// unless the agent is lost before.
func TestEveryRequestIsAnsweredOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := node.New(node.Config{Name: me, MaxCalls: 3})
		due := map[mgmt.ReqID]bool{}
		running := map[uint64]mgmt.ReqID{}
		present := false
		step := func(ev node.Event, id mgmt.ReqID) {
			for _, e := range m.Step(epoch, ev) {
				switch e := e.(type) {
				case node.Call:
					running[e.Call] = id
				case node.Publish:
					if res, ok := e.Msg.(mgmt.NodeDispatchResponse); ok {
						if !due[res.ReqID] {
							t.Fatalf("%s is answered and was not asked, or was answered before", res.ReqID)
						}
						delete(due, res.ReqID)
					}
				}
			}
			if len(running) > 3 {
				t.Fatalf("%d calls run", len(running))
			}
		}
		asked := 0
		finish := func() {
			for call, id := range running {
				delete(running, call)
				step(node.Returned{Call: call, Data: "1"}, id)
				return
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"the agent comes or goes": func(*rapid.T) {
				present = !present
				if present {
					step(node.PeerAdded{Peer: agent}, "")
					return
				}
				step(node.PeerLost{Peer: agent}, "")
				clear(due) // the agent has answered for us
			},
			"a request": func(t *rapid.T) {
				asked++
				req := mgmt.NodeDispatchRequest{ReqID: mgmt.ReqID(fmt.Sprint(asked)), Action: strings.Fields(rapid.SampledFrom([]string{"get_id_value x", "get_id_value", "nonsense", ""}).Draw(t, "action"))}
				due[req.ReqID] = present
				step(node.Received{Peer: agent, Msg: req}, req.ReqID)
			},
			"a return": func(*rapid.T) { finish() },
			"a tick":   func(*rapid.T) { step(node.Tick{}, "") },
		})
		for len(running) > 0 {
			finish()
		}
		for id, open := range due {
			if open {
				t.Errorf("%s is not answered", id)
			}
		}
	})
}
