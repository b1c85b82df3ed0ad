package cli_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/golden"
)

// TestFleetPages runs the commands that operate a fleet against fixed answers, prints their
// results in every format, and on screens of 80 and of 200 columns. The files are to be read
// as an operator would.
func TestFleetPages(t *testing.T) {
	all := fleetPages()
	for name, tt := range all {
		t.Run(name, func(t *testing.T) {
			f := &fakeController{answers: tt.answers}
			f.start(t, nil)
			var text strings.Builder
			for _, out := range []struct {
				title string
				show.Settings
			}{
				{"80 columns", show.Settings{Screen: show.Screen{Width: 80}, Format: show.AsTable}},
				{"200 columns", show.Settings{Screen: show.Screen{Width: 200}, Format: show.AsTable}},
				{"json", show.Settings{Format: show.AsJSON}},
				{"yaml", show.Settings{Format: show.AsYAML}},
			} {
				a, stdout, stderr := admin(t, f.address)
				a.Output, a.Stdin = out.Settings, strings.NewReader(clusterFile)
				status := tt.run(t, cli.Fleet{Commands: a.Commands, Yes: true})
				checkOutput(t, out.Settings, stdout.String())
				fmt.Fprintf(&text, "== %s ==\n%s", out.title, report(stdout, stderr, status))
			}
			golden.Check(t, filepath.Join("testdata", "fleet", name+".txt"), strings.ReplaceAll(text.String(), f.address, "127.0.0.1:2149"), *update)
		})
	}
	kept, err := os.ReadDir(filepath.Join("testdata", "fleet"))
	must(t, err)
	for _, e := range kept {
		if _, ok := all[strings.TrimSuffix(e.Name(), ".txt")]; !ok {
			t.Errorf("no test is about testdata/fleet/%s", e.Name())
		}
	}
}

// checkOutput checks what holds for every output: a table fits its screen, and data is one
// JSON document, or one in each line.
func checkOutput(t *testing.T, out show.Settings, text string) {
	t.Helper()
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if w := show.WidthOf(line); out.Format == show.AsTable && w > out.Screen.Width && !strings.HasPrefix(line, "#") {
			t.Errorf("a line of %d columns: %s", w, line)
		}
		if strings.TrimRight(line, " ") != line && out.Format == show.AsTable && line != " " {
			t.Errorf("blanks at the end of %q", line)
		}
	}
	if out.Format != show.AsJSON {
		return
	}
	for d := json.NewDecoder(strings.NewReader(text)); d.More(); {
		var v any
		if err := d.Decode(&v); err != nil {
			t.Fatalf("no JSON: %v: %s", err, text)
		}
	}
}

type fleetPage struct {
	answers map[string]any
	run     func(*testing.T, cli.Fleet) int
}

const clusterFile = "[instances]\nsensor-1\nsensor-2\n\n[manager]\ninstance = sensor-1\nrole = manager\n\n" +
	"[worker-1]\ninstance = sensor-2\nrole = worker\ninterface = eth0\n"

func fleetPages() map[string]fleetPage {
	all := map[string]fleetPage{}
	for _, some := range []map[string]fleetPage{planPages(), changePages(), revisionPages(), operationPages(), dispatchPages(), tellingPages(), machinePages(), measuredPages(), optionPages(), bundlePages(), controllerPages()} {
		maps.Copy(all, some)
	}
	return all
}

func planned(instance, node, role, action string, because ...string) api.PlannedNode {
	return api.PlannedNode{Instance: instance, Node: node, Role: role, Action: action, Because: because}
}

func samplePlan() api.Plan {
	plan := api.Plan{Deployed: 11, Changes: true, Problems: []api.Finding{}, Doubts: []api.Finding{}, Unknown: []api.Finding{}, Nodes: []api.PlannedNode{
		planned("sensor-1", "manager", "MANAGER", api.ActionNone),
		planned("sensor-1", "worker-1", "WORKER", api.ActionRestart, "environment variable A was added", "script /etc/zeek/site/a-long-name-of-a-script.zeek was removed"),
		planned("sensor-1", "worker-2", "WORKER", api.ActionStop, "it is no part of the configuration"),
		planned("sensor-2", "worker-3", "WORKER", api.ActionStart),
		planned("sensor-2", "worker-4", "WORKER", api.ActionNone),
	}}
	plan.Nodes[4].Stopped = true
	return plan
}

