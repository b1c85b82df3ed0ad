package cli_test

import (
	"encoding/json"
	"testing"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func optionPages() map[string]fleetPage {
	node := func(name, role string, options map[string]string) api.ConfiguredNode {
		return api.ConfiguredNode{Name: name, Instance: "sensor-1", Role: role, RunOptions: options}
	}
	nets := "10.0.0.0/8,fd00::/8"
	deployed := api.Configuration{Revision: 11, State: api.Deployed, Cluster: api.Cluster{Hosts: []api.ConfiguredHost{{Name: "sensor-1"}}, Nodes: []api.ConfiguredNode{
		node("manager", "MANAGER", map[string]string{"Site::local_nets": nets}),
		node("worker-1", "WORKER", map[string]string{"Site::local_nets": nets, "SSH::password_guesses_limit": "10", "A::secret": ""}),
		node("worker-2", "WORKER", map[string]string{"Site::local_nets": nets, "SSH::password_guesses_limit": "10"}),
		{Name: "feeder", Instance: "sensor-1", Role: "NONE", Command: []string{"/bin/feeder"}},
	}}}
	plan := api.Plan{
		Deployed: 11, Changes: true, Problems: []api.Finding{}, Doubts: []api.Finding{}, Unknown: []api.Finding{},
		Nodes:   []api.PlannedNode{planned("sensor-1", "worker-1", "WORKER", api.ActionOptions, "option A::b is new")},
		Options: []api.PlannedOption{{Name: "A::b", How: api.OptionSet, Nodes: []string{"worker-1"}}},
	}
	done := anOperation(7, api.KindDeploy, api.OperationDone, api.ActionOptions, api.ActionNone)
	done.Revision = 12
	with := func(plan api.Plan, o any, run func(*testing.T, cli.Options) int) fleetPage {
		answers := map[string]any{
			"GET /api/v1/configurations/deployed": deployed, "POST /api/v1/plans": plan, "POST /api/v1/deployments": o,
			"POST /api/v1/dispatches": api.Dispatched{Results: []api.DispatchResult{
				{Instance: "sensor-1", Node: "manager", Success: true, Value: json.RawMessage(`["10.0.0.0/8","fd00::/8"]`)},
				{Instance: "sensor-1", Node: "worker-1", Success: true, Value: json.RawMessage(`["10.0.0.0/8"]`)},
				{Instance: "sensor-1", Node: "worker-2", Error: "the node is not running"},
				{Instance: "sensor-1", Node: "worker-3", Success: true, Value: json.RawMessage(`{"a":{"b":1}}`)},
			}},
		}
		return fleetPage{answers, func(t *testing.T, f cli.Fleet) int { return run(t, cli.Options{Fleet: f}) }}
	}
	set := func(t *testing.T, f cli.Options) int {
		return f.Set(t.Context(), api.OptionChange{Nodes: []string{"worker-1"}, Set: map[string]string{"A::b": "secret"}}, "")
	}
	same, restarts, refused := plan, plan, plan
	same.Changes, same.Options, same.Nodes = false, nil, []api.PlannedNode{}
	restarts.Nodes = append(restarts.Nodes[:1:1], planned("sensor-1", "manager", "MANAGER", api.ActionRestart, "it runs another plan than the deployed one"))
	refused.Problems = []api.Finding{{Instance: "sensor-1", Node: "worker-1", Text: "A::b is a constant: put it into a bundle, it takes a restart"}}
	failed := failedStep(done, 0, "value \"secret\" of A::b is no count", "")
	failed.State, failed.Error = api.OperationFailed, "1 of 2 results are failures"
	none := with(plan, done, func(t *testing.T, f cli.Options) int { return f.List(t.Context(), nil) })
	none.answers["GET /api/v1/configurations/deployed"] = &api.Problem{Title: "Not Found", Status: 404, Detail: "there is no deployed configuration"}
	stale := with(plan, &api.Problem{Title: "Precondition Failed", Status: 412, Detail: "revision 12 is deployed now, not 11: ann deployed it"}, set)
	return map[string]fleetPage{
		"option-set": with(plan, done, set), "option-set-same": with(same, done, set), "option-set-restarts": with(restarts, done, set),
		"option-set-refused": with(refused, done, set), "option-set-failed": with(plan, failed, set), "option-set-stale": stale,
		"option-list":       with(plan, done, func(t *testing.T, f cli.Options) int { return f.List(t.Context(), nil) }),
		"option-list-some":  with(plan, done, func(t *testing.T, f cli.Options) int { return f.List(t.Context(), []string{"manager"}) }),
		"option-list-wrong": with(plan, done, func(t *testing.T, f cli.Options) int { return f.List(t.Context(), []string{"mangaer"}) }),
		"option-list-empty": with(plan, done, func(t *testing.T, f cli.Options) int { return f.List(t.Context(), []string{"feeder"}) }),
		"option-none":       none,
		"option-get":        with(plan, done, func(t *testing.T, f cli.Options) int { return f.Get(t.Context(), "Site::local_nets", nil) }),
	}
}
