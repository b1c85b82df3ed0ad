package cli_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/replay"
)

// forms are the forms of output besides JSON, which TestRecordedConversations has.
var forms = []struct {
	title  string
	output show.Settings
}{
	{"a terminal of 80 columns", show.Settings{Screen: show.Screen{Terminal: true, Width: 80}}},
	{"a terminal of 200 columns", show.Settings{Screen: show.Screen{Terminal: true, Width: 200}}},
	{"--output table, no terminal", show.Settings{Format: show.AsTable}},
	{"--output yaml", show.Settings{Format: show.AsYAML}},
	{"--output json, on a terminal of 80 columns", show.Settings{Format: show.AsJSON, Screen: show.Screen{Terminal: true, Width: 80}}},
}

// TestRecordedAnswersInAllForms prints the recorded answers of Zeek's controller in all
// forms. A form that prints the same as the one before is left out of the golden file. With
// --output json, the output is the same as on a pipe.
func TestRecordedAnswersInAllForms(t *testing.T) {
	for _, name := range replay.Recordings {
		files, conversations := replay.Load(t, name)
		for i, c := range conversations {
			title := fmt.Sprintf("%s-%02d", strings.TrimSuffix(name, ".json"), i)
			t.Run(title+" "+c.Command, func(t *testing.T) {
				var all strings.Builder
				before := ""
				play := func(out show.Settings) string {
					ack, exchanges := c.Exchanges()
					controller := (&replay.Controller{Ack: ack, Exchanges: exchanges, App: "test"}).Start(t)
					got := performIn(t, controller.Address, files, c, out)
					for _, id := range controller.ConfigIDs() {
						got = strings.ReplaceAll(got, id, "CONFIGURATION-ID")
					}
					return got
				}
				for _, form := range forms {
					got := play(form.output)
					if form.output.Format == show.AsJSON && !strings.Contains(c.Command, "get-config") {
						if piped := play(show.Settings{}); got != piped {
							t.Errorf("%s: got\n%s\nwant the same as on a pipe:\n%s", form.title, got, piped)
						}
						continue
					}
					if got != before {
						fmt.Fprintf(&all, "== %s ==\n%s", form.title, got)
					}
					before = got
				}
				golden.Check(t, filepath.Join("testdata", "pages", title+".txt"), all.String(), *update)
			})
		}
	}
}

// TestAnswersInAllForms prints answers that no Zeek has given to a recording: failures with
// output, values of all kinds, a history, nodes in every state.
func TestAnswersInAllForms(t *testing.T) {
	for name, o := range answers() {
		t.Run(name, func(t *testing.T) {
			var all strings.Builder
			before := ""
			for _, form := range forms {
				var stdout, stderr strings.Builder
				c := cli.Commands{Log: &cli.Log{Out: &stderr, Program: "zeekfleet"}, Stdout: &stdout, Output: form.output, Settings: cli.Settings{PrettyJSON: true}}
				if s := cli.Finish(&c, o); s != o.Status {
					t.Errorf("%s: status %d, want %d", form.title, s, o.Status)
				}
				got := report(&stdout, &stderr, o.Status)
				if form.output.Format == show.AsJSON && !json.Valid([]byte(stdout.String())) && name != "values-simple" { // which has an Infinity
					t.Errorf("not JSON: %s", &stdout)
				}
				if got != before {
					fmt.Fprintf(&all, "== %s ==\n%s", form.title, got)
				}
				before = got
			}
			golden.Check(t, filepath.Join("testdata", "pages", name+".txt"), all.String(), *update)
		})
	}
}

