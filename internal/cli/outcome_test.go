package cli_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// said is everything that an outcome prints, with the document on one line.
type said struct {
	document         string
	errors, warnings []string
	status           int
}

func say(o cli.Outcome) said { return said{o.Render(false), o.Errors, o.Warnings, o.Status} }

func check(t *testing.T, o cli.Outcome, want said) {
	t.Helper()
	if want.document != "" {
		want.document += "\n"
	}
	if diff := cmp.Diff(want, say(o), cmp.AllowUnexported(said{})); diff != "" {
		t.Errorf("outcome (-want +got):\n%s", diff)
	}
}

func TestDeployOutcome(t *testing.T) {
	for name, tt := range map[string]struct {
		results []client.Result
		want    said
	}{
		"the example of the specification": {
			[]client.Result{
				{Success: true, Instance: "agent-east", Node: "log1"},
				{Instance: "agent-west", Node: "sniff-a", Data: client.NodeOutputs{Stderr: "fatal error: no such device"}},
				{Success: true, Data: client.Text("3c1e0d52")},
			},
			said{document: `{"errors": ["node sniff-a on instance agent-west: no reason given; it printed: fatal error: no such device"], ` +
				`"results": {"id": "3c1e0d52", "nodes": {"log1": {"instance": "agent-east", "success": true}, ` +
				`"sniff-a": {"instance": "agent-west", "stderr": "fatal error: no such device", "stdout": "", "success": false}}}}`, status: 1},
		},
		"a failed node's error quotes the telling line of its output": {
			[]client.Result{{Instance: "i", Node: "n", Data: client.NodeOutputs{
				Stderr: "error in a.zeek, line 9: no such table\nfatal error: errors occurred while initializing\n",
			}}},
			said{
				document: `{"errors": ["node n on instance i: no reason given; it printed: error in a.zeek, line 9: no such table"], ` +
					`"results": {"nodes": {"n": {"instance": "i", "stderr": ` +
					`"error in a.zeek, line 9: no such table\nfatal error: errors occurred while initializing\n", "stdout": "", "success": false}}}}`,
				status: 1,
			},
		},
		"the reason of a failed node is in the errors": {
			[]client.Result{{Instance: "i", Node: "n", Error: "still starting"}},
			said{
				document: `{"errors": ["node n on instance i: still starting"], "results": {"nodes": {"n": {"instance": "i", "success": false}}}}`,
				status:   1,
			},
		},
		"agents without nodes are not shown": {
			[]client.Result{{Success: true, Instance: "i"}, {Success: true, Data: client.Text("x")}},
			said{document: `{"errors": [], "results": {"id": "x"}}`},
		},
		"an agent's failure without text fails the command": {
			[]client.Result{{Instance: "i"}},
			said{document: `{"errors": ["instance i: no reason given"], "results": {}}`, status: 1},
		},
		"an instance that was left out is a warning": {
			[]client.Result{{Success: true, Instance: "i", Error: "instance 'i' is not connected"}, {Success: true, Data: client.Text("x")}},
			said{document: `{"errors": [], "results": {"id": "x"}}`, warnings: []string{"instance 'i' is not connected"}},
		},
		"a node without an instance": {
			[]client.Result{{Node: "n", Error: "no"}},
			said{document: `{"errors": ["node n: no"], "results": {}}`, status: 1},
		},
		"errors keep the controller's order": {
			[]client.Result{{Error: "z"}, {Error: "a", Instance: "i"}},
			said{document: `{"errors": ["z", "a"], "results": {}}`, status: 1},
		},
		"a result without instance and node is a warning": {
			[]client.Result{{Success: true, Node: "n"}},
			said{document: `{"errors": [], "results": {}}`, warnings: []string{"skipping unexpected response success of node n"}},
		},
		"outputs of the wrong type fail the command": {
			[]client.Result{{Success: true, Instance: "i", Node: "n", Data: client.BadData{Reason: "got a count"}}},
			said{
				document: `{"errors": ["invalid result data for node n: got a count"], "results": {"nodes": {"n": {"instance": "i", "success": true}}}}`,
				status:   1,
			},
		},
	} {
		t.Run(name, func(t *testing.T) { check(t, cli.DeployOutcome(tt.results), tt.want) })
	}
}

