package cli_test

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/golden"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
)

// clusterAnswers returns the answers of a controller whose cluster has n workers, of which
// every seventh has failed.
func clusterAnswers(n int, change func(*api.Status)) map[string]any {
	status := api.Status{
		Time: noon, Controller: "controller", Version: "1.2.3",
		Deployed: &api.Revision{
			Revision: 12, State: api.Deployed, When: noon.Add(-76 * time.Hour), Who: "ann", Note: "more workers", Kind: api.KindDeploy, ID: "x", Kept: true,
		},
		Wrong: []api.StatusDetail{}, Stopped: []api.StatusMark{}, Paused: []api.StatusMark{}, Commands: []string{}, Operations: []api.Operation{},
		Versions:  []api.HostVersions{{Instances: []string{"sensor-1", "sensor-2", "sensor-3"}, Version: "1.2.3", Zeek: "8.2.2", LimitsBy: "systemd"}},
		Instances: api.InstanceCount{Total: 3, Ready: 3},
	}
	var nodes []api.Node
	var configured []api.ConfiguredNode
	add := func(name, instance, role, state string) {
		node := api.Node{Name: name, Instance: instance, Role: role, State: state, Since: noon.Add(-76 * time.Hour), PID: int64(4000 + len(nodes)), Port: 2200, Version: "8.2.2"}
		if state == "FAILED" {
			node.PID, node.Version, node.Since = 0, "", noon.Add(-90*time.Second)
			status.Nodes.Failed++
			status.Wrong = append(status.Wrong, api.StatusDetail{
				Kind: "node", Instance: instance, Node: name, State: state, Since: node.Since,
				Text: "exited with status 1 after 3 starts within a minute; it printed: fatal error in /etc/zeek/local.zeek, line 12: unknown identifier Foo::bar",
			})
		}
		nodes = append(nodes, node)
		if role == "AGENT" {
			return
		}
		status.Nodes.Total++
		if state == "RUNNING" {
			status.Nodes.Running++
		}
		in := ""
		if role == "WORKER" {
			in = "af_packet::eth1"
		}
		configured = append(configured, api.ConfiguredNode{Name: name, Instance: instance, Role: role, Interface: in, Command: commandOf[role]})
	}
	add("sensor-1", "sensor-1", "AGENT", "RUNNING")
	add("manager", "sensor-1", "MANAGER", "RUNNING")
	for i := range n {
		state := "RUNNING"
		if i%7 == 3 {
			state = "FAILED"
		}
		add(fmt.Sprintf("worker-%02d", i+1), fmt.Sprintf("sensor-%d", i%3+1), "WORKER", state)
	}
	if n == 3 {
		add("feeder", "sensor-1", "NONE", "RUNNING")
		status.Commands = []string{"feeder"}
	}
	status.Well = len(status.Wrong) == 0
	if change != nil {
		change(&status)
	}
	return map[string]any{
		"GET /api/v1/status": status, "GET /api/v1/nodes": api.Page[api.Node]{Items: nodes},
		"GET /api/v1/configurations/deployed": api.Configuration{Cluster: api.Cluster{Nodes: configured}},
	}
}

var commandOf = map[string][]string{"NONE": {"/opt/site/feeder", "--from", "a b"}}

func hasThreeControllers(s *api.Status) { s.Controllers = threeControllers() }

func stopsAll(s *api.Status) { s.Nodes.Running, s.Nodes.Stopped = 0, s.Nodes.Total }

