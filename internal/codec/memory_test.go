package codec_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// arrived returns a message as it arrives over a native peering.
func arrived(t *testing.T, m mgmt.Message) zval.Value {
	t.Helper()
	v, err := native.Decode(native.Encode(codec.Encode(m)), native.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestAConfigurationThatComesAgainIsDecodedOnce(t *testing.T) {
	var c, other mgmt.Configuration
	for i := range 100 {
		c.Nodes = append(c.Nodes, mgmt.Node{Name: mgmt.NodeName(fmt.Sprintf("w-%03d", i)), Role: mgmt.Worker, State: mgmt.Running})
	}
	other = c.Clone()
	other.Nodes[99].Role = mgmt.Proxy
	var known codec.Memory
	decode := func(m mgmt.Message) mgmt.Message {
		got, err := known.Decode(arrived(t, m))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(m, got); diff != "" {
			t.Error(diff)
		}
		return got
	}
	first := decode(mgmt.AgentPrepareRequest{ReqID: "1", Config: c, Preflight: time.Second}).(mgmt.AgentPrepareRequest)
	again := decode(mgmt.AgentDeployRequest{ReqID: "2", Config: c, Force: true}).(mgmt.AgentDeployRequest)
	if !again.Config.SharesNodes(first.Config) {
		t.Error("the same configuration is decoded twice")
	}
	if after := decode(mgmt.AgentDeployRequest{ReqID: "3", Config: other}).(mgmt.AgentDeployRequest); after.Config.SharesNodes(first.Config) {
		t.Error("another configuration is taken for the first one")
	}
	decode(mgmt.AgentDeployRequest{ReqID: "4", Config: c})
}
