package mgmt_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func basePlan() mgmt.Configuration {
	return mgmt.Configuration{
		Instances: []mgmt.Instance{{Name: "a", Host: netip.MustParseAddr("10.0.0.1")}},
		Nodes: []mgmt.Node{
			{Name: "manager", Instance: "a", Role: mgmt.Manager, Port: new(mgmt.TCPPort(2200))},
			{Name: "w", Instance: "a", Role: mgmt.Worker, Interface: new("eth0"), Scripts: []string{"x", "y"},
				Options: []mgmt.Option{{Name: "Site::a", Value: "1"}}, Env: map[string]string{"TOKEN": "hush"}},
		},
	}
}

// planChange is a change of basePlan, with the reasons for a restart of its worker.
type planChange struct {
	change func(*mgmt.Configuration)
	whole  string // for a node that cannot be told of changes
	told   string // for one that speaks over Broker and can; empty: as whole; "-": none
}

func planChanges() map[string]planChange {
	w := func(change func(*mgmt.Node)) func(*mgmt.Configuration) {
		return func(c *mgmt.Configuration) { change(&c.Nodes[1]) }
	}
	return map[string]planChange{
		"nothing":              {func(*mgmt.Configuration) {}, "", ""},
		"a state":              {w(func(n *mgmt.Node) { n.State = mgmt.Running }), "", ""},
		"a script added":       {w(func(n *mgmt.Node) { n.Scripts = []string{"x", "y", "z"} }), "script z was added", ""},
		"a script replaced":    {w(func(n *mgmt.Node) { n.Scripts = []string{"x", "z"} }), "script y was removed; script z was added", ""},
		"the order of scripts": {w(func(n *mgmt.Node) { n.Scripts = []string{"y", "x"} }), "the scripts have another order", ""},
		"an option added":      {w(func(n *mgmt.Node) { n.Options = append(n.Options, mgmt.Option{Name: "b", Value: "2"}) }), "option b was added", ""},
		"an option's value":    {w(func(n *mgmt.Node) { n.Options[0].Value = "2" }), "option Site::a has another value", ""},
		"a variable's value":   {w(func(n *mgmt.Node) { n.Env = map[string]string{"TOKEN": "psst"} }), "environment variable TOKEN has another value", ""},
		"a variable removed":   {w(func(n *mgmt.Node) { n.Env = nil }), "environment variable TOKEN was removed", ""},
		"the interface":        {w(func(n *mgmt.Node) { n.Interface = new("eth1") }), "the interface is eth1, was eth0", ""},
		"no interface":         {w(func(n *mgmt.Node) { n.Interface = nil }), "the interface eth0 was removed", ""},
		"a CPU":                {w(func(n *mgmt.Node) { n.CPUAffinity = new(int64(3)) }), "the CPU is 3 now", ""},
		"a port":               {w(func(n *mgmt.Node) { n.Port = new(mgmt.TCPPort(2300)) }), "the port is 2300/tcp now", ""},
		"a metrics port":       {w(func(n *mgmt.Node) { n.MetricsPort = new(mgmt.TCPPort(9000)) }), "the metrics port is 9000/tcp now", ""},
		"a role":               {w(func(n *mgmt.Node) { n.Role = mgmt.Proxy }), "the role is PROXY, was WORKER", ""},
		"the address":          {func(c *mgmt.Configuration) { c.Instances[0].Host = netip.MustParseAddr("10.0.0.9") }, "the address is 10.0.0.9, was 10.0.0.1; the entry of node manager is another in the cluster's layout", "the address is 10.0.0.9, was 10.0.0.1"},
		"another node's port":  {func(c *mgmt.Configuration) { c.Nodes[0].Port = new(mgmt.TCPPort(2201)) }, "the entry of node manager is another in the cluster's layout", "-"},
		"another node": {func(c *mgmt.Configuration) {
			c.Nodes = append(c.Nodes, mgmt.Node{Name: "w2", Instance: "a", Role: mgmt.Worker})
		}, "the entry of node w2 was added to the cluster's layout", "-"},
		"another node less": {func(c *mgmt.Configuration) { c.Nodes = c.Nodes[1:] }, "the entry of node manager was removed from the cluster's layout", "the manager manager was removed"},
		"a first logger": {func(c *mgmt.Configuration) {
			c.Nodes = append(c.Nodes, mgmt.Node{Name: "l", Instance: "a", Role: mgmt.Logger})
		}, "the entry of node l was added to the cluster's layout", "the cluster has loggers now"},
		"an instance more": {func(c *mgmt.Configuration) {
			c.Nodes = append(c.Nodes, mgmt.Node{Name: "w2", Instance: "b", Role: mgmt.Worker})
		}, "the entry of node w2 was added to the cluster's layout", "the nodes of the cluster are not on one instance any more"},
		"two things at a time": {w(func(n *mgmt.Node) { n.Interface, n.Scripts = new("eth1"), nil }), "the interface is eth1, was eth0; script x was removed; script y was removed", ""},
		"another command":      {w(func(n *mgmt.Node) { n.Command = []string{"/bin/x", "--token=hush"} }), "the command is another one", ""},
	}
}

func TestAPlanDiffersForReasonsThatAreNamed(t *testing.T) {
	for name, tt := range planChanges() {
		t.Run(name, func(t *testing.T) {
			after := basePlan()
			tt.change(&after)
			for use, want := range map[mgmt.LayoutUse]string{mgmt.WholeLayout: tt.whole, mgmt.ShapeOfLayout: cmpOr(tt.told, tt.whole)} {
				before, _ := mgmt.PlansUsing(basePlan(), "a", use).Of("w")
				plan, _ := mgmt.PlansUsing(after, "a", use).Of("w")
				got := strings.Join(mgmt.PlanDifference(before, plan), "; ")
				if strings.Contains(got, "hush") || strings.Contains(got, "psst") {
					t.Errorf("use %d: a secret is told: %s", use, got)
				}
				if name == "another command" {
					if !strings.HasPrefix(got, want) {
						t.Errorf("use %d: got %q, want %q first", use, got, want)
					}
					continue
				}
				if got != want {
					t.Errorf("use %d: got %q, want %q", use, got, want)
				}
				if same := plan.Is(before.Fingerprint()); same != (got == "") {
					t.Errorf("use %d: the plans are the same: %t, and the reasons are %q", use, same, got)
				}
			}
		})
	}
}

func cmpOr(text, otherwise string) string {
	switch text {
	case "":
		return otherwise
	case "-":
		return ""
	}
	return text
}

// Comparing each with the whole layout would take minutes.
func TestPlansOfManyNodesAreComparedTogether(t *testing.T) {
	config := func(n int) mgmt.Configuration {
		c := mgmt.Configuration{Instances: []mgmt.Instance{{Name: "a", Host: mgmt.UnknownHost}}}
		for i := range n {
			c.Nodes = append(c.Nodes, mgmt.Node{Name: mgmt.NodeName(fmt.Sprintf("w%05d", i)), Instance: "a", Role: mgmt.Worker})
		}
		return c
	}
	ds := mgmt.NewPlanDifferences(mgmt.PlansOf(config(20_000), "a"), mgmt.PlansOf(config(20_010), "a"))
	for i := range 20_000 {
		got := ds.Because(mgmt.NodeName(fmt.Sprintf("w%05d", i)))
		want := []string{"the entry of node w20000, w20001, w20002, w20003, w20004 and 5 more was added to the cluster's layout"}
		if !slices.Equal(got, want) {
			t.Fatalf("got %q, want %q", got, want)
		}
	}
}