func planPages() map[string]fleetPage {
	plan := func(p api.Plan, partial bool) fleetPage {
		return fleetPage{map[string]any{"POST /api/v1/plans": p}, func(t *testing.T, f cli.Fleet) int {
			f.Partial = partial
			return f.Plan(t.Context(), cli.PlanRequest{Path: "-", ExitCode: true})
		}}
	}
	preflight := func(one, two api.Plan) fleetPage {
		return fleetPage{map[string]any{
			"GET /api/v1/configurations/deployed":       api.Configuration{Cluster: api.Cluster{Hosts: []api.ConfiguredHost{{Name: "sensor-2"}, {Name: "sensor-1"}}, Nodes: []api.ConfiguredNode{}}},
			"POST /api/v1/instances/sensor-1/preflight": one, "POST /api/v1/instances/sensor-2/preflight": two,
		}, func(t *testing.T, f cli.Fleet) int { return f.Preflight(t.Context(), cli.PreflightRequest{}) }}
	}
	first := samplePlan()
	first.Deployed, first.Nodes = 0, []api.PlannedNode{planned("sensor-1", "manager", "MANAGER", api.ActionStart), planned("sensor-2", "worker-1", "WORKER", api.ActionStart)}
	same := samplePlan()
	same.Changes, same.Nodes = false, []api.PlannedNode{planned("sensor-1", "manager", "MANAGER", api.ActionNone)}
	bundles := samplePlan()
	bundles.Nodes = append(bundles.Nodes[:1:1], planned("sensor-1", "worker-1", "WORKER", api.ActionRestart, "bundle site has other content"), planned("sensor-2", "worker-3", "WORKER", api.ActionOptions, "option Site::local_nets has another value"))
	bundles.Bundles = []api.PlannedBundle{
		{Name: "extra", Kind: "scripts", Hash: "sha256:0", Nodes: []string{"worker-1"}, Missing: []string{"sensor-1"}},
		{Name: "gone", Kind: "scripts", Was: "sha256:1"},
		{Name: "intel", Kind: "data", Hash: "sha256:2", Was: "sha256:3", Nodes: []string{"worker-1", "worker-3"}},
		{Name: "site", Kind: "scripts", Hash: "sha256:4", Was: "sha256:5", Nodes: []string{"worker-1"}, Files: 112,
			Changed: []string{"a/very/long/path/to/a/script/that/somebody/has/put/there/with/a/long/name.zeek", "main.zeek"}, Added: []string{"new.zeek", "x"}, Removed: []string{"1", "2", "3", "4", "5", "6", "7"}},
		{Name: "small", Kind: "data", Hash: "sha256:6", Was: "sha256:7", Nodes: []string{"worker-1"}, Files: 1, Changed: []string{"intel.dat"}},
	}
	bundles.Options = []api.PlannedOption{
		{Name: "Notice::mail_dest", How: api.OptionUnset, Nodes: []string{"manager"}},
		{Name: "SSH::password_guesses_limit", How: api.OptionSet, Nodes: []string{"worker-1", "worker-2", "worker-3", "worker-4", "worker-5", "worker-6"}},
		{Name: "Site::local_nets", How: api.OptionChanged, Nodes: []string{"worker-3"}},
	}
	refused := samplePlan()
	refused.Problems = []api.Finding{
		{Instance: "sensor-1", Node: "worker-1", Text: "Zeek does not take its scripts", Stderr: "warning in /etc/zeek/a.zeek, line 1: old\nfatal error in /etc/zeek/local.zeek, line 12: unknown identifier Foo::bar, at or near \"Foo::bar\"\n"},
		{Instance: "sensor-2", Text: "no room is left in /var/spool/zeekfleet"},
	}
	refused.Doubts = []api.Finding{{Instance: "sensor-1", Node: "worker-1", Text: "worker-1 and worker-2 each capture all packets of eth0"}}
	absent := samplePlan()
	absent.Unknown = []api.Finding{
		{Instance: "sensor-2", Absent: true, Meant: "sensor-02", Text: "instance 'sensor-2' is not connected; connected: sensor-1; its nodes are compared"},
		{Instance: "sensor-3", Absent: true, Text: "instance 'sensor-3' is not connected; connected: sensor-1; its nodes are compared"},
		{Instance: "sensor-4", Text: "the agent of instance 'sensor-4' is Zeek's own: it cannot say what it would do"},
	}
	return map[string]fleetPage{
		"plan": plan(samplePlan(), false), "plan-first": plan(first, false), "plan-same": plan(same, false),
		"preflight": preflight(same, same), "preflight-bad": preflight(refused, absent),
		"plan-bundles": plan(bundles, false), "plan-refused": plan(refused, false), "plan-absent": plan(absent, false), "plan-partial": plan(absent, true),
	}
}

