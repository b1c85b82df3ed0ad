package daemon_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/proc/proctest"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// TestAgentActsOnItsOwnTopicAlone asks agent a1 what is meant for a10. Topics
// match by prefix, so it hears that.
func TestAgentActsOnItsOwnTopicAlone(t *testing.T) {
	cluster := &testCluster{t: t, dir: t.TempDir()}
	ours, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	sub := ours.Subscribe(16, mgmt.AgentTopics)
	defer sub.Close()
	ln := listen(t)
	cluster.inBackground("controller", nil, func(ctx context.Context) error {
		return ours.Serve(ctx, ln, bus.ListenConfig{})
	})
	cluster.inBackground("a1", nil, func(ctx context.Context) error {
		return daemon.RunAgent(ctx, daemon.AgentConfig{
			Core:       agent.Config{Name: "a1", Connecting: true},
			Store:      cluster.open("a1"),
			Broker:     listen(t),
			Controller: ln.Addr().String(),
			Processes:  fakeProcesses{proctest.New(proctest.Config{})},
			Launch:     launch.Embedded{Program: os.Args[0], StateDir: cluster.dir},
			Logger:     cluster.logger("a1"),
		})
	})
	// hear returns the next message of the agent that is a hello, or that is none.
	hear := func(hello bool) (heard mgmt.Message) {
		t.Helper()
		patience.Find(t, sub.Events(), "a message of the agent", func(ev bus.Event) bool {
			m, ok := ev.(bus.Message)
			if !ok {
				return false
			}
			var err error
			if heard, err = codec.Decode(m.Value); err != nil {
				t.Fatal(err)
			}
			_, is := heard.(mgmt.NotifyAgentHello)
			return is == hello
		})
		return heard
	}
	hear(true)
	say := func(name string, msg mgmt.Message) {
		ours.Publish(mgmt.AgentTopics+"/"+name, codec.Encode(msg))
	}
	say("a10", mgmt.AgentStandbyRequest{ReqID: "for a10"})
	say("a10", mgmt.AgentDeployRequest{ReqID: "for a10"})
	say("a10", mgmt.AgentGetNodesRequest{ReqID: "for a10"})
	say("a1", mgmt.AgentGetNodesRequest{ReqID: "for a1"})
	if got, ok := hear(false).(mgmt.AgentGetNodesResponse); !ok || got.ReqID != "for a1" {
		t.Errorf("got %+v, want the answer for a1", got)
	}
}

func TestClientsMayOnlyMakeRequestsOfTheController(t *testing.T) {
	cluster := startCluster(t)
	conn := cluster.stranger()
	defer conn.Close()
	request := codec.Encode(mgmt.GetInstancesRequest{ReqID: "q"})
	for name, tt := range map[string]struct {
		topic string
		msg   mgmt.Message
	}{
		"a request to an agent":                       {mgmt.AgentTopics + "/a", mgmt.AgentStandbyRequest{ReqID: "q"}},
		"a request to an agent, on the API's topic":   {mgmt.ControllerTopic, mgmt.AgentStandbyRequest{ReqID: "q"}},
		"a hello of an agent":                         {mgmt.AgentTopics + "/a", mgmt.NotifyAgentHello{Instance: "a", APIVersion: 1}},
		"a dispatch to nodes":                         {mgmt.NodeTopic, mgmt.NodeDispatchRequest{ReqID: "q"}},
		"a request to the controller, somewhere else": {mgmt.NodeTopic, mgmt.GetNodesRequest{ReqID: "q"}},
		"a request to the controller, on a sub-topic": {mgmt.ControllerTopic + "/x", mgmt.GetNodesRequest{ReqID: "q"}},
		"a notice of the controller to itself":        {mgmt.ControllerTopic, mgmt.NotifyAgentsReady{}},
		"an answer of the controller":                 {mgmt.ControllerTopic, mgmt.GetNodesResponse{ReqID: "q"}},
	} {
		t.Run(name, func(t *testing.T) {
			if err := conn.Send(t.Context(), tt.topic, codec.Encode(tt.msg)); err != nil {
				t.Fatal(err)
			}
			if topic, v, err := conn.Receive(t.Context()); !isServerError(err) {
				t.Fatalf("got %v on %q, %v; want a refusal", v, topic, err)
			}
		})
	}
	if err := conn.Send(t.Context(), mgmt.ControllerTopic, request); err != nil {
		t.Fatal(err)
	}
	if _, v, err := conn.Receive(t.Context()); err != nil {
		t.Errorf("a request is answered with %v, %v", v, err)
	}
}

func isServerError(err error) bool {
	_, ok := errors.AsType[*websocket.ServerError](err)
	return ok
}

func TestClientsOverhearOthersAndLoseNothingByIt(t *testing.T) {
	cluster := startCluster(t)
	quiet := cluster.stranger()
	defer quiet.Close()
	busy := cluster.client()
	defer busy.Close()
	const requests = 3000 // far more than wait for a client that does not read
	for range requests {
		if _, err := busy.GetInstances(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	const own = "of the quiet client"
	if err := quiet.Send(t.Context(), mgmt.ControllerTopic, codec.Encode(mgmt.GetInstancesRequest{ReqID: own})); err != nil {
		t.Fatal(err)
	}
	for overheard := 0; ; overheard++ {
		_, v, err := quiet.Receive(t.Context())
		if err != nil {
			t.Fatalf("after %d requests of another client: %v", requests, err)
		}
		msg, err := codec.Decode(v)
		if err != nil {
			t.Fatal(err)
		}
		if answer, ok := msg.(mgmt.GetInstancesResponse); ok && answer.ReqID == own {
			if overheard == 0 {
				t.Error("nothing was heard of another client's requests and answers")
			}
			return
		}
	}
}
