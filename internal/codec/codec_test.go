package codec_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/native"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

const (
	controllerAPI = "Management::Controller::API::"
	agentAPI      = "Management::Agent::API::"
	nodeAPI       = "Management::Node::API::"
)

var sameAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func send(name string, args ...zval.Value) zval.Value {
	return wire.Event{Name: name, Args: args}.Value()
}

func str(s string) zval.Value { return zval.String(s) }

var (
	none    = zval.None()
	vec     = zval.Vector
	set     = zval.Set
	running = zval.Enum("Management::RUNNING")
	worker  = zval.Enum("Supervisor::WORKER")
	host    = zval.Addr(netip.MustParseAddr("10.0.0.1"))
)

// node is a node's record in its shortest form, plus more elements.
func node(name string, more ...zval.Value) zval.Value {
	return vec(append([]zval.Value{str(name), str("i"), worker, running}, more...)...)
}

func config(nodes ...zval.Value) zval.Value {
	return vec(str("id"), set(vec(str("i"), host, none)), set(nodes...))
}

// malformed are events that are no messages, and what is wrong with each.
var malformed = map[string]struct {
	v    zval.Value
	want codec.Error
}{
	"an unknown event": {
		send("Management::Controller::API::test_noop_request", str("r")),
		codec.Error{Event: controllerAPI + "test_noop_request", Index: -1, Reason: "unknown event"},
	},
	"an event without its first argument": {
		send(controllerAPI + "deploy_request"),
		codec.Error{Event: controllerAPI + "deploy_request", Argument: "reqid", Reason: "missing"},
	},
	"an event without its last argument": {
		send(controllerAPI+"stage_configuration_request", str("r")),
		codec.Error{Event: controllerAPI + "stage_configuration_request", Argument: "config", Index: 1, Reason: "missing"},
	},
	"an event with an argument too many": {
		send(controllerAPI+"deploy_request", str("r"), zval.Bool(true)),
		codec.Error{Event: controllerAPI + "deploy_request", Index: -1, Reason: "got 2 arguments, want 1"},
	},
	"an event with an argument too many after a default": {
		send(controllerAPI+"restart_request", str("r"), set(), none),
		codec.Error{Event: controllerAPI + "restart_request", Index: -1, Reason: "got 3 arguments, want 2"},
	},
	"an argument of another type": {
		send(controllerAPI+"get_configuration_request", str("r"), zval.Count(1)),
		codec.Error{
			Event: controllerAPI + "get_configuration_request", Argument: "deployed", Index: 1,
			Reason: "got count, want boolean",
		},
	},
	"an argument that is unset": {
		send(controllerAPI+"deploy_request", none),
		codec.Error{Event: controllerAPI + "deploy_request", Argument: "reqid", Reason: "not set"},
	},
	"an integer for a count": {
		send(agentAPI+"notify_agent_hello", str("i"), str("id"), zval.Bool(true), zval.Int(1)),
		codec.Error{
			Event: agentAPI + "notify_agent_hello", Argument: "api_version", Index: 3,
			Reason: "got integer, want count",
		},
	},
	"a set of something else than strings": {
		send(controllerAPI+"restart_request", str("r"), set(str("a"), zval.Enum("b"))),
		codec.Error{
			Event: controllerAPI + "restart_request", Argument: "nodes[1]", Index: 1,
			Reason: "got enum-value, want string",
		},
	},
	"a vector for a set": {
		send(controllerAPI+"restart_request", str("r"), vec(str("a"))),
		codec.Error{
			Event: controllerAPI + "restart_request", Argument: "nodes", Index: 1, Reason: "got vector, want set",
		},
	},
	"a configuration cut short, which must not stop every node": {
		send(agentAPI+"deploy_request", str("r"), vec(str("id"), set())),
		codec.Error{Event: agentAPI + "deploy_request", Argument: "config.nodes", Index: 1, Reason: "missing"},
	},
	"an unset element of a vector": {
		send(nodeAPI+"node_dispatch_request", str("r"), vec(str("get_id_value"), none)),
		codec.Error{
			Event: nodeAPI + "node_dispatch_request", Argument: "action[1]", Index: 1,
			Reason: "got none, want string",
		},
	},
	"a nested enumerator that does not exist": {
		send(agentAPI+"deploy_request", str("r"), config(
			node("a"), node("b"), vec(str("c"), str("i"), zval.Enum("Supervisor::KING"), running))),
		codec.Error{
			Event: agentAPI + "deploy_request", Argument: "config.nodes[2].role", Index: 1,
			Reason: `unknown enumerator "Supervisor::KING"`,
		},
	},
	"an enumerator of another enumeration": {
		send(agentAPI+"deploy_request", str("r"), config(vec(str("a"), str("i"), running, running))),
		codec.Error{
			Event: agentAPI + "deploy_request", Argument: "config.nodes[0].role", Index: 1,
			Reason: `unknown enumerator "Management::RUNNING"`,
		},
	},
	"a string for an enumerator": {
		send(agentAPI+"deploy_request", str("r"), config(vec(str("a"), str("i"), str("WORKER"), running))),
		codec.Error{
			Event: agentAPI + "deploy_request", Argument: "config.nodes[0].role", Index: 1,
			Reason: "got string, want enum-value",
		},
	},
	"a record that lacks a mandatory element": {
		send(agentAPI+"deploy_request", str("r"), config(vec(str("a"), str("i")))),
		codec.Error{
			Event: agentAPI + "deploy_request", Argument: "config.nodes[0].role", Index: 1, Reason: "missing",
		},
	},
	"a port that is a number": {
		send(agentAPI+"deploy_request", str("r"), config(node("a", zval.Count(80)))),
		codec.Error{
			Event: agentAPI + "deploy_request", Argument: "config.nodes[0].p", Index: 1,
			Reason: "got count, want port",
		},
	},
	"a subnet for a port": {
		send(agentAPI+"deploy_request", str("r"), config(node("a", zval.Subnet(netip.MustParsePrefix("10.0.0.0/8"))))),
		codec.Error{
			Event: agentAPI + "deploy_request", Argument: "config.nodes[0].p", Index: 1,
			Reason: "got subnet, want port",
		},
	},
	"an environment value that is not a string": {
		send(agentAPI+"deploy_request", str("r"), config(node("a", none, none, none, none, none,
			zval.Table(zval.Entry{Key: str("A"), Val: str("a")}, zval.Entry{Key: str("B"), Val: zval.Int(1)})))),
		codec.Error{
			Event: agentAPI + "deploy_request", Argument: "config.nodes[0].env[1]", Index: 1,
			Reason: "got integer, want string",
		},
	},
	"a long enumerator, cut short": {
		send(agentAPI+"deploy_request", str("r"), config(vec(str("a"), str("i"), zval.Enum(strings.Repeat("x", 1000)), running))),
		codec.Error{
			Event: agentAPI + "deploy_request", Argument: "config.nodes[0].role", Index: 1,
			Reason: `unknown enumerator "` + strings.Repeat("x", 64) + `"…`,
		},
	},
	"only the first of several mistakes": {
		send(nodeAPI+"node_dispatch_request", zval.Count(1), zval.Count(2), zval.Count(3), zval.Count(4)),
		codec.Error{Event: nodeAPI + "node_dispatch_request", Argument: "reqid", Reason: "got count, want string"},
	},
}

