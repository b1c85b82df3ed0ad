package controller_test

import (
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
)

const vectors = "../../../testdata/vectors/"

type recording struct {
	Peerings []struct {
		Messages []struct{ From, Hex string }
	}
	Conversations []struct {
		Command  string
		Messages []struct{ From, Opcode, Text string }
	}
}

func load(t *testing.T, file string) recording {
	t.Helper()
	text, err := os.ReadFile(vectors + file)
	if err != nil {
		t.Fatal(err)
	}
	var r recording
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestClientsGetWhatZeekAnswered sends zeek-client's recorded requests to a
// machine whose agents answer what the recorded agents answered.
func TestClientsGetWhatZeekAnswered(t *testing.T) {
	for _, test := range []struct {
		clients, agents string
		joining         int // the agents join before this conversation
	}{
		{"zeek-client.json", "agent-controller.json", 0},
		{"zeek-client-two-instances.json", "agent-controller-two-instances.json", 7},
	} {
		t.Run(test.clients, func(t *testing.T) {
			s := newReplay(t, load(t, test.agents))
			for i, c := range load(t, test.clients).Conversations {
				if i == test.joining {
					s.join()
				}
				var requests, want []mgmt.Message
				for _, m := range c.Messages {
					msg, ok := clientMessage(t, m.Opcode, m.Text)
					if ok && m.From == "client" {
						requests = append(requests, msg)
					} else if ok {
						want = append(want, msg)
					}
				}
				if len(requests) == 0 || len(requests) != len(want) {
					t.Fatalf("%s: %d requests, %d responses", c.Command, len(requests), len(want))
				}
				s.replies = nil
				for _, r := range requests {
					s.step(controller.FromClient{Client: "client", Principal: user("client"), Msg: r})
				}
				if diff := gocmp.Diff(want, s.replies, sameMessage()); diff != "" {
					t.Errorf("%s (-Zeek's +ours):\n%s", c.Command, diff)
				}
			}
		})
	}
}

// sameMessage compares without the IDs of results, which name Zeek's own legs,
// and without the order of sets and results. Zeek's controller relays a node's
// failure as it comes; so do we.
func sameMessage() gocmp.Option {
	type key struct{ instance, node, text string }
	of := func(r mgmt.Result) key { return key{string(r.Instance), string(r.Node), r.Error} }
	return gocmp.Options{
		gocmp.FilterPath(func(p gocmp.Path) bool { return p.String() == "Result.ReqID" || p.String() == "Results.ReqID" },
			gocmp.Ignore()),
		gocmp.Comparer(func(a, b netip.Addr) bool { return a.Unmap() == b.Unmap() }),
		cmpopts.EquateEmpty(),
		cmpopts.SortSlices(func(a, b mgmt.Instance) bool { return a.Name < b.Name }),
		cmpopts.SortSlices(func(a, b mgmt.Node) bool { return a.Name < b.Name }),
		cmpopts.SortSlices(func(a, b mgmt.Result) bool {
			x, y := of(a), of(b)
			return cmp.Or(cmp.Compare(x.instance, y.instance), cmp.Compare(x.node, y.node), cmp.Compare(x.text, y.text)) < 0
		}),
	}
}

func clientMessage(t *testing.T, opcode, text string) (mgmt.Message, bool) {
	t.Helper()
	if opcode != "text" || !strings.Contains(text, `"data-message"`) {
		return nil, false
	}
	_, v, err := wsjson.ParseMessage([]byte(text), wsjson.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	msg, err := codec.Decode(v)
	if err != nil {
		t.Fatal(err)
	}
	return msg, true
}

// replay is a machine among agents that answer from a recording.
type replay struct {
	t       *testing.T
	core    *controller.Machine
	now     time.Time
	answers map[mgmt.InstanceName]map[string][]mgmt.Response // by kind, in the order recorded
	replies []mgmt.Message
}

func newReplay(t *testing.T, agents recording) *replay {
	s := &replay{t: t, now: epoch, answers: map[mgmt.InstanceName]map[string][]mgmt.Response{}}
	cfg := controller.Config{Rules: mgmt.Rules{AssignBroker: true, AssignMetrics: true,
		Controller: mgmt.ControllerSite{Name: "controller", Broker: mgmt.TCPPort(2150), WebSocket: mgmt.TCPPort(2149)}}}
	s.core = controller.New(cfg, controller.State{}, rand.New(rand.NewPCG(1, 2)))
	for _, p := range agents.Peerings {
		for _, m := range p.Messages {
			if m.From == "agent" {
				s.record(m.Hex)
			}
		}
	}
	if len(s.answers) == 0 {
		t.Fatal("no answers of agents in the recording")
	}
	return s
}

// record keeps an agent's answer from a recorded frame: length, sender,
// receiver, type, time to live, topic, payload (spec broker-wire 4.6).
func (s *replay) record(frame string) {
	raw, err := hex.DecodeString(frame)
	if err != nil {
		s.t.Fatal(err)
	}
	const head = 4 + 16 + 16 + 1 + 2 + 2
	if len(raw) < head || raw[36] != 1 {
		return // handshake, ping
	}
	topic, payload := raw[head:][:binary.BigEndian.Uint16(raw[head-2:])], raw[head+int(binary.BigEndian.Uint16(raw[head-2:])):]
	name, ok := strings.CutPrefix(string(topic), "zeek/management/agent/")
	if !ok {
		return
	}
	v, err := native.Decode(payload, native.Limits{})
	if err != nil {
		s.t.Fatal(err)
	}
	msg, err := codec.Decode(v)
	if err != nil {
		s.t.Fatal(err)
	}
	instance := mgmt.InstanceName(name)
	response, ok := msg.(mgmt.Response)
	if !ok {
		return
	}
	if s.answers[instance] == nil {
		s.answers[instance] = map[string][]mgmt.Response{}
	}
	kind := mgmt.KindAnswered(response).Name()
	s.answers[instance][kind] = append(s.answers[instance][kind], response)
}

func (s *replay) join() {
	for _, name := range []mgmt.InstanceName{"instance-1", "instance-2"} {
		if s.answers[name] == nil {
			continue
		}
		peer := mgmt.PeerID("peer-" + name)
		s.step(controller.PeerAdded{Peer: peer, Addr: netip.MustParseAddrPort("127.0.0.1:40000")})
		s.step(controller.FromAgent{Peer: peer, Instance: name,
			Msg: mgmt.NotifyAgentHello{Instance: name, ID: string(peer), Connecting: true, APIVersion: 1}})
	}
}

// step applies ev, and then what follows from it.
func (s *replay) step(ev controller.Event) {
	for queue := []controller.Event{ev}; len(queue) > 0; queue = queue[1:] {
		s.now = s.now.Add(time.Millisecond)
		var answers []controller.Event
		for _, e := range s.core.Step(s.now, queue[0]) {
			switch e := e.(type) {
			case controller.Save:
				queue = slices.Insert(queue, 1, controller.Event(controller.Saved{}))
			case controller.ToAgent:
				answers = append(answers, s.answer(e))
			case controller.Reply:
				s.replies = append(s.replies, e.Msg)
			}
		}
		queue = append(queue, answers...)
	}
}

// answer gives the next recorded answer to a request of that kind, under the
// request's ID.
func (s *replay) answer(e controller.ToAgent) controller.Event {
	request := e.Msg.(mgmt.Request)
	kind := mgmt.KindOf(request).Name()
	queue := s.answers[e.Instance][kind]
	if len(queue) == 0 {
		s.t.Errorf("%s: no recorded answer to %s left", e.Instance, kind)
		return controller.Tick{}
	}
	s.answers[e.Instance][kind] = queue[1:]
	return controller.FromAgent{Peer: e.Peer, Instance: e.Instance, Msg: request.Answer(request.RequestID(), queue[0].Outcomes()...)}
}
