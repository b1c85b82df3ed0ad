package mgmt_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func command(words ...string) func(*mgmt.Node) { return func(n *mgmt.Node) { n.Command = words } }

func TestCheckCommand(t *testing.T) {
	long := make([]string, mgmt.MaxCommandWords+1)
	long[0] = "/bin/feeder"
	for name, tt := range map[string]struct {
		node mgmt.Node
		want string
	}{
		"none":            {node("f", "i", mgmt.Worker), ""},
		"a program":       {node("f", "i", mgmt.ClusterNone, command("/bin/feeder", "", "a b", "--x=é")), ""},
		"as many as can":  {node("f", "i", mgmt.Worker, command(append([]string{"/bin/feeder"}, long[2:]...)...)), ""},
		"no word":         {node("f", "i", mgmt.Worker, func(n *mgmt.Node) { n.Command = []string{} }), "has an empty command"},
		"an empty word":   {node("f", "i", mgmt.Worker, command("")), "has an empty command"},
		"a relative path": {node("f", "i", mgmt.Worker, command("feeder")), "has the command 'feeder', whose program is not an absolute path such as /opt/site/bin/feeder"},
		"a path with ..":  {node("f", "i", mgmt.Worker, command("/opt/../bin/sh")), "has the command '/opt/../bin/sh', whose program is not an absolute path such as /opt/site/bin/feeder"},
		"a NUL":           {node("f", "i", mgmt.Worker, command("/bin/feeder", "a\x00")), "has a command with a NUL character"},
		"too many words":  {node("f", "i", mgmt.Worker, command(long...)), "has a command of 101 words, more than the limit of 100"},
		"too long":        {node("f", "i", mgmt.Worker, command("/bin/feeder", strings.Repeat("x", mgmt.MaxCommandBytes))), "has a command of 8203 bytes, more than the limit of 8192"},
		"scripts":         {node("f", "i", mgmt.Worker, command("/bin/f"), func(n *mgmt.Node) { n.Scripts = []string{"x"} }), "has a command and scripts; a command is run in place of Zeek and loads no scripts"},
		"options":         {node("f", "i", mgmt.Worker, command("/bin/f"), func(n *mgmt.Node) { n.Options = []mgmt.Option{{Name: "a", Value: "b"}} }), "has a command and options; a command is run in place of Zeek: give it arguments"},
		"an interface":    {node("f", "i", mgmt.Worker, command("/bin/f"), func(n *mgmt.Node) { n.Interface = new("eth0") }), "has a command and an interface; a command is run in place of Zeek: give it the interface as an argument"},
	} {
		if got := tt.node.CheckCommand(); got != tt.want {
			t.Errorf("%s: got %q, want %q", name, got, tt.want)
		}
	}
}

// A program of the site is no part of Zeek's cluster: it may have no role, gets no ports,
// and is in no layout.
func TestProgramsAreNoPartOfTheCluster(t *testing.T) {
	c := one(instance("i", at("10.0.0.1")), node("m", "i", mgmt.Manager), node("f", "i", mgmt.ClusterNone, command("/bin/feeder")),
		node("g", "i", mgmt.Manager, command("/bin/feeder")))
	errs, warnings := c.Check(usual())
	if len(errs) > 0 || len(warnings) != 2 || !strings.Contains(warnings[0], "node 'f' runs '/bin/feeder' in place of Zeek: its agent takes it only if agent.allow_commands there names it") {
		t.Errorf("errors %q, warnings %q", errs, warnings)
	}
	filled, errs := c.AssignPorts(usual())
	if got := portsOf(filled); len(errs) > 0 || got["f"] != (assigned{}) || got["g"] != (assigned{}) || got["m"] != (assigned{2200, 9000}) {
		t.Errorf("errors %q, ports %v", errs, got)
	}
	plan, _ := mgmt.PlanFor(filled, "f")
	if _, ok := plan.Cluster["f"]; ok || len(plan.Cluster) != 1 {
		t.Errorf("the layout has %v", plan.Cluster)
	}
	other := filled.Clone()
	other.Nodes[1].Command = []string{"/bin/feeder", "-v"}
	changed, _ := mgmt.PlanFor(other, "f")
	if changed.Is(plan.Fingerprint()) || !plan.Is(plan.Fingerprint()) || plan.Fingerprint().Whole() {
		t.Errorf("fingerprints %s and %s", plan.Fingerprint(), changed.Fingerprint())
	}
	if got := (mgmt.Permits{}).Check(filled.Nodes[1]); got != "node 'f' runs the command '/bin/feeder'; the operator of this host can allow that with agent.allow_commands" {
		t.Errorf("a host without permission says %q", got)
	}
	for _, pattern := range []string{"/bin/feeder", "/bin/*"} {
		if got := (mgmt.Permits{Commands: []string{pattern}}).Check(filled.Nodes[1]); got != "" {
			t.Errorf("a host that permits %s says %q", pattern, got)
		}
	}
}