func TestDeployOutcomeNamesNodesThatStayStopped(t *testing.T) {
	results := []client.Result{{Success: true, Instance: "i", Node: "w", Error: "it was stopped by a user"}}
	check(t, cli.DeployOutcome(results), said{
		document: `{"errors": [], "results": {"nodes": {"w": {"instance": "i", "success": true}}}}`,
		warnings: []string{"node w: it was stopped by a user"},
	})
}

func TestStageOutcome(t *testing.T) {
	for name, tt := range map[string]struct {
		results []client.Result
		want    said
	}{
		"success":              {[]client.Result{{Success: true, Data: client.Text("x")}}, said{document: `{"errors": [], "results": {"id": "x"}}`}},
		"mistakes":             {[]client.Result{{Error: "b"}, {Error: "a"}}, said{document: `{"errors": ["b", "a"], "results": {}}`, status: 1}},
		"failure without text": {[]client.Result{{}}, said{document: `{"errors": ["no reason given"], "results": {}}`, status: 1}},
	} {
		t.Run(name, func(t *testing.T) { check(t, cli.StageOutcome(tt.results), tt.want) })
	}
}

func TestGetIDValueOutcome(t *testing.T) {
	value := func(node client.NodeName, text string) client.Result {
		return client.Result{Success: true, Instance: "i", Node: node, Data: client.Text(text)}
	}
	for name, tt := range map[string]struct {
		results []client.Result
		want    said
	}{
		"values are embedded as Python would print them": {
			[]client.Result{value("a", `300.0`), value("b", `[1e5, -0, -0.0, 12345678901234567890123, 1E400, 1e16, 0.0001, 1e-5]`),
				value("c", `{"z": null, "a": "\u00e9<>\ud83d\ude00\u007f\u0001\n"}`)},
			said{document: `{"errors": [], "results": {"a": 300.0, ` +
				`"b": [100000.0, 0, -0.0, 12345678901234567890123, Infinity, 1e+16, 0.0001, 1e-05], ` +
				`"c": {"a": "\u00e9<>\ud83d\ude00\u007f\u0001\n", "z": null}}}`},
		},
		"failures are sorted by instance and node, those of the controller last": {
			[]client.Result{{Node: "n-0", Error: "unknown cluster node"}, {Instance: "b", Node: "n-1", Error: "unknown id"}, {Instance: "a", Node: "n-2"}},
			said{document: `{"errors": [{"error": null, "source": "n-2"}, {"error": "unknown id", "source": "n-1"}, ` +
				`{"error": "unknown cluster node", "source": "n-0"}], "results": {}}`, status: 1},
		},
		"an instance that failed is named": {
			[]client.Result{{Instance: "a", Error: "request timed out"}},
			said{document: `{"errors": [{"error": "request timed out", "source": "a"}], "results": {}}`, status: 1},
		},
		"text that is not JSON": {
			[]client.Result{value("a", ""), value("b", "1 2"), value("c", strings.Repeat("[", 600)+strings.Repeat("]", 600))},
			said{document: `{"errors": [{"error": "JSON decode error: unexpected end of JSON input", "source": "a"}, ` +
				`{"error": "JSON decode error: extra data after the value: char 3", "source": "b"}, ` +
				`{"error": "JSON decode error: nested more than 500 deep", "source": "c"}], "results": {}}`, status: 1},
		},
		"data that is no text, and text without a node": {
			[]client.Result{{Success: true, Instance: "i", Node: "a"}, {Success: true, Instance: "i", Node: "b", Data: client.BadData{Reason: "got a count"}},
				{Success: true, Data: client.Text("7")}},
			said{document: `{"errors": [{"error": "invalid result data type None", "source": "a"}, ` +
				`{"error": "invalid result data type: got a count", "source": "b"}, {"error": "result lacking node: 7"}], "results": {}}`, status: 1},
		},
	} {
		t.Run(name, func(t *testing.T) { check(t, cli.GetIDValueOutcome(tt.results), tt.want) })
	}
}