func answers() map[string]cli.Outcome {
	port := func(n uint16) *client.Port { return new(client.TCPPort(n)) }
	status := func(name, state, role string, pid int64) client.NodeStatus {
		s := client.NodeStatus{Node: client.NodeName(name), State: client.State(state), MgmtRole: "NODE", ClusterRole: client.ClusterRole(role)}
		if pid > 0 {
			s.PID, s.Port, s.MetricsPort = &pid, port(2200), port(9000)
		}
		return s
	}
	value := func(node, text string) client.Result {
		return client.Result{Success: true, Instance: "i1", Node: client.NodeName(node), Data: client.Text(text)}
	}
	when := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	return map[string]cli.Outcome{
		"deploy-failed": cli.DeployOutcome([]client.Result{
			{Success: true, Data: client.Text("31443858-e6de-11f1-a173-02fc00000001")},
			{Success: true, Instance: "sensor-1", Node: "worker-1"},
			{Instance: "sensor-1", Node: "worker-2", Error: "it ended with status 1", Data: client.NodeOutputs{
				Stdout: "listening on eth1\n", Stderr: "fatal error in /etc/zeek/local.zeek, line 3: unknown identifier Foo::bar, at or near \"Foo::bar\"\n\x1b[2J\n",
			}},
			{Instance: "sensor-2", Error: "instance 'sensor-2' is not connected"},
		}),
		"deploy-done": cli.DeployOutcome([]client.Result{
			{Success: true, Data: client.Text("31443858-e6de-11f1-a173-02fc00000001")},
			{Success: true, Instance: "sensor-1", Node: "worker-1"}, {Success: true, Instance: "sensor-2", Node: "worker-2"},
		}),
		"nodes-in-every-state": cli.GetNodesOutcome([]client.Result{
			{Success: true, Instance: "sensor-1", Data: client.NodeStatuses{
				status("worker-1", "RUNNING", "WORKER", 4711), status("worker-2", "CRASHED", "WORKER", 0), status("worker-3", "FAILED", "WORKER", 0),
				status("manager", "PENDING", "MANAGER", 4709), status("logger", "STOPPED", "LOGGER", 0), status("proxy", "UNKNOWN", "PROXY", 0),
				{Node: "sensor-1", State: "RUNNING", MgmtRole: "AGENT", ClusterRole: "NONE", PID: new(int64(4000))},
			}},
			{Instance: "a-sensor-with-a-long-name.example.net", Error: "no response within 10s"},
		}),
		"nodes-none": cli.GetNodesOutcome(nil),
		"values-simple": cli.GetIDValueOutcome([]client.Result{
			value("worker-1", "1e3"), value("worker-2", `"a text with \u001b[31mcolour, that is longer than eighty columns, so that it has to go on in another line"`),
			value("worker-3", "true"), value("worker-4", "null"), value("worker-5", "1e999"),
			{Instance: "i1", Node: "worker-6", Error: "unknown cluster node"},
		}),
		"values-containers": cli.GetIDValueOutcome([]client.Result{
			value("worker-1", `{"a":[1,2],"b":{"c":"d"}}`), value("worker-2", `{"b":{"c":"d"},"a":[1,2]}`), value("worker-3", `[]`),
		}),
		"values-none":      cli.GetIDValueOutcome([]client.Result{{Error: "no instances connected"}}),
		"restart":          cli.RestartOutcome([]client.Result{{Success: true, Instance: "i1", Node: "a"}, {Success: true, Instance: "i1", Node: "b"}, {Instance: "i2", Node: "c", Error: "it did not end"}, {Success: true, Instance: "i2", Node: "d", Error: "it was stopped by a user"}}),
		"instances":        cli.GetInstancesOutcome(client.Result{Success: true, Data: client.Instances{{Name: "b", Host: client.UnknownHost}, {Name: "a", Host: client.UnknownHost, ListenPort: port(2151)}}}),
		"instances-none":   cli.GetInstancesOutcome(client.Result{Success: true, Data: client.Instances{}}),
		"test-timeout":     cli.TestTimeoutOutcome(client.Result{Error: "request timed out"}),
		"history":          cli.HistoryOutcome([]client.DeployedRevision{{Revision: 12, When: when, Who: "ann", ID: "31443858-e6de-11f1-a173-02fc00000001", Instances: 2, Nodes: 40}, {Revision: 3, When: when.Add(-time.Hour), ID: "r1", Instances: 1, Nodes: 1}}),
		"history-none":     cli.HistoryOutcome(nil),
		"stage":            cli.StageOutcome([]client.Result{{Success: true, Data: client.Text("31443858-e6de-11f1-a173-02fc00000001")}}),
		"stage-with-fault": cli.StageOutcome([]client.Result{{Error: "node 'a' has no instance"}, {Error: "node 'b' has no instance"}}),
	}
}