// recordOf is what a controller answers about the first of some crashes: a process with two
// threads, a deep stack and much output.
func recordOf(crashes api.Crashes) map[string]any {
	var trace, stderr strings.Builder
	trace.WriteString("[New LWP 4711]\n[Thread debugging using libthread_db enabled]\nCore was generated by `zeek -i eth0'.\n")
	stack := func(name string, n int) {
		for i := range n {
			fmt.Fprintf(&trace, "#%-3d 0x00005581 in %s_%d (this=0x55813c9f2e40, detector=\"a text that is long\")\n    at /src/zeek/src/%s.cc:%d\n", i, name, i, name, 100+i)
		}
	}
	stack("zeek::detail::parse", 34)
	trace.WriteString("\nThread 2 (LWP 4712):\n")
	stack("wait", 3)
	for i := range 40 {
		fmt.Fprintf(&stderr, "warning in /etc/zeek/local.zeek, line %d: deprecated\n", i+1)
	}
	stderr.WriteString("fatal error in /etc/zeek/local.zeek, line 12: unknown identifier Foo::bar\n")
	return map[string]any{
		"GET /api/v1/crashes": crashes,
		"GET /api/v1/crashes/sensor-1/0123456789ab": api.CrashRecord{
			Crash: crashes.Items[0], Launch: 3, Program: "/opt/zeek/bin/zeek", Version: "8.0.0", Dir: "/var/spool/zeekfleet/worker-1",
			Stderr: stderr.String(), Stdout: "listening on eth0\n", Core: "/var/spool/zeekfleet/worker-1/core", Trace: trace.String(), Plan: json.RawMessage(`{"node":{"name":"worker-1"}}`),
		},
	}
}

// anOperation is an operation that has ended, with three steps.
func anOperation(id uint64, kind, state string, actions ...string) api.Operation {
	o := api.Operation{ID: id, Kind: kind, State: state, Who: "ann", Begun: noon, Ended: noon.Add(14 * time.Second), From: 11}
	for i, action := range actions {
		s := api.OperationStep{Instance: fmt.Sprintf("sensor-%d", i%2+1), Node: fmt.Sprintf("worker-%d", i+1), Action: action, State: api.StepDone}
		o.Steps = append(o.Steps, s)
		o.Counts.Done++
	}
	return o
}

func failedStep(o api.Operation, i int, why, stderr string) api.Operation {
	o.Steps = slices.Clone(o.Steps)
	o.Steps[i].State, o.Steps[i].Error, o.Steps[i].Stderr = api.StepFailed, why, stderr
	o.Counts.Done--
	o.Counts.Failed++
	return o
}

