package mgmt_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestClusterHasOneBackend(t *testing.T) {
	node := func(name mgmt.NodeName, b mgmt.Backend, command ...string) mgmt.Node {
		return mgmt.Node{Name: name, Instance: "i", Role: mgmt.Worker, Backend: b, Command: command}
	}
	for name, tt := range map[string]struct {
		nodes []mgmt.Node
		want  string
	}{
		"one":              {[]mgmt.Node{node("a", "broker"), node("b", "broker"), node("c", "", "/bin/feeder")}, ""},
		"two":              {[]mgmt.Node{node("a", "broker"), node("b", "zeromq")}, "node 'a' has the cluster backend broker, and node 'b' has zeromq"},
		"one and none":     {[]mgmt.Node{node("a", ""), node("b", "zeromq")}, "node 'a' has the cluster backend auto"},
		"an unknown one":   {[]mgmt.Node{node("a", "nats")}, "node 'a': the cluster backend 'nats' is neither broker nor zeromq"},
		"one of a program": {[]mgmt.Node{node("a", "broker", "/bin/feeder")}, "node 'a' is no Zeek node and has the cluster backend broker"},
	} {
		t.Run(name, func(t *testing.T) {
			errs, _ := mgmt.Configuration{Instances: []mgmt.Instance{{Name: "i"}}, Nodes: tt.nodes}.Check(mgmt.Rules{AssignBroker: true})
			got := strings.Join(errs, "\n")
			if tt.want == "" && strings.Contains(got, "backend") || !strings.Contains(got, tt.want) {
				t.Errorf("errors %q, want %q in them", got, tt.want)
			}
		})
	}
}

// Saying the backend that nodes have restarts none, and another one restarts them.
func TestBackendInFingerprints(t *testing.T) {
	plans := func(b mgmt.Backend, use mgmt.LayoutUse) *mgmt.Plans {
		return mgmt.PlansUsing(mgmt.Configuration{Instances: []mgmt.Instance{{Name: "i"}}, Nodes: []mgmt.Node{
			{Name: "w", Instance: "i", Role: mgmt.Worker, Backend: b},
		}}, "i", use)
	}
	for _, tt := range []struct {
		was, is        mgmt.Backend
		wasUse, isUse  mgmt.LayoutUse
		same           bool
		launched, wish mgmt.Backend
	}{
		{"", "", mgmt.ShapeOfLayout, mgmt.ShapeOfLayout, true, "broker", "broker"},
		{"", "broker", mgmt.ShapeOfLayout, mgmt.LoggersOfLayout, true, "broker", "broker"},
		{"", "zeromq", mgmt.ShapeOfLayout, mgmt.ShapeOfLayout, false, "", "zeromq"},
		{"zeromq", "", mgmt.ShapeOfLayout, mgmt.ShapeOfLayout, true, "zeromq", "broker"},
		{"", "", mgmt.ShapeOfLayout, mgmt.LoggersOfLayout, true, "broker", "zeromq"},
		{"", "broker", mgmt.WholeLayout, mgmt.WholeLayout, false, "", "broker"},
		{"broker", "broker", mgmt.WholeLayout, mgmt.WholeLayout, true, "", "broker"},
		{"zeromq", "zeromq", mgmt.OwnEntry, mgmt.OwnEntry, true, "", "zeromq"},
	} {
		f := plans(tt.was, tt.wasUse).Fingerprint("w")
		is := plans(tt.is, tt.isUse)
		if got := is.Is("w", f); got != tt.same {
			t.Errorf("%+v: the same plan: %v", tt, got)
		}
		plan, _ := is.Of("w")
		if got := plan.Backend(); got != tt.wish {
			t.Errorf("%+v: Backend() = %q", tt, got)
		}
		if got := is.BackendOf("w", f); tt.same && got != tt.launched {
			t.Errorf("%+v: BackendOf() = %q", tt, got)
		}
	}
}
