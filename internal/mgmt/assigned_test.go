package mgmt_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestPortsThatWereAssigned(t *testing.T) {
	given := one(instance("i"), node("m", "i", mgmt.Manager, port(2201)), node("l", "i", mgmt.Logger), node("w", "i", mgmt.Worker, metrics(9900)))
	filled, errs := given.AssignPorts(usual())
	if errs != nil {
		t.Fatal(errs)
	}
	a := mgmt.PortsAssigned(given, filled)
	if diff := cmp.Diff(mgmt.AssignedPorts{Broker: []mgmt.NodeName{"l"}, Metrics: []mgmt.NodeName{"l", "m"}}, a); diff != "" {
		t.Errorf("assigned (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(portsOf(given), portsOf(filled.WithoutPorts(a))); diff != "" {
		t.Errorf("without what was assigned (-given +got):\n%s", diff)
	}
	want := map[mgmt.NodeName]assigned{"m": {0, 9000}, "l": {2200, 9001}, "w": {0, 0}}
	if diff := cmp.Diff(want, portsOf(filled.WithOnlyPorts(a))); diff != "" {
		t.Errorf("only what was assigned (-want +got):\n%s", diff)
	}
	if filled.Nodes[0].Port == nil || a.None() || a.Equal(mgmt.AssignedPorts{}) || !(mgmt.AssignedPorts{}).None() {
		t.Error("the configuration has changed, or nothing was assigned")
	}
	if other := mgmt.PortsAssigned(filled, filled); !other.None() {
		t.Errorf("assigned although they were set: %v", other)
	}
}