func changePages() map[string]fleetPage {
	deploy := func(o api.Operation, more map[string]any) fleetPage {
		answers := map[string]any{"POST /api/v1/plans": samplePlan(), "POST /api/v1/deployments": o}
		maps.Copy(answers, more)
		return fleetPage{answers, func(t *testing.T, f cli.Fleet) int {
			return f.DeployFile(t.Context(), cli.Change{Path: "-", Note: "more workers"})
		}}
	}
	done := anOperation(7, api.KindDeploy, api.OperationDone, api.ActionRestart, api.ActionStop, api.ActionStart, api.ActionNone)
	done.Revision = 12
	failed := failedStep(done, 0, "exited with status 1 after 3 starts within a minute", "fatal error in /etc/zeek/local.zeek, line 12: unknown identifier Foo::bar\n")
	failed.State, failed.Error = api.OperationFailed, "1 of 4 results are failures"
	reverted := failed
	reverted.RevertedBy, reverted.RevertAt = 8, noon.Add(time.Minute)
	reverted.Error = "revision 12 did not come up: not up in time: worker-1; the content of revision 11 is deployed again as revision 13 (operation 8)"
	revert := anOperation(8, api.KindRevert, api.OperationDone, api.ActionRestart)
	revert.Revision, revert.From, revert.Of, revert.Reverts = 13, 12, 11, 7
	moved := &api.Problem{Title: "Precondition Failed", Status: 412, Detail: "nothing was deployed: since revision 11 others have deployed revision 12 (deploy by bob, 2026-03-01 11:59:00 UTC) and revision 13 (deploy by bob, 2026-03-01 12:00:00 UTC, \"a new sensor\"); plan again"}
	return map[string]fleetPage{
		"deploy": deploy(done, nil), "deploy-failed": deploy(failed, nil),
		"deploy-reverted": deploy(reverted, map[string]any{"GET /api/v1/operations/8": revert}),
		"deploy-stale":    deploy(done, map[string]any{"POST /api/v1/deployments": moved}),
	}
}

func revisionPages() map[string]fleetPage {
	list := []api.Revision{
		{Revision: 13, State: api.Deployed, When: noon, Who: "root (uid 0)", Kind: api.KindRevert, Of: 11, From: 12, Note: "revision 12 did not come up: not up in time: worker-1, worker-2", Instances: 2, Nodes: 40, Kept: true},
		{Revision: 12, State: api.Past, When: noon.Add(-time.Minute), Who: "bob", Kind: api.KindDeploy, Instances: 2, Nodes: 41, Kept: true, Note: "more workers"},
		{Revision: 2, State: api.Past, When: noon.Add(-time.Hour), Who: "ann", Kind: api.KindDeploy, Instances: 1, Nodes: 1},
	}
	history := func(list ...api.Revision) fleetPage {
		return fleetPage{map[string]any{"GET /api/v1/revisions": api.Page[api.Revision]{Items: list}}, func(t *testing.T, f cli.Fleet) int { return f.History(t.Context(), 50) }}
	}
	before := api.Configuration{Revision: 11, State: api.Past, When: noon.Add(-time.Hour), Who: "ann", Kind: api.KindDeploy, From: 10, Note: "the first sensor", Cluster: api.Cluster{
		ID: "x", Hosts: []api.ConfiguredHost{{Name: "sensor-1", Host: "10.0.0.1"}}, Nodes: []api.ConfiguredNode{
			{Name: "manager", Instance: "sensor-1", Role: "MANAGER", Port: 2200}, {Name: "worker-1", Instance: "sensor-1", Role: "WORKER", Interface: "eth0"},
		},
	}}
	after := before
	after.Revision, after.State, after.Kind, after.Of, after.Note, after.Nodes = 12, api.Deployed, api.KindRollback, 9, "", slices.Clone(before.Nodes)
	after.Nodes[1].Interface, after.Nodes[1].Options = "eth1", map[string]string{"Foo::bar": "T"}
	answers := map[string]any{"GET /api/v1/revisions/11": before, "GET /api/v1/revisions/12": after, "GET /api/v1/configurations/deployed": after}
	return map[string]fleetPage{
		"history": history(list...), "history-none": history(),
		"history-gone": {map[string]any{"GET /api/v1/revisions/2": &api.Problem{Title: "Gone", Status: 410, Detail: "the controller no longer has the configuration of revision 2"}}, func(t *testing.T, f cli.Fleet) int { return f.Show(t.Context(), 2) }},
		"show":         {answers, func(t *testing.T, f cli.Fleet) int { return f.Show(t.Context(), 11) }},
		"show-options": {answers, func(t *testing.T, f cli.Fleet) int { return f.Show(t.Context(), 12) }},
		"diff":         {answers, func(t *testing.T, f cli.Fleet) int { return f.Diff(t.Context(), 11, 0) }},
		"diff-none":    {answers, func(t *testing.T, f cli.Fleet) int { return f.Diff(t.Context(), 11, 11) }},
	}
}

