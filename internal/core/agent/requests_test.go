package agent_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// everyRequest asks each thing there is to ask of an agent, under one ID.
func everyRequest(id mgmt.ReqID) (list []mgmt.Request) {
	for _, empty := range mgmt.Requests() {
		event := mgmt.KindOf(empty).Event
		if strings.HasPrefix(event, mgmt.AgentAPI) || strings.HasPrefix(event, mgmt.FleetAgentAPI) {
			request := reflect.New(reflect.TypeOf(empty)).Elem()
			request.FieldByName("ReqID").SetString(string(id))
			list = append(list, request.Interface().(mgmt.Request))
		}
	}
	return list
}

// busy returns an agent with the request "busy" in flight.
func busy(t *testing.T, cfg agent.Config) *world {
	w := running(t, cfg, nodes("worker")...)
	w.Fates["worker"] = coretest.Fate{Deaf: true}
	w.ask(dispatch("busy"))
	w.skip()
	return w
}

func TestRequestsThatAreRefusedAreAnsweredSo(t *testing.T) {
	for name, tt := range map[string]struct {
		given func(t *testing.T) *world
		from  mgmt.PeerID
		id    mgmt.ReqID
		want  string
	}{
		"before anything was adopted": {
			func(t *testing.T) *world {
				w := newWorld(t, agent.Config{})
				w.Load(agent.Config{})
				return w
			},
			controller, "q", "agent is starting",
		},
		"under an ID that is in use": {
			func(t *testing.T) *world { return busy(t, agent.Config{}) },
			controller, "busy", "request ID is in use by a request in flight",
		},
		"beyond the limit": {
			func(t *testing.T) *world { return busy(t, agent.Config{MaxRequests: 1}) },
			controller, "q", "too many requests in flight",
		},
		"from a node": {
			func(t *testing.T) *world { return running(t, agent.Config{}, nodes("worker")...) },
			"worker#1", "q", "cluster nodes may not make requests of agents",
		},
		"while the agent shuts down": {
			func(t *testing.T) *world {
				w := running(t, agent.Config{}, nodes("worker")...)
				w.Fates["worker"] = coretest.Fate{Stop: time.Minute}
				w.Step(agent.Shutdown{})
				w.skip()
				return w
			},
			controller, "q", "agent is shutting down",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := tt.given(t)
			for _, request := range everyRequest(tt.id) {
				w.skip()
				w.Step(agent.FromController{Peer: tt.from, Msg: request})
				want := fmt.Sprintf("-> %s  %s %s answered: fail host %q", tt.from, mgmt.KindOf(request).Name(), tt.id, tt.want)
				if got := w.said(); len(got) != 1 || !strings.HasPrefix(got[0], want) {
					t.Errorf("got %q, want %q", got, want)
				}
			}
		})
	}
}

