package dropin_test

import (
	"net/netip"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/replay"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func value(node mgmt.NodeName, json string) mgmt.Result {
	return mgmt.Result{Success: true, Instance: "i", Node: node, Data: mgmt.Text(json)}
}

var (
	east   = mgmt.Instance{Name: "agent-east", Host: netip.MustParseAddr("192.0.2.10"), ListenPort: new(mgmt.TCPPort(2151))}
	west   = mgmt.Instance{Name: "agent-west", Host: netip.MustParseAddr("192.0.2.23")}
	nobody = mgmt.Instance{Name: "agent-none", Host: mgmt.UnknownHost}
	zero   = mgmt.Instance{Name: "agent-zero", Host: mgmt.UnknownHost, ListenPort: new(mgmt.TCPPort(1))}
)

// config is a configuration with everything that zeek-client can show.
var config = mgmt.Configuration{
	ID:        "an ID",
	Instances: []mgmt.Instance{west, nobody, east, {Name: "v6", Host: netip.MustParseAddr("2001:db8::1"), ListenPort: new(mgmt.TCPPort(2))}},
	Nodes: []mgmt.Node{
		{Name: "w", Instance: "agent-west", Role: mgmt.Worker, State: mgmt.Running, Interface: new("eth0"), CPUAffinity: new(int64(-1)),
			Scripts: []string{"z.zeek", "a b.zeek", "m.zeek"}, Env: map[string]string{"Z": "1", "A": "x y", "E": ""}, MetricsPort: new(mgmt.TCPPort(9000))},
		{Name: "m", Instance: "agent-east", Role: mgmt.Manager, State: mgmt.Running, Port: new(mgmt.TCPPort(2200)), Interface: new("")},
		{Name: "ü", Instance: "agent-east", Role: mgmt.ClusterNone, State: mgmt.Pending, Scripts: []string{}},
	},
}

func configured(c mgmt.Configuration) mgmt.Result { return mgmt.Result{Success: true, Data: c} }

// changed returns a configuration with one node that change has changed.
func changed(change func(*mgmt.Node)) mgmt.Configuration {
	n := mgmt.Node{Name: "w", Instance: "i", Role: mgmt.Worker, State: mgmt.Running}
	change(&n)
	return mgmt.Configuration{ID: "x", Instances: []mgmt.Instance{{Name: "i", Host: mgmt.UnknownHost}}, Nodes: []mgmt.Node{n}}
}

func status(node mgmt.NodeName, state mgmt.State, role mgmt.Role, cluster mgmt.ClusterRole) mgmt.NodeStatus {
	return mgmt.NodeStatus{Node: node, State: state, MgmtRole: role, ClusterRole: cluster}
}