func TestDecodeNamesWhatIsWrong(t *testing.T) {
	for name, tt := range malformed {
		t.Run(name, func(t *testing.T) {
			m, err := codec.Decode(tt.v)
			got, ok := errors.AsType[*codec.Error](err)
			if !ok {
				t.Fatalf("Decode: got %v, %v, want an *codec.Error", m, err)
			}
			if diff := cmp.Diff(&tt.want, got); diff != "" {
				t.Errorf("error (-want +got):\n%s", diff)
			}
		})
	}
}

func TestErrorReadsAsALine(t *testing.T) {
	for want, err := range map[string]codec.Error{
		"event X: argument config.nodes[2].role: missing": {Event: "X", Argument: "config.nodes[2].role", Index: 1, Reason: "missing"},
		"event X: unknown event":                          {Event: "X", Index: -1, Reason: "unknown event"},
	} {
		if got := err.Error(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

var (
	plain = mgmt.Node{Name: "a", Instance: "i", Role: mgmt.Worker, State: mgmt.Running}
	// full are the optional elements of a node: set, and without content.
	full = []zval.Value{none, vec(), set(), none, none, zval.Table(), none}
)

// conf stages nodes of instance i.
func conf(n ...mgmt.Node) mgmt.Message {
	in := mgmt.Instance{Name: "i", Host: netip.MustParseAddr("10.0.0.1")}
	return mgmt.StageConfigurationRequest{
		ReqID: "r", Config: mgmt.Configuration{ID: "id", Instances: []mgmt.Instance{in}, Nodes: n},
	}
}

func stage(c zval.Value) zval.Value {
	return send(controllerAPI+"stage_configuration_request", str("r"), c)
}

func result(elems ...zval.Value) zval.Value {
	return send(nodeAPI+"node_dispatch_response", str("r"), vec(elems...))
}

func status(elems ...zval.Value) zval.Value {
	return send(agentAPI+"get_nodes_response", str("r"), vec(str("r"), zval.Bool(true), str("i"), vec(vec(elems...))))
}

func statuses(s mgmt.NodeStatus) mgmt.Message {
	return mgmt.AgentGetNodesResponse{ReqID: "r", Result: mgmt.Result{
		ReqID: "r", Success: true, Instance: "i", Data: mgmt.NodeStatuses{s},
	}}
}

// tolerated are events that are not quite as they should be, and what is read from them.
var tolerated = map[string]struct {
	v    zval.Value
	want mgmt.Message
}{
	"a node of the four mandatory elements": {stage(config(node("a"))), conf(plain)},
	"a node of ten elements, as before Zeek 7.0": {
		stage(config(node("a", none, none, none, none, none, zval.Table()))), conf(plain),
	},
	"a node with a twelfth element": {
		stage(config(node("a", none, none, none, none, none, zval.Table(), none, str("new")))), conf(plain),
	},
	"a node without a state and with an unset environment": {
		stage(config(vec(str("a"), str("i"), worker, none, none, none, none, none, none, none, none))), conf(plain),
	},
	"empty scripts and options, which are not unset ones": {
		stage(config(node("a", full...))),
		conf(mgmt.Node{
			Name: "a", Instance: "i", Role: mgmt.Worker, State: mgmt.Running,
			Scripts: []string{}, Options: []mgmt.Option{},
		}),
	},
	"two nodes that differ only in what they leave out": {
		stage(config(node("a"), node("a", none), node("a", none, none, none, none, none, zval.Table(), none, none))),
		conf(plain),
	},
	"a configuration of nothing": {
		stage(vec(str(""), zval.Set(), zval.Set())), mgmt.StageConfigurationRequest{ReqID: "r"},
	},
	"a status of two elements": {
		status(str("n"), running),
		statuses(mgmt.NodeStatus{Node: "n", State: mgmt.Running, MgmtRole: mgmt.RoleNone, ClusterRole: mgmt.ClusterNone}),
	},
	"a status of six elements, as before Zeek 7.0": {
		status(str("n"), running, none, worker, zval.Int(7), zval.Port(80, zval.ProtoTCP)),
		statuses(mgmt.NodeStatus{
			Node: "n", State: mgmt.Running, MgmtRole: mgmt.RoleNone, ClusterRole: mgmt.Worker,
			PID: new(int64(7)), Port: new(mgmt.TCPPort(80)),
		}),
	},
	"a result of one element, a success by default": {
		result(str("x")), mgmt.NodeDispatchResponse{ReqID: "r", Result: mgmt.Result{ReqID: "x", Success: true}},
	},
	"a result with a seventh element": {
		result(str("x"), zval.Bool(false), none, none, str("no"), str("n"), str("new")),
		mgmt.NodeDispatchResponse{ReqID: "r", Result: mgmt.Result{ReqID: "x", Error: "no", Node: "n"}},
	},
	"a dispatch without nodes": {
		send(nodeAPI+"node_dispatch_request", str("r"), vec(str("a"))),
		mgmt.NodeDispatchRequest{ReqID: "r", Action: []string{"a"}},
	},
	"a deployment without force": {
		send(agentAPI+"deploy_request", str("r"), vec(str(""), zval.Set(), zval.Set())), mgmt.AgentDeployRequest{ReqID: "r"},
	},
	"an error notice without a node": {
		send(agentAPI+"notify_error", str("i"), str("m")), mgmt.NotifyError{Instance: "i", Msg: "m"},
	},
	"names in any order, and as vectors of one, as Zeek takes them": {
		send(controllerAPI+"restart_request", str("r"), inOrder(str("c"), vec(str("a")), str("a"), str("b"))),
		mgmt.RestartRequest{ReqID: "r", Nodes: []mgmt.NodeName{"a", "b", "c"}},
	},
}

func TestDecodeIsTolerant(t *testing.T) {
	for name, tt := range tolerated {
		t.Run(name, func(t *testing.T) {
			got, err := codec.Decode(tt.v)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, sameAddrs); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func inOrder(elems ...zval.Value) zval.Value {
	v, _ := zval.SetInOrder(elems)
	return v
}

func TestEncodeFillsInDefaults(t *testing.T) {
	unknown := zval.Enum("Management::UNKNOWN")
	unset := zval.Enum("Supervisor::NONE")
	wildcard := zval.Addr(netip.IPv4Unspecified())
	tests := map[string]struct {
		m    mgmt.Message
		want []zval.Value
	}{
		"an empty node and instance": {
			mgmt.AgentDeployRequest{ReqID: "r", Config: mgmt.Configuration{Instances: []mgmt.Instance{{}}, Nodes: []mgmt.Node{{}}}},
			[]zval.Value{str("r"), vec(str(""), set(vec(str(""), wildcard, none)), set(
				vec(str(""), str(""), unset, running, none, none, none, none, none, zval.Table(), none))), zval.Bool(false)},
		},
		"an empty status": {
			mgmt.GetNodesResponse{Results: []mgmt.Result{{Data: mgmt.NodeStatuses{{}}}}},
			[]zval.Value{str(""), vec(vec(str(""), zval.Bool(false), none, vec(
				vec(str(""), unknown, zval.Enum("Management::NONE"), unset, none, none, none)), none, none))},
		},
		"an empty dispatch": {
			mgmt.NodeDispatchRequest{}, []zval.Value{str(""), vec(), set()},
		},
		"data that cannot be sent": {
			mgmt.NodeDispatchResponse{Result: mgmt.Result{Data: mgmt.BadData{}}},
			[]zval.Value{str(""), vec(str(""), zval.Bool(false), none, none, none, none)},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			got := codec.Encode(tt.m)
			want := wire.Event{Name: codec.Name(tt.m), Args: tt.want, Meta: new(vec())}.Value()
			if !zval.Equal(got, want) {
				t.Errorf("got  %x\nwant %x", native.Append(nil, got), native.Append(nil, want))
			}
		})
	}
}
