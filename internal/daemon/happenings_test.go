package daemon_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/patience"
)

// awaitHappening waits until the controller's log has such a record, and returns all records
// up to then.
func (c *testCluster) awaitHappening(such func(happenings.Record) bool) []happenings.Record {
	c.t.Helper()
	ctx := patience.Context(c.t)
	for {
		newest := c.happenings.Newest()
		list, err := c.happenings.Read(happenings.Query{})
		if err != nil {
			c.t.Fatal(err)
		}
		if slices.ContainsFunc(list, such) {
			return list
		}
		if err := c.happenings.Wait(ctx, newest); err != nil {
			c.t.Fatalf("%v; the log has %+v", err, list)
		}
	}
}

// TestHappeningsOfAgentsOfBothKinds has an agent of ours, which tells what happens to its nodes
// with the causes, and one of Zeek, which tells states alone. Each change is there once.
func TestHappeningsOfAgentsOfBothKinds(t *testing.T) {
	cluster := startCluster(t)
	cluster.startAgent("ours")
	zeeks := cluster.obedientAgent("zeeks")
	cluster.awaitInstance("zeeks")
	conn := cluster.client()
	defer conn.Close()
	config := client.Configuration{ID: "c", Instances: []client.Instance{{Name: "ours", Host: client.UnknownHost}, {Name: "zeeks", Host: client.UnknownHost}}}
	for _, name := range []client.InstanceName{"ours", "zeeks"} {
		config.Nodes = append(config.Nodes, client.Node{Name: client.NodeName("w-" + name), Instance: name, Role: client.Worker, State: client.Running})
	}
	if staged, err := conn.Stage(t.Context(), config); err != nil || !staged[0].Success {
		t.Fatalf("stage: %v, %v", staged, err)
	}
	if results, err := conn.DeployStaged(t.Context(), client.Deployment{ID: "c"}); err != nil {
		t.Fatalf("deploy: %v, %v", results, err)
	}
	cluster.awaitHappening(func(r happenings.Record) bool { return r.Node == "w-ours" && r.To == "RUNNING" })
	zeeks.say(mgmt.NotifyChange{Instance: "zeeks", Node: mgmt.Node{Name: "w-zeeks"}, Old: mgmt.Running, New: mgmt.Crashed})
	list := cluster.awaitHappening(func(r happenings.Record) bool { return r.Node == "w-zeeks" && r.To == "CRASHED" })
	var nodes []string
	kinds := map[mgmt.HappeningKind]int{}
	for _, r := range list {
		kinds[r.Kind]++
		if r.Kind == mgmt.HappenedNode {
			nodes = append(nodes, fmt.Sprintf("%s: %s to %s, %s", r.Node, r.From, r.To, r.Cause))
		}
		if r.Heard.IsZero() || r.Time.After(r.Heard) || r.Node == "w-ours" && r.To == "RUNNING" && r.PID == 0 {
			t.Errorf("the log has %+v", r)
		}
	}
	want := []string{"w-ours: STOPPED to PENDING, deployed", "w-ours: PENDING to RUNNING, came up", "w-zeeks: RUNNING to CRASHED, as its agent says"}
	if !slices.Equal(nodes, want) {
		t.Errorf("happened to nodes: %q, want %q", nodes, want)
	}
	if kinds[mgmt.HappenedController] != 1 || kinds[mgmt.HappenedRevision] != 1 || kinds[mgmt.HappenedInstance] < 4 || kinds[mgmt.HappenedOperation] != 2 || kinds[mgmt.HappenedLost] != 0 {
		t.Errorf("happened: %v", kinds)
	}
}