func TestRestartOutcome(t *testing.T) {
	for name, tt := range map[string]struct {
		results []client.Result
		want    said
	}{
		"a node that failed fails the command and says why": {
			[]client.Result{{Success: true, Instance: "i", Node: "m"}, {Instance: "i", Node: "w", Error: "could not restart node w"}},
			said{document: `{"errors": [{"error": "could not restart node w", "source": "w"}], "results": {"m": true, "w": false}}`, status: 1},
		},
		"the controller's failures": {
			[]client.Result{{Node: "x", Error: "unknown cluster node"}, {Error: "no instances connected"}},
			said{document: `{"errors": [{"error": "no instances connected", "source": null}, ` +
				`{"error": "unknown cluster node", "source": "x"}], "results": {}}`, status: 1},
		},
		"an instance that failed as a whole": {
			[]client.Result{{Instance: "i", Error: "request timed out"}},
			said{document: `{"errors": [{"error": "request timed out", "source": "i"}], "results": {}}`, status: 1},
		},
		"a success without a node": {
			[]client.Result{{Success: true}},
			said{document: `{"errors": [{"error": "result lacking node: success"}], "results": {}}`, status: 1},
		},
	} {
		t.Run(name, func(t *testing.T) { check(t, cli.RestartOutcome(tt.results), tt.want) })
	}
}

func TestGetInstancesOutcome(t *testing.T) {
	addr := netip.MustParseAddr("192.0.2.10")
	for name, tt := range map[string]struct {
		result client.Result
		want   said
	}{
		"host and port as far as they are known": {
			client.Result{Success: true, Data: client.Instances{
				{Name: "a", Host: addr, ListenPort: new(client.TCPPort(2151))}, {Name: "b", Host: addr}, {Name: "c", Host: client.UnknownHost},
			}},
			said{document: `{"a": {"host": "192.0.2.10", "port": 2151}, "b": {"host": "192.0.2.10"}, "c": {}}`},
		},
		"failure":              {client.Result{Error: "no"}, said{errors: []string{"no"}, status: 1}},
		"failure without text": {client.Result{}, said{errors: []string{"no reason given"}, status: 1}},
		"no data":              {client.Result{Success: true}, said{errors: []string{"received result did not contain instance data"}, status: 1}},
		"bad data": {client.Result{Success: true, Data: client.BadData{Reason: "x"}},
			said{document: `{}`, errors: []string{"instance data invalid: x"}, status: 1}},
	} {
		t.Run(name, func(t *testing.T) { check(t, cli.GetInstancesOutcome(tt.result), tt.want) })
	}
}