func operationPages() map[string]fleetPage {
	operate := func(o api.Operation, in api.OperateRequest) fleetPage {
		return fleetPage{map[string]any{"POST /api/v1/operations": o}, func(t *testing.T, f cli.Fleet) int { return f.Operate(t.Context(), in) }}
	}
	one := func(o api.Operation) fleetPage {
		return fleetPage{map[string]any{fmt.Sprintf("GET /api/v1/operations/%d", o.ID): o}, func(t *testing.T, f cli.Fleet) int { return f.Operation(t.Context(), o.ID, false) }}
	}
	stop := anOperation(7, api.KindStop, api.OperationDone, api.ActionStop)
	stop.Selectors, stop.Note = []string{"worker-1"}, "cable is broken"
	stopAgain := anOperation(8, api.KindStop, api.OperationDone, api.ActionNone)
	stopAgain.Selectors = stop.Selectors
	start := anOperation(9, api.KindStart, api.OperationDone, api.ActionStart, api.ActionStart, api.ActionNone)
	start.Selectors = []string{"@workers"}
	foreign := failedStep(stop, 0, "the agent of instance 'sensor-1' is Zeek's own: it cannot stop nodes", "")
	foreign.State = api.OperationFailed
	rolling := anOperation(10, api.KindRestart, api.OperationFailed, api.ActionRestart, api.ActionRestart, api.ActionRestart, api.ActionRestart)
	rolling.Selectors, rolling.Batch, rolling.Error = []string{"@workers"}, 2, "worker-2 failed: nothing more is restarted"
	for i := range rolling.Steps {
		rolling.Steps[i].Batch = i/2 + 1
	}
	rolling.Steps[2].State, rolling.Steps[3].State = api.StepSkipped, api.StepSkipped
	rolling.Counts = api.StepCount{Done: 2, Skipped: 2}
	rolling = failedStep(rolling, 1, "exited with status 1", "fatal error: no such device\n")
	running := rolling
	running.ID, running.State, running.Error, running.Ended, running.Doing = 11, api.OperationRunning, "", time.Time{}, "batch 1: worker-1, worker-2"
	running.Resumes = 10
	deploy := anOperation(12, api.KindDeploy, api.OperationRunning, api.ActionStart)
	deploy.Ended, deploy.Revision, deploy.RevertAt = time.Time{}, 13, noon.Add(2*time.Minute)
	interrupted := rolling
	interrupted.ID, interrupted.State, interrupted.Error = 13, api.OperationInterrupted, "the controller was restarted"
	list := []api.Operation{interrupted, deploy, running, rolling, stopAgain, stop}
	for i := range list {
		list[i].Steps = nil
	}
	operations := func(list ...api.Operation) fleetPage {
		return fleetPage{map[string]any{"GET /api/v1/operations": api.Page[api.Operation]{Items: list}}, func(t *testing.T, f cli.Fleet) int {
			return f.Operations(t.Context(), api.OperationQuery{Limit: 50})
		}}
	}
	return map[string]fleetPage{
		"stop": operate(stop, api.OperateRequest{Kind: api.KindStop}), "stop-again": operate(stopAgain, api.OperateRequest{Kind: api.KindStop}),
		"start": operate(start, api.OperateRequest{Kind: api.KindStart}), "stop-upstream": operate(foreign, api.OperateRequest{Kind: api.KindStop}),
		"pause":           operate(anOperation(14, api.KindPause, api.OperationDone, api.ActionPause), api.OperateRequest{Kind: api.KindPause}),
		"resume-again":    operate(anOperation(15, api.KindResume, api.OperationDone, api.ActionNone), api.OperateRequest{Kind: api.KindResume}),
		"restart-rolling": operate(rolling, api.OperateRequest{Kind: api.KindRestart}),
		"operation-stop":  one(stop), "operation-rolling": one(rolling), "operation-running": one(running), "operation-deploy": one(deploy),
		"operation-interrupted": one(interrupted),
		"operations":            operations(list...), "operations-none": operations(),
	}
}

