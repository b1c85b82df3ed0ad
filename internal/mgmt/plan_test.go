package mgmt_test

import (
	"maps"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestPlanHoldsWhatALaunchDependsOn(t *testing.T) {
	c := everything()
	got, ok := mgmt.PlanFor(c, "m")
	if !ok {
		t.Fatal("no plan for m")
	}
	want := mgmt.Plan{
		Node: mgmt.Node{Name: "m", Instance: "i", Role: mgmt.Manager},
		Cluster: map[mgmt.NodeName]mgmt.ClusterEndpoint{
			"w": {Role: mgmt.Worker, Host: addr("10.0.0.1"), Port: mgmt.TCPPort(5000), MetricsPort: tcp(9000)},
			"m": {Role: mgmt.Manager, Host: addr("10.0.0.1"), Port: mgmt.NoPort},
			"l": {Role: mgmt.Logger, Host: mgmt.UnknownHost, Port: mgmt.NoPort},
		},
	}
	if diff := cmp.Diff(want, got, sameAddrs); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
	ofPlans, ok := mgmt.PlansOf(c, "i").Of("m")
	if diff := cmp.Diff(got, ofPlans, sameAddrs); !ok || diff != "" {
		t.Errorf("PlanFor and PlansOf differ:\n%s", diff)
	}
	if _, ok := mgmt.PlanFor(c, "x"); ok {
		t.Error("a plan for a node that is not there")
	}
	if _, ok := mgmt.PlansOf(c, "i").Of("l"); ok {
		t.Error("a plan for a node of another instance")
	}
}

func TestEqualPlansNeedNoRestart(t *testing.T) {
	edits := map[string]struct {
		edit func(*mgmt.Configuration)
		same bool
	}{
		"another ID":                      {func(c *mgmt.Configuration) { c.ID = "other" }, true},
		"another state":                   {func(c *mgmt.Configuration) { c.Nodes[0].State = mgmt.Failed }, true},
		"options in another order":        {func(c *mgmt.Configuration) { o := c.Nodes[0].Options; o[0], o[1] = o[1], o[0] }, true},
		"nodes in another order":          {func(c *mgmt.Configuration) { c.Nodes = append(c.Nodes[1:], c.Nodes[0]) }, true},
		"the environment of another node": {func(c *mgmt.Configuration) { c.Nodes[1].Env = map[string]string{"B": "b"} }, true},
		"another host for the instance":   {func(c *mgmt.Configuration) { c.Instances[0].Host = addr("10.0.0.2") }, false},
		"the port of another node":        {func(c *mgmt.Configuration) { c.Nodes[1].Port = tcp(5001) }, false},
		"another environment":             {func(c *mgmt.Configuration) { c.Nodes[0].Env["A"] = "b" }, false},
		"another script":                  {func(c *mgmt.Configuration) { c.Nodes[0].Scripts[0] = "other" }, false},
		"another CPU":                     {func(c *mgmt.Configuration) { c.Nodes[0].CPUAffinity = nil }, false},
		"one node fewer":                  {func(c *mgmt.Configuration) { c.Nodes = c.Nodes[:2] }, false},
	}
	configuration := func() mgmt.Configuration {
		c := everything()
		c.Nodes[0].Options = append(c.Nodes[0].Options, mgmt.Option{Name: "p", Value: "v"})
		return c
	}
	before, _ := mgmt.PlanFor(configuration(), "w")
	for name, tt := range edits {
		t.Run(name, func(t *testing.T) {
			c := configuration()
			tt.edit(&c)
			after, ok := mgmt.PlanFor(c, "w")
			if equal := reflect.DeepEqual(before, after); !ok || equal != tt.same {
				t.Errorf("equal: got %v, want %v", equal, tt.same)
			}
			if f := before.Fingerprint(); (f == after.Fingerprint()) != tt.same || after.Is(f) != tt.same {
				t.Errorf("fingerprints %s and %s, want same: %v", f, after.Fingerprint(), tt.same)
			}
			change := mgmt.ComparePlans(configuration(), c)
			for _, instance := range []mgmt.InstanceName{"i", "j", "k", "no nodes"} {
				if got, want := change.Same(instance), sameFingerprints(configuration(), c, instance); got != want {
					t.Errorf("plans of instance %s are the same: %v, want %v", instance, got, want)
				}
			}
		})
	}
}

// sameFingerprints is PlanComparison, one plan after the other.
func sameFingerprints(a, b mgmt.Configuration, instance mgmt.InstanceName) bool {
	fingerprints := func(c mgmt.Configuration) map[mgmt.NodeName]mgmt.Fingerprint {
		of := map[mgmt.NodeName]mgmt.Fingerprint{}
		for name, p := range mgmt.PlansOf(c, instance).All() {
			of[name] = p.Fingerprint()
		}
		return of
	}
	return maps.Equal(fingerprints(a), fingerprints(b))
}

func TestUnsetAndEmptyLaunchTheSame(t *testing.T) {
	unset := one(instance("i"), node("w", "i", mgmt.Worker))
	empty := unset.Clone()
	n := &empty.Nodes[0]
	n.Scripts, n.Options, n.Env = []string{}, []mgmt.Option{}, map[string]string{}
	a, _ := mgmt.PlanFor(unset, "w")
	b, _ := mgmt.PlanFor(empty, "w")
	if !reflect.DeepEqual(a, b) || a.Fingerprint() != b.Fingerprint() {
		t.Errorf("plans differ: %+v, %+v", a, b)
	}
}

// Whether a cluster is on one instance decides nothing that a running node has to
// restart for.
func TestPlanKnowsWhetherItsInstanceHasTheWholeCluster(t *testing.T) {
	c := one(instance("i"), node("w", "i", mgmt.Worker))
	alone, _ := mgmt.PlanFor(c, "w")
	ofAll, _ := mgmt.PlansOf(c, "i").Of("w")
	c.Instances = append(c.Instances, instance("j"))
	c.Nodes = append(c.Nodes, node("v", "j", mgmt.Worker))
	shared, _ := mgmt.PlanFor(c, "w")
	ofSome, _ := mgmt.PlansOf(c, "i").Of("w")
	if !alone.OneInstance || !ofAll.OneInstance || shared.OneInstance || ofSome.OneInstance {
		t.Errorf("alone %t, %t; with another instance %t, %t", alone.OneInstance, ofAll.OneInstance, shared.OneInstance, ofSome.OneInstance)
	}
	same := alone
	same.OneInstance = false
	if same.Fingerprint() != alone.Fingerprint() {
		t.Error("it is part of the fingerprint")
	}
}
