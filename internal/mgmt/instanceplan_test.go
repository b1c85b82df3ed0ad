package mgmt_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestBundlesOfAnInstanceAreCompared(t *testing.T) {
	one, two := bundle("site", mgmt.ScriptBundle, "1"), bundle("site", mgmt.ScriptBundle, "2")
	intel, old := bundle("intel", mgmt.DataBundle, "3"), bundle("old", mgmt.ScriptBundle, "4")
	want := []mgmt.InstancePlanBundle{
		{Name: "intel", Kind: mgmt.DataBundle, Hash: intel.Hash},
		{Name: "old", Kind: mgmt.ScriptBundle, Was: old.Hash},
		{Name: "site", Kind: mgmt.ScriptBundle, Hash: two.Hash, Was: one.Hash, Missing: true},
	}
	p := mgmt.InstancePlan{Bundles: mgmt.CompareBundles([]mgmt.Bundle{old, one}, []mgmt.Bundle{intel, two})}
	p.Miss([]string{"site"})
	if diff := cmp.Diff(want, p.Bundles); diff != "" {
		t.Errorf("bundles (-want +got):\n%s", diff)
	}
	for _, b := range p.Bundles {
		if err := b.Check(); err != nil {
			t.Errorf("%+v: %v", b, err)
		}
	}
}

func TestBundlesOfAPlanAreChecked(t *testing.T) {
	hash := bundle("site", mgmt.DataBundle, "1").Hash
	for name, b := range map[string]mgmt.InstancePlanBundle{
		"no content":  {Name: "site", Kind: mgmt.DataBundle},
		"a bad name":  {Name: "../x", Kind: mgmt.DataBundle, Hash: hash},
		"a bad kind":  {Name: "site", Kind: "x", Was: hash},
		"a bad hash":  {Name: "site", Kind: mgmt.DataBundle, Hash: "x"},
		"one bad one": {Name: "site", Kind: mgmt.DataBundle, Hash: hash, Was: "x"},
	} {
		if b.Check() == nil {
			t.Errorf("%s: %+v was taken", name, b)
		}
	}
}

func TestAPlanWithOtherContentChangesSomething(t *testing.T) {
	hash := bundle("site", mgmt.DataBundle, "1").Hash
	for name, tt := range map[string]struct {
		plan mgmt.FleetPlan
		want bool
	}{
		"nothing":       {mgmt.FleetPlan{Nodes: []mgmt.PlannedNode{{Action: mgmt.ActionNone}}}, false},
		"the same":      {mgmt.FleetPlan{Bundles: []mgmt.PlannedBundle{{Hash: hash, Was: hash}}}, false},
		"other content": {mgmt.FleetPlan{Bundles: []mgmt.PlannedBundle{{Hash: hash}}}, true},
		"options":       {mgmt.FleetPlan{Nodes: []mgmt.PlannedNode{{Action: mgmt.ActionOptions}}}, true},
	} {
		if got := tt.plan.Changes(); got != tt.want {
			t.Errorf("%s: Changes: got %t", name, got)
		}
	}
}

func TestRunOptionsAreComparedByName(t *testing.T) {
	before := mgmt.Node{RunOptions: []mgmt.Option{{Name: "A", Value: "1"}, {Name: "B", Value: "secret"}, {Name: "C", Value: "3"}}}
	after := mgmt.Node{RunOptions: []mgmt.Option{{Name: "A", Value: "1"}, {Name: "B", Value: "hidden"}, {Name: "D", Value: ""}}}
	want := []string{"option B gets another value", "option C is no longer set", "option D is set"}
	if diff := cmp.Diff(want, mgmt.RunOptionDifference(before, after)); diff != "" {
		t.Errorf("difference (-want +got):\n%s", diff)
	}
	if got := mgmt.RunOptionDifference(after, after); len(got) > 0 {
		t.Errorf("the same options differ: %v", got)
	}
}

// The instance must hear of such a change, although no node restarts.
func TestDataAndRunOptionsAreAChangeForTheirInstance(t *testing.T) {
	config := func(change func(*mgmt.Node)) mgmt.Configuration {
		n := mgmt.Node{Name: "w", Instance: "a", Role: mgmt.Worker, Bundles: []mgmt.Bundle{bundle("intel", mgmt.DataBundle, "1")}}
		change(&n)
		return mgmt.Configuration{Instances: []mgmt.Instance{{Name: "a"}}, Nodes: []mgmt.Node{n}}
	}
	before := config(func(*mgmt.Node) {})
	for name, tt := range map[string]struct {
		after mgmt.Configuration
		want  bool
	}{
		"nothing":    {config(func(n *mgmt.Node) { n.RunOptions = []mgmt.Option{} }), true},
		"data":       {config(func(n *mgmt.Node) { n.Bundles = []mgmt.Bundle{bundle("intel", mgmt.DataBundle, "2")} }), false},
		"an option":  {config(func(n *mgmt.Node) { n.RunOptions = []mgmt.Option{{Name: "A", Value: "1"}} }), false},
		"a limit":    {config(func(n *mgmt.Node) { n.Limits.Nice = 1 }), false},
		"no bundles": {config(func(n *mgmt.Node) { n.Bundles = nil }), false},
	} {
		if got := mgmt.ComparePlans(before, tt.after).Same("a"); got != tt.want {
			t.Errorf("%s: Same: got %t", name, got)
		}
	}
}
