package controller_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// epoch is when every test begins.
var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// user is an admin who has the name of a client.
func user(client mgmt.PeerID) mgmt.Principal {
	return mgmt.Principal{Name: string(client), Role: mgmt.Admin}
}

func newRand() *rand.Rand { return rand.New(rand.NewPCG(1, 2)) }

func newMachine(saved controller.State) *controller.Machine {
	return controller.New(controller.Config{}, saved, newRand())
}

func TestFirstWakeIsAtOnce(t *testing.T) {
	deployed := &controller.Entry{Config: mgmt.Configuration{
		Instances: []mgmt.Instance{{Name: "a", Host: netip.MustParseAddr("10.0.0.1"), ListenPort: new(mgmt.TCPPort(2151))}},
	}}
	m := newMachine(controller.State{Deployed: deployed})
	if at, ok := m.NextWake(); !ok || !at.IsZero() {
		t.Errorf("NextWake before the first Step: got %v, %t, want the zero time", at, ok)
	}
	want := []controller.Effect{controller.Connect{Instance: "a", Addr: netip.MustParseAddrPort("10.0.0.1:2151")}}
	got := m.Step(epoch, controller.Tick{})
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("first Step (-want +got):\n%s", diff)
	}
	if at, ok := m.NextWake(); ok {
		t.Errorf("NextWake with nothing to do: got %v", at)
	}
}

func TestOnlySavedFollowsASave(t *testing.T) {
	for name, test := range map[string]struct {
		before []controller.Event
		ev     controller.Event
	}{
		"another event while a save is unanswered": {
			[]controller.Event{controller.FromClient{Client: "c", Principal: user("c"), Msg: mgmt.StageConfigurationRequest{ReqID: "r"}}},
			controller.Tick{},
		},
		"Saved without a save": {nil, controller.Saved{}},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMachine(controller.State{})
			for _, ev := range test.before {
				m.Step(epoch, ev)
			}
			defer func() {
				if recover() == nil {
					t.Error("Step did not panic")
				}
			}()
			m.Step(epoch, test.ev)
		})
	}
}

func TestRequestsOfUsersWhoMayNotMakeThemAreRefused(t *testing.T) {
	for _, request := range mgmt.Requests() {
		kind := mgmt.KindOf(request)
		if kind.May == mgmt.NoUser {
			continue // clients do not make it
		}
		if _, ok := request.(mgmt.TestTimeoutRequest); ok {
			request = mgmt.TestTimeoutRequest{WithState: true} // without state it is never answered
		}
		for _, role := range []mgmt.UserRole{mgmt.NoUser, mgmt.Viewer, mgmt.Operator, mgmt.Admin} {
			t.Run(fmt.Sprintf("%s by role %d", kind.Event, role), func(t *testing.T) {
				refused, audited := false, false
				for _, e := range newMachine(controller.State{}).Step(epoch, controller.FromClient{
					Client: "c", Principal: mgmt.Principal{Name: "ann", Role: role}, Msg: request,
				}) {
					switch e := e.(type) {
					case controller.Audit:
						audited = e.Record.Outcome == mgmt.AuditRefused && !refused
					case controller.Reply:
						first := e.Msg.(mgmt.Response).Outcomes()[0]
						refused = strings.HasPrefix(first.Error, fmt.Sprintf("user \"ann\" (%s) may not ", role))
					}
				}
				if want := role < kind.May; refused != want || audited != want {
					t.Errorf("refused: %t, in the audit before: %t, want %t", refused, audited, want)
				}
			})
		}
	}
}

// BenchmarkGetIDValue asks all of 1,000 nodes on 100 agents.
func BenchmarkGetIDValue(b *testing.B) {
	const agents, perAgent = 100, 10
	config := mgmt.Configuration{ID: "c"}
	answers := map[mgmt.InstanceName][]mgmt.Result{}
	for i := range agents {
		name := mgmt.InstanceName(fmt.Sprintf("agent-%d", i))
		config.Instances = append(config.Instances, mgmt.Instance{Name: name, Host: netip.MustParseAddr("10.0.0.1")})
		for j := range perAgent {
			node := mgmt.NodeName(fmt.Sprintf("worker-%d-%d", i, j))
			config.Nodes = append(config.Nodes, mgmt.Node{Name: node, Instance: name, Role: mgmt.Worker})
			answers[name] = append(answers[name], mgmt.Result{Success: true, Node: node, Data: mgmt.Text("96")})
		}
	}
	m := newMachine(controller.State{Deployed: &controller.Entry{Config: config}})
	now := epoch
	for name := range answers {
		m.Step(now, controller.PeerAdded{Peer: mgmt.PeerID(name)})
		m.Step(now, controller.FromAgent{Peer: mgmt.PeerID(name), Instance: name,
			Msg: mgmt.NotifyAgentHello{Instance: name, ID: string(name), APIVersion: 1}})
	}
	for b.Loop() {
		now = now.Add(time.Millisecond)
		done := false
		for _, e := range m.Step(now, controller.FromClient{Client: "c", Principal: user("c"), Msg: mgmt.GetIDValueRequest{ReqID: "r", ID: "x"}}) {
			ask, ok := e.(controller.ToAgent)
			if !ok {
				continue
			}
			request, ok := ask.Msg.(mgmt.AgentDispatchRequest)
			if !ok {
				continue
			}
			for _, e := range m.Step(now, controller.FromAgent{Peer: ask.Peer, Instance: ask.Instance,
				Msg: mgmt.AgentDispatchResponse{ReqID: request.ReqID, Results: answers[ask.Instance]}}) {
				_, replied := e.(controller.Reply)
				done = done || replied
			}
			m.NextWake()
		}
		if !done {
			b.Fatal("no reply")
		}
	}
}

// Every request of clients is refused, answered, or leads to a Save or a wake-up.
func TestEveryRequestOfClientsIsDecided(t *testing.T) {
	for _, req := range mgmt.Requests() {
		kind := mgmt.KindOf(req)
		if test, ok := req.(mgmt.TestTimeoutRequest); ok {
			test.WithState = true
			req = test
		}
		if kind.May == mgmt.NoUser {
			continue
		}
		m := newMachine(controller.State{})
		m.Step(time.Unix(1, 0), controller.Tick{})
		effects := m.Step(time.Unix(2, 0), controller.FromClient{Client: "c", Msg: req, Principal: user("c")})
		if _, waits := m.NextWake(); len(effects) == 0 && !waits {
			t.Errorf("nobody decides about %s", kind.Name())
		}
	}
}