func dispatchPages() map[string]fleetPage {
	answer := func(node string, value string) api.DispatchResult {
		return api.DispatchResult{Instance: "sensor-1", Node: node, Success: true, Value: json.RawMessage(value)}
	}
	refused := func(node, why string) api.DispatchResult {
		return api.DispatchResult{Instance: "sensor-1", Node: node, Error: why}
	}
	page := func(results ...api.DispatchResult) fleetPage {
		return fleetPage{map[string]any{"POST /api/v1/dispatches": api.Dispatched{Results: results}}, func(t *testing.T, f cli.Fleet) int {
			return f.Dispatch(t.Context(), api.DispatchRequest{Action: "get_version"})
		}}
	}
	scripts := func(results ...api.DispatchResult) fleetPage {
		return fleetPage{map[string]any{"POST /api/v1/dispatches": api.Dispatched{Results: results}}, func(t *testing.T, f cli.Fleet) int {
			return f.Scripts(t.Context(), "worker-1")
		}}
	}
	unknown := "dispatch get_verson unknown (did you mean get_version?); the node knows get_id_value, get_stats, get_version"
	return map[string]fleetPage{
		"dispatch": page(answer("manager", `"8.2.2"`), answer("worker-1", `"8.2.2"`), answer("worker-2", `"8.0.1"`)),
		"dispatch-wide": page(answer("worker-1", `{"bytes_received":123456789012,"events_dispatched":12345678,"packets_dropped":0,"packets_received":1234567890,"uptime":86400.5}`),
			answer("worker-2", `{"bytes_received":1,"events_dispatched":2,"packets_dropped":3,"packets_received":4,"uptime":5.5}`)),
		"dispatch-uneven":  page(answer("worker-1", `{"a":1}`), answer("worker-2", `{"b":2}`), answer("worker-3", `{"a":[1]}`)),
		"dispatch-objects": page(answer("worker-1", `{"packets_dropped":0,"memory":1024}`), answer("worker-2", `{"packets_dropped":12,"memory":2048}`)),
		"dispatch-refused": page(refused("manager", unknown), refused("worker-1", unknown), refused("worker-2", unknown)),
		"dispatch-partly":  page(answer("worker-1", `true`), refused("worker-2", "the node is not running")),
		"dispatch-none":    page(),
		"scripts":          scripts(answer("worker-1", `["/usr/share/zeek/base/init-bare","/etc/zeek/\u001b[31mlocal.zeek"]`)),
		"scripts-refused":  scripts(refused("worker-1", "the node is not running")),
		"scripts-odd":      scripts(answer("worker-1", `{"a":1}`)),
	}
}

