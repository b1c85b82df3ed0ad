package mgmt_test

import (
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// everything is a configuration with every field set.
func everything() mgmt.Configuration {
	return mgmt.Configuration{
		ID:        "id",
		Instances: []mgmt.Instance{instance("i", at("10.0.0.1"), listening(2151)), instance("j")},
		Nodes: []mgmt.Node{
			node("w", "i", mgmt.Worker, port(5000), metrics(9000), env("A", "a"), func(n *mgmt.Node) {
				n.Scripts = []string{"s"}
				n.Options = []mgmt.Option{{Name: "o", Value: "v"}}
				n.Interface, n.CPUAffinity = new("lo"), new(int64(3))
			}),
			node("m", "i", mgmt.Manager),
			node("l", "j", mgmt.Logger),
		},
	}
}

func TestCloneSharesNothing(t *testing.T) {
	original, copied := everything(), everything().Clone()
	if diff := cmp.Diff(original, copied, sameAddrs); diff != "" {
		t.Fatalf("not a copy:\n%s", diff)
	}
	copied = original.Clone()
	in, n := &copied.Instances[0], &copied.Nodes[0]
	in.Name, in.ListenPort.Number = "other", 1
	n.Port.Number, n.MetricsPort.Number = 1, 1
	n.Scripts[0], n.Options[0].Name, n.Env["A"] = "other", "other", "other"
	*n.Interface, *n.CPUAffinity = "other", 1
	if diff := cmp.Diff(everything(), original, sameAddrs); diff != "" {
		t.Errorf("the original has changed:\n%s", diff)
	}
	none := mgmt.Configuration{}
	if diff := cmp.Diff(none, none.Clone()); diff != "" {
		t.Errorf("copy of nothing:\n%s", diff)
	}
}

func TestLookups(t *testing.T) {
	c := everything()
	if n, ok := c.Node("m"); !ok || n.Role != mgmt.Manager {
		t.Errorf("node m: got %v, %v", n, ok)
	}
	if _, ok := c.Node("x"); ok {
		t.Error("found a node that is not there")
	}
	var names []mgmt.NodeName
	for _, n := range c.NodesOf("i") {
		names = append(names, n.Name)
	}
	if diff := cmp.Diff([]mgmt.NodeName{"m", "w"}, names); diff != "" {
		t.Errorf("nodes of i (-want +got):\n%s", diff)
	}
}

func TestWithHostsFillsInWhatIsNotKnown(t *testing.T) {
	c := mgmt.Configuration{Instances: []mgmt.Instance{
		instance("told", at("10.0.0.1")), instance("seen"), instance("never"), {Name: "zero"}, instance("vague"),
	}}
	agents := []mgmt.Instance{
		instance("told", at("10.0.0.7")), instance("seen", at("10.0.0.8")), {Name: "zero", Host: addr("::1")}, instance("vague"),
	}
	want := mgmt.Configuration{Instances: []mgmt.Instance{
		instance("told", at("10.0.0.1")), instance("seen", at("10.0.0.8")), instance("never"),
		{Name: "zero", Host: addr("::1")}, instance("vague"),
	}}
	if diff := cmp.Diff(want, c.WithHosts(agents), sameAddrs); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestConfigurationsAreTheSameIfEveryFieldIs(t *testing.T) {
	full := everything()
	full.Nodes[0].Command, full.Nodes[0].Bundles = []string{"c"}, []mgmt.Bundle{{Name: "b"}}
	full.Nodes[0].RunOptions, full.Nodes[0].Limits, full.Nodes[0].Backend = []mgmt.Option{{Name: "o"}}, mgmt.Limits{Nice: 1}, mgmt.BrokerBackend
	if !full.Same(full) || !full.Same(full.Clone()) {
		t.Error("a configuration is not the same as itself, or as its copy")
	}
	for _, part := range []func(*mgmt.Configuration) reflect.Value{
		func(c *mgmt.Configuration) reflect.Value { return reflect.ValueOf(c).Elem() },
		func(c *mgmt.Configuration) reflect.Value { return reflect.ValueOf(&c.Instances[0]).Elem() },
		func(c *mgmt.Configuration) reflect.Value { return reflect.ValueOf(&c.Nodes[0]).Elem() },
	} {
		for i := range part(new(full.Clone())).NumField() {
			other := full.Clone()
			field := part(&other).Field(i)
			name := field.Type().Name() + " " + part(&other).Type().Field(i).Name
			if field.IsZero() {
				t.Fatalf("%s has no value in this test", name)
			}
			field.SetZero()
			if full.Same(other) || other.Same(full) {
				t.Errorf("configurations whose %s differs are the same", name)
			}
			empty := other.Clone()
			switch f := part(&empty).Field(i); f.Kind() {
			case reflect.Slice:
				f.Set(reflect.MakeSlice(f.Type(), 0, 0))
			case reflect.Map:
				f.Set(reflect.MakeMap(f.Type()))
			default:
				continue
			}
			if empty.Same(other) {
				t.Errorf("an empty %s is the same as none", name)
			}
		}
	}
	shares := full
	shares.ID = "another"
	if !full.SharesNodes(full) || full.SharesNodes(full.Clone()) || full.SharesNodes(shares) {
		t.Error("SharesNodes says something else than whether the lists have one memory")
	}
}
