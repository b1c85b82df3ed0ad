package mgmt_test

import (
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
