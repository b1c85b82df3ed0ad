package agent_test

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// everyRequest asks each thing there is to ask, under one ID.
func everyRequest(id mgmt.ReqID) []mgmt.Message {
	return []mgmt.Message{
		mgmt.AgentDeployRequest{ReqID: id},
		mgmt.AgentRestartRequest{ReqID: id},
		mgmt.AgentDispatchRequest{ReqID: id},
		mgmt.AgentStandbyRequest{ReqID: id},
		mgmt.AgentGetNodesRequest{ReqID: id},
		mgmt.AgentWelcomeRequest{ReqID: id},
		mgmt.AgentPrepareRequest{ReqID: id},
	}
}

// busy returns an agent with the request "busy" in flight.
func busy(t *testing.T, cfg agent.Config) *world {
	w := running(t, cfg, nodes("worker")...)
	w.fates["worker"] = fate{deaf: true}
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
				return &world{t: t, m: agent.New(agent.Config{Name: "host"}, agent.State{}, nil)}
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
				w.fates["worker"] = fate{stop: time.Minute}
				w.step(agent.Shutdown{})
				w.skip()
				return w
			},
			controller, "q", "agent is shutting down",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := tt.given(t)
			for i, msg := range everyRequest(tt.id) {
				w.skip()
				w.step(agent.FromController{Peer: tt.from, Msg: msg})
				kind := []string{"deploy", "restart", "dispatch", "standby", "nodes", "welcome", "prepare"}[i]
				want := fmt.Sprintf("0s    answer %s %s: [failed (%s)]", kind, tt.id, tt.want)
				if tt.from != controller {
					want += " to " + string(tt.from)
				}
				if diff := cmp.Diff([]string{want}, w.trace); diff != "" {
					t.Errorf("trace (-want +got):\n%s", diff)
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

func TestWhatAnEarlierLifeOfTheControllerSentChangesNothing(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.step(agent.PeerAdded{Peer: "younger"})
	w.step(agent.FromController{Peer: "younger", Msg: mgmt.AgentWelcomeRequest{ReqID: "w"}})
	w.skip()
	w.epoch = w.now
	w.deploy("late")
	w.ask(restart("late"))
	w.ask(mgmt.AgentStandbyRequest{ReqID: "late"})
	w.expect(`
		0s answer deploy late: [failed (the controller has connected anew since)]
		0s answer restart late: [failed (the controller has connected anew since)]
		0s answer standby late: [failed (the controller has connected anew since)]
	`)

	// The one that led is gone: the earlier one has to connect anew, by which it
	// shows that it lives.
	w.step(agent.PeerLost{Peer: "younger"})
	w.expect("0s drop controller")
	w.ask(restart("later"))
	w.expect(`
		0s answer restart later: [failed (the controller has connected anew since)]
		0s drop controller
	`)
	w.step(agent.PeerLost{Peer: controller})
	w.step(agent.PeerAdded{Peer: controller})
	w.skip()
	w.ask(restart("again"))
	w.run(time.Minute)
	w.expect(`
		0s worker: RUNNING to PENDING
		0s stop worker
		0s start worker
		0s hello host to worker#2
		0s worker: PENDING to RUNNING
		0s answer restart again: [worker ok]
	`)
}

func TestWelcomeByAStrangerThatHangsUpLeavesTheControllerInCharge(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	for _, stranger := range []mgmt.PeerID{"stranger", "another"} {
		w.step(agent.PeerAdded{Peer: stranger})
		w.step(agent.FromController{Peer: stranger, Msg: mgmt.AgentWelcomeRequest{ReqID: "w"}})
		w.skip()
		w.step(agent.PeerLost{Peer: stranger})
		w.expect("0s drop controller")
		w.step(agent.PeerLost{Peer: controller})
		w.step(agent.PeerAdded{Peer: controller})
		w.skip()
		w.deploy("d", nodes("worker")...)
		w.expect(`
			0s save 1 nodes
			0s answer deploy d: [worker ok]
		`)
	}
}

func TestPeersThatLeadNobodyNeedNotConnectAnew(t *testing.T) {
	w := running(t, agent.Config{}, nodes("worker")...)
	w.step(agent.PeerAdded{Peer: "viewer"})
	w.step(agent.PeerAdded{Peer: "stranger"})
	w.step(agent.FromController{Peer: "stranger", Msg: mgmt.AgentWelcomeRequest{ReqID: "w"}})
	w.step(agent.PeerAdded{Peer: "later"})
	w.skip()
	w.step(agent.PeerLost{Peer: "stranger"})
	w.expect("0s drop controller")
	w.step(agent.FromController{Peer: "later", Msg: mgmt.AgentWelcomeRequest{ReqID: "w"}})
	w.expect("0s answer welcome w: [ok] to later")
	w.step(agent.FromController{Peer: "viewer", Msg: mgmt.AgentWelcomeRequest{ReqID: "w"}})
	w.expect(`
		0s answer welcome w: [failed (the controller has connected anew since)] to viewer
		0s drop viewer
	`)
	w.step(agent.PeerLost{Peer: controller})
	w.skip()
	if got := w.state("worker"); got != mgmt.Running {
		t.Errorf("worker is %s", got)
	}
}

func TestRequestsOfDifferentPeersMayShareAnID(t *testing.T) {
	w := busy(t, agent.Config{MaxRequests: 2})
	w.step(agent.FromController{Peer: "second", Msg: dispatch("busy")})
	w.run(time.Minute)
	w.expect(`
		0s ask [worker#1] [get_id_value Cluster::node] of []
		5s answer dispatch busy: [worker failed (request timed out)]
		5s answer dispatch busy: [worker failed (request timed out)] to second
	`)
}

func TestEmptyRequestIDIsAnOrdinaryOne(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.deploy("", nodes("worker")...)
	w.run(time.Second)
	w.skip()
	w.epoch = w.now
	w.ask(mgmt.AgentRestartRequest{})
	w.ask(mgmt.AgentRestartRequest{})
	w.run(time.Minute)
	w.expect(`
		0s worker: RUNNING to PENDING
		0s stop worker
		0s answer restart : [failed (request ID is in use by a request in flight)]
		0s start worker
		0s hello host to worker#2
		0s worker: PENDING to RUNNING
		0s answer restart : [worker ok]
	`)
}

func TestWelcomeIsAnsweredAtOnce(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.ask(mgmt.AgentWelcomeRequest{ReqID: "w1"})
	w.expect("0s answer welcome w1: [ok]")
}

func TestAnswersGoToThePeerThatAsked(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.step(agent.FromController{Peer: "second", Msg: mgmt.AgentWelcomeRequest{ReqID: "w1"}})
	w.expect("0s answer welcome w1: [ok] to second")
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
			w.kill("worker-2")
			want := mgmt.NodeStatuses{
				{Node: "host", State: mgmt.Running, MgmtRole: mgmt.RoleAgent, ClusterRole: mgmt.ClusterNone, PID: new(int64(8)), Port: tt.port},
				{Node: "logger", State: mgmt.Running, MgmtRole: mgmt.RoleNone, ClusterRole: mgmt.Logger, PID: new(int64(101)), Port: new(mgmt.TCPPort(2200)), MetricsPort: new(mgmt.TCPPort(9000))},
				{Node: "worker-1", State: mgmt.Running, MgmtRole: mgmt.RoleNone, ClusterRole: mgmt.Worker, PID: new(int64(102))},
				{Node: "worker-2", State: mgmt.Crashed, MgmtRole: mgmt.RoleNone, ClusterRole: mgmt.Worker},
			}
			if diff := cmp.Diff(want, w.statuses()); diff != "" {
				t.Errorf("statuses (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNotifyChangeDescribesTheNodeWithoutItsEnvironment(t *testing.T) {
	w := running(t, agent.Config{}, changed(node("worker")))
	w.disconnect("worker")
	described := changed(node("worker"))
	described.State = mgmt.Unknown
	described.Env = nil // everyone can subscribe
	want := []agent.Effect{agent.ToController{Msg: mgmt.NotifyChange{Instance: "host", Node: described, Old: mgmt.Running, New: mgmt.Unknown}}}
	if diff := cmp.Diff(want, w.effects); diff != "" {
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
			if diff := cmp.Diff(tt.want, w.m.Step(w.now, agent.FromController{Peer: controller, Msg: tt.msg})); diff != "" {
				t.Errorf("effects (-want +got):\n%s", diff)
			}
		})
	}
}

func TestEveryRequestToAnAgentIsAnswered(t *testing.T) {
	for _, req := range mgmt.Requests() {
		kind := mgmt.KindOf(req)
		if !strings.HasPrefix(kind.Event, mgmt.AgentAPI) && !strings.HasPrefix(kind.Event, mgmt.FleetAgentAPI) {
			continue
		}
		t.Run(kind.Event, func(t *testing.T) {
			w := newWorld(t, agent.Config{})
			w.ask(req)
			for _, e := range w.effects {
				if to, ok := e.(agent.ToController); ok && reflect.TypeOf(to.Msg) == reflect.TypeOf(req.Answer("", mgmt.Result{})) {
					return
				}
			}
			t.Errorf("no answer among %v", w.trace)
		})
	}
}