func TestGetNodesOutcome(t *testing.T) {
	for name, tt := range map[string]struct {
		results []client.Result
		want    said
	}{
		"the example of the specification": {
			[]client.Result{{Success: true, Instance: "e", Data: client.NodeStatuses{
				{Node: "m", State: client.Running, MgmtRole: client.RoleNone, ClusterRole: client.Manager, PID: new(int64(902)),
					Port: new(client.TCPPort(2200)), MetricsPort: new(client.TCPPort(9000))},
				{Node: "e", State: client.Running, MgmtRole: client.RoleAgent, ClusterRole: client.ClusterNone, PID: new(int64(811))},
			}}},
			said{document: `{"errors": [], "results": {"e": {"e": {"cluster_role": null, "mgmt_role": "AGENT", "pid": 811, "state": "RUNNING"}, ` +
				`"m": {"cluster_role": "MANAGER", "metrics_port": 9000, "mgmt_role": null, "pid": 902, "port": 2200, "state": "RUNNING"}}}}`},
		},
		"an instance without nodes, one that failed, one without data, one with data of another type": {
			[]client.Result{
				{Instance: "d", Success: true, Data: client.BadData{Reason: "x"}}, {Instance: "c", Success: true},
				{Instance: "b", Error: "request timed out"}, {Instance: "a", Success: true, Data: client.NodeStatuses{}},
			},
			said{document: `{"errors": [{"error": "request timed out", "source": "b"}, ` +
				`{"error": "result does not contain node status data", "source": "c"}, ` +
				`{"error": "NodeStatus data invalid: x", "source": "d"}], "results": {"a": {}, "d": {}}}`, status: 1},
		},
		"the ends of nodes are warnings": {
			[]client.Result{{Success: true, Instance: "i", Data: client.NodeStatuses{}, Error: "node a crashed: x (3s ago)\nnode b crashed: y (9s ago)"}},
			said{
				document: `{"errors": [], "results": {"i": {}}}`,
				warnings: []string{"instance i: node a crashed: x (3s ago)", "instance i: node b crashed: y (9s ago)"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) { check(t, cli.GetNodesOutcome(tt.results), tt.want) })
	}
}

func TestGetConfigOutcome(t *testing.T) {
	config := client.Configuration{
		ID: "3c1e",
		Instances: []client.Instance{
			{Name: "west", Host: netip.MustParseAddr("192.0.2.23")},
			{Name: "east", Host: netip.MustParseAddr("2001:db8::1"), ListenPort: new(client.TCPPort(2151))},
		},
		Nodes: []client.Node{
			{
				Name: "w", Instance: "west", Role: client.Worker, Interface: new("50%"), CPUAffinity: new(int64(-1)),
				Env:         map[string]string{"LABEL": "rack 7", "REGION": "west", "EMPTY": "", "A B": "q\"\\"},
				Scripts:     []string{"z", "a b", ""},
				Options:     []client.Option{{Name: "y", Value: "1"}, {Name: "x", Value: "2"}},
				MetricsPort: new(client.TCPPort(9000)),
			},
			{Name: "l", Instance: "east", Role: client.Logger, Port: new(client.TCPPort(2201))},
		},
	}
	ini := `[instances]
east = 2001:db8::1:2151
west

[l]
instance = east
role = LOGGER
port = 2201

[w]
instance = west
role = WORKER
scripts = "" "a b" z
interface = 50%%
cpu_affinity = -1
env = "A B=q\"\\" EMPTY= LABEL="rack 7" REGION=west
redefs = x=2 y=1
metrics_port = 9000
`
	check(t, cli.GetConfigOutcome(client.Result{Success: true, Data: config}, false), said{document: ini})
	check(t, cli.GetConfigOutcome(client.Result{Success: true, Data: config}, true), said{document: `{"id": "3c1e", "instances": [` +
		`{"host": "2001:db8::1", "name": "east", "port": 2151}, {"host": "192.0.2.23", "name": "west"}], "nodes": [` +
		`{"cpu_affinity": null, "env": {}, "instance": "east", "interface": null, "metrics_port": null, "name": "l", "options": null, ` +
		`"port": 2201, "role": "LOGGER", "scripts": null}, ` +
		`{"cpu_affinity": -1, "env": {"A B": "q\"\\", "EMPTY": "", "LABEL": "rack 7", "REGION": "west"}, "instance": "west", ` +
		`"interface": "50%", "metrics_port": 9000, "name": "w", "options": [{"name": "x", "value": "2"}, {"name": "y", "value": "1"}], ` +
		`"port": null, "role": "WORKER", "scripts": ["z", "a b", ""]}]}`})
	check(t, cli.GetConfigOutcome(client.Result{Error: "no staged configuration available"}, true),
		said{errors: []string{"no staged configuration available"}, status: 1})
	check(t, cli.GetConfigOutcome(client.Result{Success: true}, false),
		said{errors: []string{"received result did not contain configuration data"}, status: 1})
	check(t, cli.GetConfigOutcome(client.Result{Success: true, Data: client.BadData{Reason: "x"}}, false),
		said{errors: []string{"configuration data invalid: x"}, status: 1})
}

func TestTestTimeoutOutcome(t *testing.T) {
	check(t, cli.TestTimeoutOutcome(client.Result{Error: "request timed out"}), said{document: `{"error": "request timed out", "success": false}`})
	check(t, cli.TestTimeoutOutcome(client.Result{Success: true}), said{document: `{"error": null, "success": true}`})
}
