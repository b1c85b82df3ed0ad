package daemon_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func manyNodes(n int) mgmt.Configuration {
	config := mgmt.Configuration{ID: "many", Instances: []mgmt.Instance{{Name: "i", Host: mgmt.UnknownHost}}}
	for i := range n {
		config.Nodes = append(config.Nodes, mgmt.Node{
			Name: mgmt.NodeName(fmt.Sprintf("worker-%d", i)), Instance: "i", Role: mgmt.Worker, State: mgmt.Running,
		})
	}
	return config
}

func TestAConfigurationIsEncodedOnceForAllWhoAsk(t *testing.T) {
	answers := daemon.NewSharedConfigs()
	shared := 0
	ask := func(config mgmt.Configuration, id mgmt.ReqID) {
		t.Helper()
		msg := mgmt.GetConfigurationResponse{ReqID: id, Result: mgmt.Result{ReqID: id, Success: true, Data: config}}
		got := answers.Encode(msg, func(zval.Value) { shared++ })
		if want := codec.Encode(msg); !bytes.Equal(native.Append(nil, got), native.Append(nil, want)) {
			t.Errorf("%s: the answer is not what it would be alone", id)
		}
	}
	staged, deployed, few := manyNodes(1000), manyNodes(1001), manyNodes(10)
	for i := range 10 {
		ask(staged, mgmt.ReqID(fmt.Sprint("staged ", i)))
		ask(deployed, mgmt.ReqID(fmt.Sprint("deployed ", i)))
		ask(few, mgmt.ReqID(fmt.Sprint("few ", i)))
	}
	if shared != 2 {
		t.Errorf("configurations were made %d times, want once each for the two large ones", shared)
	}
	ask(manyNodes(1000), "equal, but not the same")
	if shared != 3 {
		t.Errorf("configurations were made %d times, want once more for another", shared)
	}

	endpoint, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	// Once it is encoded, another answer costs next to nothing.
	answer := func(id mgmt.ReqID) zval.Value {
		return answers.Encode(mgmt.GetConfigurationResponse{
			ReqID: id, Result: mgmt.Result{ReqID: id, Success: true, Data: staged},
		}, endpoint.Share)
	}
	staged = manyNodes(1000)
	answer("first")
	if n := testing.AllocsPerRun(10, func() { answer("another") }); n > 100 {
		t.Errorf("another answer took %.0f allocations", n)
	}
}

// A deployment sends the whole configuration to each agent, twice.
func TestAConfigurationIsEncodedOnceForAllAgents(t *testing.T) {
	configs, config, few := daemon.NewSharedConfigs(), manyNodes(1000), manyNodes(10)
	encode := func(msg mgmt.Message) zval.Value {
		return configs.Encode(msg, func(zval.Value) { t.Error("no client gets this") })
	}
	for _, msg := range []mgmt.Message{
		mgmt.AgentPrepareRequest{ReqID: "a", Config: config, Preflight: 1, Whole: 2},
		mgmt.AgentPrepareRequest{ReqID: "b", Config: config, Preflight: 3, Whole: 4},
		mgmt.AgentDeployRequest{ReqID: "c", Config: config},
		mgmt.AgentDeployRequest{ReqID: "d", Config: config, Force: true},
		mgmt.AgentDeployRequest{ReqID: "e", Config: few},
		mgmt.AgentGetNodesRequest{ReqID: "f"},
	} {
		if want := codec.Encode(msg); !bytes.Equal(native.Append(nil, encode(msg)), native.Append(nil, want)) {
			t.Errorf("%+v is not encoded as it would be alone", msg)
		}
	}
	if n := testing.AllocsPerRun(10, func() { encode(mgmt.AgentDeployRequest{ReqID: "g", Config: config}) }); n > 100 {
		t.Errorf("another request took %.0f allocations", n)
	}
}
