// Package launchtest provides a cluster with a worker, and a fake Zeek, for tests of
// launches.
package launchtest

import (
	"net/netip"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc/fakezeek"
)

// InstallZeek installs a fake Zeek and returns its path. The test binary must call
// fakezeek.MainIfCalled.
func InstallZeek(t *testing.T) string {
	t.Helper()
	path, err := fakezeek.Install(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// WorkerPlan is the plan of the node "worker" in WorkerConfiguration.
func WorkerPlan(n mgmt.Node) mgmt.Plan {
	plan, _ := mgmt.PlanFor(WorkerConfiguration(n), "worker")
	return plan
}

// WorkerConfiguration has n, as the worker "worker", and a manager on the instance
// "agent-sensor".
func WorkerConfiguration(n mgmt.Node) mgmt.Configuration {
	n.Name, n.Instance, n.Role = "worker", "agent-sensor", mgmt.Worker
	return mgmt.Configuration{
		Instances: []mgmt.Instance{{Name: "agent-sensor", Host: netip.MustParseAddr("127.0.0.1")}},
		Nodes: []mgmt.Node{n, {
			Name: "manager", Instance: "agent-sensor", Role: mgmt.Manager, Port: new(mgmt.TCPPort(2200)),
		}},
	}
}