// TestStatusAndNodes prints the status and the nodes of clusters on several screens, and as
// data.
func TestStatusAndNodes(t *testing.T) {
	trouble := func(s *api.Status) {
		s.Well, s.Instances.Ready, s.Instances.Absent = false, 2, 1
		s.Wrong = append(s.Wrong,
			api.StatusDetail{Kind: "instance", Instance: "sensor-3", State: "ABSENT", Since: noon.Add(-5 * time.Minute), Text: "its agent is not connected; the state of its 2 nodes is not known"},
			api.StatusDetail{Kind: "controller", Text: "store: no space left on device"})
		s.Staged = &api.Revision{Revision: 13, State: api.Staged, When: noon.Add(-2 * time.Hour), Who: "bob"}
		s.Versions = []api.HostVersions{{Instances: []string{"sensor-1"}, Version: "1.2.3", Zeek: "8.2.2"}, {Instances: []string{"zeek-1"}}}
		s.Stopped = []api.StatusMark{{Node: "worker-01", Who: "ann", Since: noon.Add(-3 * time.Hour), Note: "cable", Operation: 15}}
		s.Paused = []api.StatusMark{{Node: "worker-02"}}
		s.Crashed = []api.StatusCrash{
			{Instance: "sensor-1", Node: "worker-04", Times: 7, Last: noon.Add(-time.Minute), Text: "killed by SIGSEGV"},
			{Instance: "sensor-2", Node: "worker-05", Times: 1, Last: noon.Add(-40 * time.Minute), Text: "exit code 1"},
		}
		s.Operations = []api.Operation{{
			ID: 17, Kind: api.KindRestart, State: api.OperationRunning, Who: "bob", Begun: noon.Add(-time.Minute), Batch: 1,
			Doing: "waiting for worker-05 to be RUNNING", Counts: api.StepCount{Done: 2, Running: 1, Waiting: 3},
		}}
	}
	for name, tt := range map[string]struct {
		answers map[string]any
		well    bool
	}{
		"well":    {clusterAnswers(3, nil), true},
		"unwell":  {clusterAnswers(6, trouble), false},
		"many":    {clusterAnswers(140, nil), false},
		"nothing": {clusterAnswers(0, func(s *api.Status) { s.Deployed = nil }), true},
		"stopped": {clusterAnswers(0, stopsAll), true}, "controllers": {clusterAnswers(1, hasThreeControllers), true},
		"rollback": {clusterAnswers(1, func(s *api.Status) {
			s.Deployed.Of, s.Deployed.Kind, s.Deployed.Note, s.Deployed.Who = 9, api.KindRollback, "", ""
		}), true},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeController{answers: tt.answers}
			f.start(t, nil)
			if lines := pageLines(t, f.address); lines > 24 {
				t.Errorf("the status takes %d lines of a terminal with 24", lines)
			}
			var all strings.Builder
			for _, command := range []string{"status", "nodes", "nodes @workers %sensor-2", "nodes nobody"} {
				for _, out := range []show.Settings{
					{Screen: show.Screen{Terminal: true, Width: 80, Height: 24}}, {Screen: show.Screen{Terminal: true, Width: 200, Height: 50}}, {},
				} {
					if !out.Screen.Terminal && name == "many" {
						continue // as long as it is dull
					}
					a, stdout, stderr := admin(t, f.address)
					a.Output = out
					words, status := strings.Fields(command), 0
					if words[0] == "status" {
						status = a.Status(t.Context())
						if (status == cli.StatusDone) != tt.well {
							t.Errorf("status %d, want well: %v", status, tt.well)
						}
					} else {
						status = a.Nodes(t.Context(), words[1:])
					}
					for line := range strings.Lines(stdout.String()) {
						if w := show.WidthOf(strings.TrimSuffix(line, "\n")); out.Screen.Width > 0 && w > out.Screen.Width {
							t.Errorf("a line of %d columns: %s", w, line)
						}
					}
					text := fmt.Sprintf("== %s, %d columns ==\n%s", command, out.Screen.Width, report(stdout, stderr, status))
					all.WriteString(strings.ReplaceAll(text, f.address, "127.0.0.1:2149"))
				}
			}
			golden.Check(t, filepath.Join("testdata", "status", name+".txt"), all.String(), *update)
		})
	}
}

// pageLines returns how many lines the status takes on a terminal of 80 columns and 24
// lines, with the line of the prompt.
func pageLines(t *testing.T, address string) int {
	a, stdout, _ := admin(t, address)
	a.Output.Screen = show.Screen{Terminal: true, Width: 80, Height: 24}
	a.Status(t.Context())
	return strings.Count(stdout.String(), "\n") + 1
}

func TestStatusWithoutAController(t *testing.T) {
	for name, run := range map[string]func(a cli.Admin) int{
		"status": func(a cli.Admin) int { return a.Status(t.Context()) },
		"nodes":  func(a cli.Admin) int { return a.Nodes(t.Context(), nil) },
	} {
		address := porttest.Nobody(t)
		a, stdout, stderr := admin(t, address)
		status := run(a)
		if status != cli.StatusFailed || stdout.Len() > 0 || !strings.HasPrefix(stderr.String(), "zeekfleet: no controller runs on this host (nothing listens on "+address+"): ") {
			t.Errorf("%s: status %d, stdout %q, stderr %q", name, status, stdout, stderr)
		}
	}
	a, _, stderr := admin(t, porttest.Nobody(t))
	if status := a.Nodes(t.Context(), []string{"@wokers"}); status != cli.StatusMisuse || !strings.Contains(stderr.String(), "'@wokers' is no role") {
		t.Errorf("an unknown role: status %d, stderr %q", status, stderr)
	}
}