func tellingPages() map[string]fleetPage {
	event := func(seq uint64, kind string, change func(*api.Event)) api.Event {
		e := api.Event{Seq: seq, Kind: kind, Time: noon.Add(time.Duration(seq) * time.Second)}
		change(&e)
		return e
	}
	events := []api.Event{
		event(1, api.EventController, func(e *api.Event) { e.Cause = "the controller has started" }),
		event(2, api.EventRevision, func(e *api.Event) {
			e.Revision, e.Operation, e.Who, e.Cause = 12, 7, "ann", "revision 12 is deployed, configuration 'x'"
		}),
		event(3, api.EventStep, func(e *api.Event) {
			e.Instance, e.Node, e.Operation, e.Who, e.From, e.To, e.Cause = "sensor-1", "worker-1", 7, "ann", api.StepRunning, api.StepFailed, "restart: environment variable A was added: exited with status 1"
		}),
		event(4, api.EventNode, func(e *api.Event) {
			e.Instance, e.Node, e.From, e.To, e.PID, e.Cause = "sensor-1", "worker-1", "RUNNING", "CRASHED", 4711, "killed by SIGSEGV; it printed: out of memory"
			e.Heard = e.Time.Add(time.Hour)
		}),
		event(5, api.EventNode, func(e *api.Event) {
			e.Instance, e.Node, e.From, e.To, e.PID, e.Cause = "sensor-1", "worker-2", "RUNNING", "PENDING", 4712, "restarted by request"
			e.Operation, e.Who = 8, "ann"
		}),
		event(5, api.EventInstance, func(e *api.Event) {
			e.Instance, e.From, e.To, e.Cause = "sensor-2", "READY", "ABSENT", "the connection with its agent was lost"
		}),
		event(6, api.EventOperation, func(e *api.Event) {
			e.Operation, e.Who, e.From, e.To, e.Cause = 7, "ann", "running", "failed", "deploy: 1 of 4 nodes failed"
		}),
		event(7, api.EventLost, func(e *api.Event) {
			e.Instance, e.Cause = "sensor-2", "12 events of this instance are lost: its log was full"
		}),
	}
	host := func(name string, change func(*api.Host)) api.Host {
		h := api.Host{
			Instance: name, Present: true, Heard: noon, Clock: noon, Version: "1.2.3", ZeekVersion: "8.2.2", Kernel: "6.1.0-18-amd64", CPUs: 32, Load: [3]float64{12.5, 11, 10},
			Booted: noon.Add(-76 * time.Hour), Memory: api.Memory{Total: 128 << 30, Available: 64 << 30},
			Disks: []api.Disk{{Use: "state", Path: "/var/lib/zeekfleet", Total: 1 << 40, Free: 1 << 39}, {Use: "spool", Path: "/var/spool/zeekfleet", Total: 1 << 40, Free: 1 << 39}, {Use: "archive", Path: "/data", Total: 1 << 40, Free: 1 << 39}},
		}
		change(&h)
		return h
	}
	hosts := []api.Host{
		host("sensor-1", func(*api.Host) {}),
		host("sensor-2", func(h *api.Host) { h.Disks[2].Free, h.Clock = 1<<35, noon.Add(-90*time.Second) }),
		host("sensor-3", func(h *api.Host) { h.Present, h.Err = false, "the agent of instance sensor-3 is not connected" }),
		{Instance: "sensor-4", Err: "the agent of instance 'sensor-4' is Zeek's own: it tells nothing of its host", Present: true},
	}
	crashes := api.Crashes{More: true, Items: []api.Crash{
		{Instance: "sensor-1", Node: "worker-1", ID: "0123456789ab", When: noon, Seconds: 3600, PID: 4711, End: "signal SIGSEGV", Why: "fatal error in /etc/zeek/local.zeek, line 12: unknown identifier Foo::bar", Backtrace: true},
		{Instance: "sensor-2", Node: "worker-2", When: noon.Add(-time.Hour)},
	}, Missing: []api.Missing{{Instance: "sensor-3", Why: "the agent of instance sensor-3 is not connected"}}}
	return map[string]fleetPage{
		"events":     {map[string]any{"GET /api/v1/events": api.Page[api.Event]{Items: events}}, func(t *testing.T, f cli.Fleet) int { return f.Events(t.Context(), cli.EventsRequest{}) }},
		"hosts":      {map[string]any{"GET /api/v1/hosts": api.Page[api.Host]{Items: hosts}}, func(t *testing.T, f cli.Fleet) int { return f.Hosts(t.Context()) }},
		"hosts-none": {map[string]any{"GET /api/v1/hosts": api.Page[api.Host]{}}, func(t *testing.T, f cli.Fleet) int { return f.Hosts(t.Context()) }},
		"crashes":    {map[string]any{"GET /api/v1/crashes": crashes}, func(t *testing.T, f cli.Fleet) int { return f.Crashes(t.Context(), "") }},
		"crashes-none": {map[string]any{"GET /api/v1/crashes": api.Crashes{Items: []api.Crash{}}}, func(t *testing.T, f cli.Fleet) int {
			return f.Crashes(t.Context(), "worker-1")
		}},
		"crash":      {recordOf(crashes), func(t *testing.T, f cli.Fleet) int { return f.ShowCrash(t.Context(), "0123", false) }},
		"crash-full": {recordOf(crashes), func(t *testing.T, f cli.Fleet) int { return f.ShowCrash(t.Context(), "0123", true) }},
	}
}

