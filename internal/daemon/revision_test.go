package daemon_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// revising is a controller with an agent whose nodes are processes.
type revising struct {
	*testCluster
}

// config is a cluster with two workers. change changes the second one.
func (r revising) config(id string, change func(*mgmt.Node)) mgmt.Configuration {
	worker := func(name mgmt.NodeName) mgmt.Node {
		return mgmt.Node{Name: name, Instance: "sensor", Role: mgmt.Worker, State: mgmt.Running}
	}
	c := mgmt.Configuration{
		ID:        id,
		Instances: []mgmt.Instance{{Name: "sensor", Host: mgmt.UnknownHost}},
		Nodes:     []mgmt.Node{worker("one"), worker("two")},
	}
	change(&c.Nodes[1])
	return c
}

func (r revising) snapshot() *mgmt.Snapshot {
	r.t.Helper()
	snap, err := r.controller.Snapshot(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	return snap
}

// plan returns what a deployment would do, as "action node: reasons".
func (r revising) plan(config mgmt.Configuration) []string {
	r.t.Helper()
	answer, err := r.controller.Submit(r.t.Context(), ann, mgmt.PlanRequest{ReqID: "p", Config: config})
	if err != nil || !answer.Outcomes()[0].Success {
		r.t.Fatalf("plan: %+v, %v", answer, err)
	}
	plan := answer.(mgmt.PlanResponse).Plan
	if len(plan.Unknown)+len(plan.Problems) > 0 {
		r.t.Errorf("the plan is %+v", plan)
	}
	var does []string
	for _, n := range plan.Nodes {
		does = append(does, strings.TrimSuffix(string(n.Action)+" "+string(n.Node)+": "+strings.Join(n.Because, "; "), ": "))
	}
	return does
}

// change deploys a configuration, and returns its operation when it has ended.
func (r revising) change(msg mgmt.ChangeRequest) *mgmt.Operation {
	r.t.Helper()
	msg.ReqID = "c"
	answer, err := r.controller.Submit(r.t.Context(), ann, msg)
	if err != nil || !answer.Outcomes()[0].Success {
		r.t.Fatalf("change: %+v, %v", answer, err)
	}
	return r.ended(answer.(mgmt.OperationResponse).Operation.ID)
}

// ended waits for the end of an operation. A Snapshot is all that other goroutines see of
// it.
func (r revising) ended(id mgmt.OperationID) *mgmt.Operation {
	r.t.Helper()
	for ctx := patience.Context(r.t); ctx.Err() == nil; {
		snap := r.snapshot()
		i := slices.IndexFunc(snap.Operations, func(o *mgmt.Operation) bool { return o.ID == id })
		if i >= 0 && snap.Operations[i].State.Ends() {
			return snap.Operations[i]
		}
	}
	r.t.Fatalf("operation %d has not ended", id)
	return nil
}

// pids returns the processes of the nodes.
func (r revising) pids() map[mgmt.NodeName]int64 {
	r.t.Helper()
	pids := map[mgmt.NodeName]int64{}
	answer, err := r.controller.Submit(r.t.Context(), ann, mgmt.GetNodesRequest{ReqID: "n"})
	if err != nil {
		r.t.Fatal(err)
	}
	for _, result := range answer.Outcomes() {
		for _, n := range result.Data.(mgmt.NodeStatuses) {
			if n.PID != nil && n.MgmtRole == mgmt.RoleNone {
				pids[n.Node] = *n.PID
			}
		}
	}
	return pids
}

// A plan says what the deployment that follows does. An earlier revision is deployed
// again, and a deployment whose node does not come up is taken back.
func TestRevisionsArePlannedDeployedRolledBackAndReverted(t *testing.T) {
	r := revising{startCluster(t)}
	r.startAgent("sensor")
	first := r.config("first", func(*mgmt.Node) {})
	second := r.config("second", func(n *mgmt.Node) { n.Env = map[string]string{"SITE": "hall-4"} })
	broken := r.config("broken", func(n *mgmt.Node) { n.Scripts = []string{"nowhere"} })

	if diff := cmp.Diff([]string{"start one", "start two"}, r.plan(first)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if op := r.change(mgmt.ChangeRequest{Config: first, Seen: new(uint64(0))}); op.State != mgmt.OperationDone || op.Revision != 1 {
		t.Fatalf("first: %+v", op)
	}
	before := r.pids()
	if diff := cmp.Diff([]string{"none one", "restart two: environment variable SITE was added"}, r.plan(second)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	if op := r.change(mgmt.ChangeRequest{Config: second, Note: "to hall 4"}); op.State != mgmt.OperationDone {
		t.Fatalf("second: %+v", op)
	}
	if after := r.pids(); after["one"] != before["one"] || after["two"] == before["two"] || after["two"] == 0 {
		t.Errorf("before there were %v, now there are %v", before, after)
	}

	old, err := r.controller.Revision(t.Context(), 1)
	if err != nil || !slices.Equal(old.Found, []mgmt.InstanceName{"sensor"}) {
		t.Fatalf("revision 1: %+v, %v", old, err)
	}
	if op := r.change(mgmt.ChangeRequest{Config: old.Given(), Of: 1}); op.State != mgmt.OperationDone || op.Kind != mgmt.OperationRollback {
		t.Fatalf("rollback: %+v", op)
	}

	failed := r.change(mgmt.ChangeRequest{Config: broken, RevertAfter: 2 * time.Second})
	if failed.State != mgmt.OperationFailed || failed.RevertedBy == 0 || !strings.Contains(failed.Error, "not up in time: two") {
		t.Fatalf("broken: %+v", failed)
	}
	back := r.ended(failed.RevertedBy)
	if back.State != mgmt.OperationDone || back.Kind != mgmt.OperationRevert || back.Reverts != failed.ID || back.Of != 3 {
		t.Errorf("revert: %+v", back)
	}
	snap := r.snapshot()
	var history []string
	for _, p := range snap.History {
		history = append(history, p.ID+" "+string(p.Kind)+" "+p.Note)
	}
	if diff := cmp.Diff([]string{"first deploy ", "second deploy to hall 4", "first rollback ", "broken deploy "}, history); diff != "" || snap.Deployed.Kind != mgmt.OperationRevert {
		t.Errorf("%s is deployed; history (-want +got):\n%s", snap.Deployed.Kind, diff)
	}
	if diff := cmp.Diff([]string{"none one", "none two"}, r.plan(first)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}