// requestPlays are commands and what controllers answer (spec zeek-client 8 and 9).
var requestPlays = map[string]play{
	"deploy": ask("deploy",
		mgmt.Result{Success: true, Data: mgmt.Text("an ID")},
		mgmt.Result{Success: true, Instance: "agent-west"},
		mgmt.Result{Success: true, Instance: "agent-east", Node: "log1"},
		mgmt.Result{Success: true, Instance: "agent-east", Node: "a"}),
	"deploy nothing new":               ask("deploy", mgmt.Result{Success: true, Data: mgmt.Text("an ID")}),
	"deploy without results":           ask("deploy"),
	"deploy is refused":                ask("deploy", mgmt.Result{Error: "no configuration available to deploy"}),
	"deploy with an error of an agent": ask("deploy", mgmt.Result{Success: true, Data: mgmt.Text("x")}, mgmt.Result{Instance: "i", Error: "request timed out"}),
	"deploy with a failed node": ask("deploy", mgmt.Result{Success: true, Data: mgmt.Text("x")},
		mgmt.Result{Instance: "i", Node: "w", Data: mgmt.NodeOutputs{Stdout: "", Stderr: "fatal error: no such device"}}).because("D30"),
	"deploy with a failed node that says why":   ask("deploy", mgmt.Result{Instance: "i", Node: "w", Error: "no interface eth9"}).because("D30"),
	"deploy with a failed node that is silent":  ask("deploy", mgmt.Result{Instance: "i", Node: "w"}),
	"deploy with output of a good node":         ask("deploy", mgmt.Result{Success: true, Instance: "i", Node: "w", Data: mgmt.NodeOutputs{Stdout: "a\nb", Stderr: "ü\u2028\x7f\"\\"}}),
	"deploy fails without a reason":             ask("deploy", mgmt.Result{}).because("D31"),
	"deploy fails at an agent without a reason": ask("deploy", mgmt.Result{Instance: "i"}).because("D31"),
	"deploy with a result of nobody":            ask("deploy", mgmt.Result{Success: true, Node: "w"}),
	"deploy with a result of nobody, told":      ask("deploy", mgmt.Result{Success: true, Node: "w"}).with("-v").because("D32"),
	"deploy with bad data of a node":            odd("deploy", "deploy_response", zval.Vector(record(true, text("i"), zval.Count(3), none, text("w")))).because("D33"),
	"deploy on one line":                        ask("deploy", mgmt.Result{Success: true, Data: mgmt.Text("x")}, mgmt.Result{Error: "ünïcode"}).with("--set", "client.pretty_json=no"),

	"get-id-value":          ask("get-id-value x", value("b", "300.0"), value("a", `{"z":[1,-0,2.50,1e400,1E2,12345678901234567890],"a":{"ü":"é\ud83d\ude00"},"n":null,"t":true,"e":[],"o":{}}`)),
	"get-id-value of nodes": ask("get-id-value Site::local_nets w-2 w-1 w-2", value("w-1", `["10.0.0.0/8"]`)),
	"get-id-value with errors": ask("get-id-value x",
		mgmt.Result{Error: "unknown cluster node", Node: "z"}, mgmt.Result{Instance: "i", Node: "b", Error: "unknown id"},
		mgmt.Result{Instance: "h", Node: "c", Error: "unknown id"}, mgmt.Result{Instance: "i", Node: "a"}, value("d", "1")),
	"get-id-value of a silent agent": ask("get-id-value x", mgmt.Result{Instance: "i", Error: "request timed out"}).because("D35"),
	"get-id-value without data":      ask("get-id-value x", mgmt.Result{Success: true, Instance: "i", Node: "w"}),
	"get-id-value without a node":    ask("get-id-value x", mgmt.Result{Success: true, Instance: "i", Data: mgmt.Text("1")}).because("D36"),
	"get-id-value with other data":   odd("get-id-value x", "get_id_value_response", zval.Vector(record(true, text("i"), zval.Count(3), none, text("w")))).because("D33"),
	"get-id-value that is no JSON":   ask("get-id-value x", value("w", "{")).because("D37"),
	"get-id-value of empty text":     ask("get-id-value x", value("w", "")).because("D37"),
	"get-id-value with more text":    ask("get-id-value x", value("w", "1 2")).because("D37"),
	"get-id-value of numbers":        ask("get-id-value x", value("w", "[0.1,1e16,1e15,123456789.125,1e-5,0.0001,-0.0,5e-324,1.7976931348623157e308,1e22,100000000000000000000.0]")),

	"get-instances":                 ask("get-instances", mgmt.Result{Success: true, Data: mgmt.Instances{west, zero, nobody, east}}),
	"get-instances of none":         ask("get-instances", mgmt.Result{Success: true, Data: mgmt.Instances{}}),
	"get-instances is refused":      ask("get-instances", mgmt.Result{Error: "not now"}),
	"get-instances fails":           ask("get-instances", mgmt.Result{}),
	"get-instances without data":    ask("get-instances", mgmt.Result{Success: true}).because("D32"),
	"get-instances with other data": odd("get-instances", "get_instances_response", record(true, none, zval.Vector(zval.Count(1)), none, none)).because("D38"),

	"get-nodes": ask("get-nodes",
		mgmt.Result{Success: true, Instance: "agent-west", Data: mgmt.NodeStatuses{}},
		mgmt.Result{Success: true, Instance: "agent-east", Data: mgmt.NodeStatuses{
			{Node: "m", State: mgmt.Running, MgmtRole: mgmt.RoleNone, ClusterRole: mgmt.Manager, PID: new(int64(902)), Port: new(mgmt.TCPPort(2200)), MetricsPort: new(mgmt.TCPPort(9000))},
			status("agent-east", mgmt.Running, mgmt.RoleAgent, mgmt.ClusterNone), status("c", mgmt.Pending, mgmt.RoleController, mgmt.ClusterNone),
			status("w", mgmt.Crashed, mgmt.RoleNode, mgmt.Worker),
		}}),
	"get-nodes of none":      ask("get-nodes"),
	"get-nodes is refused":   ask("get-nodes", mgmt.Result{Error: "no instances connected"}),
	"get-nodes with errors":  ask("get-nodes", mgmt.Result{Instance: "b", Error: "request timed out"}, mgmt.Result{Instance: "a"}, mgmt.Result{Success: true, Instance: "c"}),
	"get-nodes with a crash": ask("get-nodes", mgmt.Result{Success: true, Instance: "i", Error: "w exited", Data: mgmt.NodeStatuses{status("w", mgmt.Crashed, mgmt.RoleNone, mgmt.Worker)}}),
	"get-nodes with other data": odd("get-nodes", "get_nodes_response", zval.Vector(record(true, text("i"),
		zval.Vector(zval.Vector(text("w"), zval.Enum("Management::NONSENSE"), zval.Enum("Management::NONE"), zval.Enum("Supervisor::WORKER"), none, none)), none, none))).because("D38"),
	"get-nodes of a controller before 7.0": odd("get-nodes", "get_nodes_response", zval.Vector(record(true, text("i"),
		zval.Vector(zval.Vector(text("w"), zval.Enum("Management::RUNNING"), zval.Enum("Management::NODE"), zval.Enum("Supervisor::WORKER"), zval.Int(7), none)), none, none))),

	"restart":                   ask("restart", mgmt.Result{Success: true, Instance: "i", Node: "w"}, mgmt.Result{Success: true, Instance: "h", Node: "m"}),
	"restart nodes":             ask("restart w m w", mgmt.Result{Success: true, Instance: "i", Node: "w"}, mgmt.Result{Success: true, Instance: "h", Node: "m"}),
	"restart unknown nodes":     ask("restart w z", mgmt.Result{Error: "unknown cluster node", Node: "z"}, mgmt.Result{Success: true, Instance: "i", Node: "w"}),
	"restart is refused":        ask("restart", mgmt.Result{Error: "no active cluster deployment"}),
	"restart fails":             ask("restart", mgmt.Result{Instance: "i", Node: "w", Error: "could not restart node w"}).because("D39"),
	"restart of a silent agent": ask("restart", mgmt.Result{Instance: "i", Error: "request timed out"}).because("D40"),
	"restart without a node":    ask("restart", mgmt.Result{Success: true, Instance: "i"}).because("D32"),
	"restart without results":   ask("restart"),

	"get-config":                       ask("get-config", configured(config)),
	"get-config of the deployed":       ask("get-config --deployed", configured(config)),
	"get-config of the staged":         ask("get-config --staged", configured(config)),
	"get-config as JSON":               ask("get-config --as-json", configured(config)),
	"get-config as JSON on one line":   ask("get-config --as-json", configured(config)).with("--set", "client.pretty_json=0"),
	"get-config into a file":           ask("get-config -f out.cfg", configured(config)),
	"get-config of JSON into a file":   ask("get-config --as-json --filename=DIR/out", configured(config)),
	"get-config to a dash":             ask("get-config -f -", configured(config)),
	"get-config of nothing":            ask("get-config", configured(mgmt.Configuration{ID: "x"})),
	"get-config of nothing as JSON":    ask("get-config --as-json", configured(mgmt.Configuration{ID: "x"})),
	"get-config is refused":            ask("get-config", mgmt.Result{Error: "no staged configuration available"}),
	"get-config fails":                 ask("get-config", mgmt.Result{}),
	"get-config without data":          ask("get-config", mgmt.Result{Success: true}).because("D32"),
	"get-config into a directory":      ask("get-config -f /", configured(config)).because("D41"),
	"get-config with a percent sign":   ask("get-config", configured(changed(func(n *mgmt.Node) { n.Interface = new("50%") }))).because("D42"),
	"get-config with options":          ask("get-config --as-json", configured(changed(func(n *mgmt.Node) { n.Options = []mgmt.Option{{Name: "a", Value: "b"}} }))).because("D42"),
	"get-config with quotes":           ask("get-config", configured(changed(func(n *mgmt.Node) { n.Env = map[string]string{"A": `x "y" z`}; n.Scripts = []string{`a\b`, `c"d`} }))).because("D43"),
	"get-config with blanks at an end": ask("get-config", configured(changed(func(n *mgmt.Node) { n.Env = map[string]string{"A": "x "} }))).because("D43"),
	"get-config with lines":            ask("get-config", configured(changed(func(n *mgmt.Node) { n.Interface = new("a\nb") }))),
	"get-config with capitals":         ask("get-config", configured(mgmt.Configuration{ID: "x", Instances: []mgmt.Instance{{Name: "Agent-X", Host: mgmt.UnknownHost}}})).because("D20"),

	"test-timeout with state": ask("test-timeout --with-state", mgmt.Result{Error: "request timed out"}),
	"test-timeout that works": ask("test-timeout --with-state", mgmt.Result{Success: true}),
	"test-timeout":            {args: at("--set", "client.request_timeout_secs=1", "test-timeout"), exchanges: []replay.Exchange{{Answer: func(mgmt.Request) []string { return nil }}}},
}