func TestRefusedGetNodesCarriesAnEmptyList(t *testing.T) {
	m := agent.New(agent.Config{Name: "host"}, agent.State{}, nil)
	effects := m.Step(time.Unix(0, 0), agent.FromController{Peer: controller, Msg: mgmt.AgentGetNodesRequest{ReqID: "q"}})
	want := agent.ToController{Peer: controller, Msg: mgmt.AgentGetNodesResponse{ReqID: "q", Result: mgmt.Result{
		ReqID: "q", Instance: "host", Error: "agent is starting", Data: mgmt.NodeStatuses{},
	}}}
	if diff := cmp.Diff(agent.Effect(want), effects[len(effects)-1]); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestHelloGoesToEveryPeerButNotBeforeTheAgentKnowsWhatItRuns(t *testing.T) {
	m := agent.New(agent.Config{Name: "host", EndpointID: "e0", Connecting: true}, agent.State{}, nil)
	hello := func(to mgmt.PeerID) agent.Effect {
		return agent.ToController{Peer: to, Msg: mgmt.NotifyAgentHello{Instance: "host", ID: "e0", Connecting: true, APIVersion: 1}}
	}
	for i, tt := range []struct {
		ev   agent.Event
		want []agent.Effect
	}{
		{agent.PeerAdded{Peer: "b"}, nil},
		{agent.PeerAdded{Peer: "a"}, nil},
		{agent.PeerUpdated{Peer: "a"}, nil},
		{agent.Adopted{}, []agent.Effect{hello("b"), hello("a")}},
		{agent.PeerAdded{Peer: "c"}, []agent.Effect{hello("c")}},
		{agent.PeerUpdated{Peer: "a"}, []agent.Effect{hello("a")}},
		{agent.PeerLost{Peer: "a"}, nil},
		{agent.PeerAdded{Peer: "a"}, []agent.Effect{hello("a")}},
		{agent.Shutdown{}, []agent.Effect{agent.StoppedAll{}}},
		{agent.PeerAdded{Peer: "d"}, nil},
	} {
		if diff := cmp.Diff(tt.want, m.Step(time.Unix(0, 0), tt.ev)); diff != "" {
			t.Errorf("step %d, %T (-want +got):\n%s", i, tt.ev, diff)
		}
	}
}

func TestGetNodesListsAgentAndNodes(t *testing.T) {
	list := nodes("logger", "worker-1", "worker-2")
	list[0].Port, list[0].MetricsPort = new(mgmt.TCPPort(2200)), new(mgmt.TCPPort(9000))
	list[1].Port = new(mgmt.NoPort)
	for name, tt := range map[string]struct {
		cfg  agent.Config
		port *mgmt.Port
	}{
		"an agent that is dialed shows its port":   {agent.Config{PID: 8}, new(mgmt.TCPPort(2151))},
		"an agent that dials does not show a port": {agent.Config{PID: 8, Connecting: true}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			tt.cfg.ListenPort = mgmt.TCPPort(2151)
			w := running(t, tt.cfg, list...)
			w.Kill("worker-2")
			want := mgmt.NodeStatuses{
				{Node: "host", State: mgmt.Running, MgmtRole: mgmt.RoleAgent, ClusterRole: mgmt.ClusterNone, PID: new(int64(8)), Port: tt.port},
				{Node: "logger", State: mgmt.Running, MgmtRole: mgmt.RoleNone, ClusterRole: mgmt.Logger, PID: new(int64(101)), Port: new(mgmt.TCPPort(2200)), MetricsPort: new(mgmt.TCPPort(9000))},
				{Node: "worker-1", State: mgmt.Running, MgmtRole: mgmt.RoleNone, ClusterRole: mgmt.Worker, PID: new(int64(102))},
				{Node: "worker-2", State: mgmt.Crashed, MgmtRole: mgmt.RoleNone, ClusterRole: mgmt.Worker},
			}
			if diff := cmp.Diff(want, w.Statuses()); diff != "" {
				t.Errorf("statuses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotifyChangeDescribesTheNodeWithoutItsEnvironment(t *testing.T) {
	w := running(t, agent.Config{}, changed(node("worker")))
	w.Disconnect("worker")
	described := changed(node("worker"))
	described.State = mgmt.Unknown
	described.Env = nil // everyone can subscribe
	want := []agent.Effect{agent.ToController{Msg: mgmt.NotifyChange{Instance: "host", Node: described, Old: mgmt.Running, New: mgmt.Unknown}}}
	if diff := cmp.Diff(want, decided(w.effects)); diff != "" {
		t.Errorf("effects (-want +got):\n%s", diff)
	}
}

func TestRefusalByAControllerIsNoted(t *testing.T) {
	for name, tt := range map[string]struct {
		msg  mgmt.NotifyError
		want []agent.Effect
	}{
		"of this agent": {
			mgmt.NotifyError{Instance: "host", Msg: "an agent named 'host' is connected already, from 10.0.0.9:4711"},
			[]agent.Effect{agent.Note{
				Level: agent.Error, Text: "a controller refuses this agent", Peer: controller,
				Err: "an agent named 'host' is connected already, from 10.0.0.9:4711",
			}},
		},
		"of another": {
			mgmt.NotifyError{Instance: "other", Msg: "no"},
			[]agent.Effect{agent.Note{Level: agent.Debug, Text: "message that an agent has no use for", Peer: controller}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, agent.Config{})
			if diff := cmp.Diff(tt.want, w.Core.Step(w.Now(), agent.FromController{Peer: controller, Msg: tt.msg})); diff != "" {
				t.Errorf("effects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryRequestToAnAgentIsAnswered(t *testing.T) {
	for _, req := range everyRequest("q") {
		t.Run(mgmt.KindOf(req).Event, func(t *testing.T) {
			w := newWorld(t, agent.Config{})
			w.ask(req)
			for _, e := range w.effects {
				if to, ok := e.(agent.ToController); ok && reflect.TypeOf(to.Msg) == reflect.TypeOf(req.Answer("", mgmt.Result{})) {
					return
				}
			}
			t.Errorf("no answer among %q", w.said())
		})
	}
}
