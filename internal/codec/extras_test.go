package codec_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// What Zeek's record of a node has no field for travels as an option. A Zeek that
// gets it ends.
func TestExtrasTravelAsOptions(t *testing.T) {
	for name, tt := range map[string]struct{ sent, got mgmt.Node }{
		"a command": {
			mgmt.Node{Name: "f", Role: mgmt.ClusterNone, State: mgmt.Running, Command: []string{"/bin/feeder", "a b", "", "\"é<"}},
			mgmt.Node{Name: "f", Role: mgmt.ClusterNone, State: mgmt.Running, Command: []string{"/bin/feeder", "a b", "", "\"é<"}},
		},
		"a command and options, which an agent refuses": {
			mgmt.Node{Name: "f", Role: mgmt.Worker, State: mgmt.Running, Command: []string{"/bin/feeder"}, Options: []mgmt.Option{{Name: "A", Value: "b"}}},
			mgmt.Node{Name: "f", Role: mgmt.Worker, State: mgmt.Running, Command: []string{"/bin/feeder"}, Options: []mgmt.Option{{Name: "A", Value: "b"}}},
		},
		"the option": {
			mgmt.Node{Name: "f", Role: mgmt.Worker, State: mgmt.Running, Options: []mgmt.Option{{Name: "Fleet::command", Value: `["/bin/feeder"]`}}},
			mgmt.Node{Name: "f", Role: mgmt.Worker, State: mgmt.Running, Command: []string{"/bin/feeder"}},
		},
		"an option that is no command, which an agent refuses": {
			mgmt.Node{Name: "f", Role: mgmt.Worker, State: mgmt.Running, Options: []mgmt.Option{{Name: "Fleet::command", Value: `[ "/bin/feeder" ]`}}},
			mgmt.Node{Name: "f", Role: mgmt.Worker, State: mgmt.Running, Options: []mgmt.Option{{Name: "Fleet::command", Value: `[ "/bin/feeder" ]`}}},
		},
		"bundles and options of the configuration framework": {
			mgmt.Node{Name: "f", Role: mgmt.Worker, State: mgmt.Running, Bundles: []mgmt.Bundle{{Name: "site", Kind: mgmt.ScriptBundle, Hash: "sha256:00"}}, RunOptions: []mgmt.Option{{Name: "A::b", Value: "<c,\"d\">"}}},
			mgmt.Node{Name: "f", Role: mgmt.Worker, State: mgmt.Running, Bundles: []mgmt.Bundle{{Name: "site", Kind: mgmt.ScriptBundle, Hash: "sha256:00"}}, RunOptions: []mgmt.Option{{Name: "A::b", Value: "<c,\"d\">"}}},
		},
		"a cluster backend": {
			mgmt.Node{Name: "z", Role: mgmt.Worker, State: mgmt.Running, Backend: mgmt.ZeroMQBackend},
			mgmt.Node{Name: "z", Role: mgmt.Worker, State: mgmt.Running, Backend: mgmt.ZeroMQBackend},
		},
		"a cluster backend that there is not, which an agent refuses": {
			mgmt.Node{Name: "z", Role: mgmt.Worker, State: mgmt.Running, Options: []mgmt.Option{{Name: "Fleet::backend", Value: "nats"}}},
			mgmt.Node{Name: "z", Role: mgmt.Worker, State: mgmt.Running, Options: []mgmt.Option{{Name: "Fleet::backend", Value: "nats"}}},
		},
		"limits": {
			mgmt.Node{Name: "l", Role: mgmt.Worker, State: mgmt.Running, Limits: mgmt.Limits{Memory: 8 << 30, CPUWeight: 200, Nice: -5}},
			mgmt.Node{Name: "l", Role: mgmt.Worker, State: mgmt.Running, Limits: mgmt.Limits{Memory: 8 << 30, CPUWeight: 200, Nice: -5}},
		},
		"limits in another spelling, which an agent refuses": {
			mgmt.Node{Name: "l", Role: mgmt.Worker, State: mgmt.Running, Options: []mgmt.Option{{Name: "Fleet::limits", Value: `{"nice":-5,"memory":1}`}}},
			mgmt.Node{Name: "l", Role: mgmt.Worker, State: mgmt.Running, Options: []mgmt.Option{{Name: "Fleet::limits", Value: `{"nice":-5,"memory":1}`}}},
		},
		"two lists of bundles, of which the second stays an option": {
			mgmt.Node{Name: "f", Role: mgmt.Worker, State: mgmt.Running, Options: []mgmt.Option{{Name: "Fleet::run_options", Value: `[["A::b","c"]]`}, {Name: "Fleet::run_options", Value: `[["A::b","d"]]`}}},
			mgmt.Node{Name: "f", Role: mgmt.Worker, State: mgmt.Running, RunOptions: []mgmt.Option{{Name: "A::b", Value: "c"}}, Options: []mgmt.Option{{Name: "Fleet::run_options", Value: `[["A::b","d"]]`}}},
		},
	} {
		sent := mgmt.AgentDeployRequest{ReqID: "q", Config: mgmt.Configuration{ID: "c", Nodes: []mgmt.Node{tt.sent}}}
		msg, err := codec.Decode(codec.Encode(sent))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(tt.got, msg.(mgmt.AgentDeployRequest).Config.Nodes[0]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