// machinePages are about hosts as machines.
func machinePages() map[string]fleetPage {
	return map[string]fleetPage{
		"hardware": {map[string]any{
			"GET /api/v1/instances":                   api.Page[api.Instance]{Items: []api.Instance{{Name: "sensor-1"}, {Name: "sensor-2"}}},
			"GET /api/v1/instances/sensor-1/hardware": someHardware(),
			"GET /api/v1/instances/sensor-2/hardware": api.Hardware{Instance: "sensor-2", Err: "its agent is of a version that does not tell what the host has"},
		}, func(t *testing.T, f cli.Fleet) int { return cli.Machines{Fleet: f}.Hardware(t.Context(), nil) }},
		"hardware-none": {map[string]any{"GET /api/v1/instances": api.Page[api.Instance]{}}, func(t *testing.T, f cli.Fleet) int {
			return cli.Machines{Fleet: f}.Hardware(t.Context(), nil)
		}},
		"plan-templates": {map[string]any{
			"GET /api/v1/instances/sensor-1/hardware": someHardware(),
			"POST /api/v1/plans":                      api.Plan{Changes: true, Nodes: []api.PlannedNode{{Instance: "sensor-1", Node: "worker-eth0-1", Role: "WORKER", Action: api.ActionStart}}},
		}, func(t *testing.T, f cli.Fleet) int {
			f.Stdin = strings.NewReader("[workers]\ninstance = sensor-1\ninterface = eth0\nworkers = auto\npin_cpus = auto\n[workers lab]\ninstance = sensor-1\ninterface = eth1\nworkers = 2\nlb_method = none\n")
			return f.Plan(t.Context(), cli.PlanRequest{Path: "-"})
		}},
		"plan-templates-unknown": {map[string]any{
			"GET /api/v1/instances/sensor-1/hardware": api.Hardware{Instance: "sensor-1", Err: "its agent is of a version that does not tell what the host has"},
		}, func(t *testing.T, f cli.Fleet) int {
			f.Stdin = strings.NewReader("[workers]\ninstance = sensor-1\ninterface = eth0\nworkers = auto\n")
			return f.Plan(t.Context(), cli.PlanRequest{Path: "-"})
		}},
	}
}

// someHardware is a host with two sockets, whose processors have two threads.
func someHardware() api.Hardware {
	h := api.Hardware{Instance: "sensor-1", Heard: noon, Interfaces: []api.NIC{
		{Name: "eth0", NUMANode: 1, Driver: "ice", Queues: 32}, {Name: "eth1", NUMANode: 0, Driver: "ixgbe", Queues: 8}, {Name: "lo", NUMANode: -1, Queues: 1},
	}, More: 2}
	for cpu := range 32 {
		h.Processors = append(h.Processors, api.Processor{Number: cpu, NUMANode: cpu / 8 % 2, Core: cpu % 16, Isolated: cpu%16 == 15})
	}
	return h
}
