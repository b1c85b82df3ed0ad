package mgmt_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// spread is a cluster on two hosts.
func spread() mgmt.Configuration {
	return mgmt.Configuration{
		Instances: []mgmt.Instance{instance("a", at("10.0.0.1")), instance("b", at("10.0.0.2")), instance("c", at("10.0.0.3"))},
		Nodes: []mgmt.Node{
			node("manager", "a", mgmt.Manager, port(2200), metrics(9000)),
			node("logger", "a", mgmt.Logger, port(2201), metrics(9001)),
			node("proxy", "a", mgmt.Proxy, port(2202), metrics(9002)),
			node("worker-1", "a", mgmt.Worker, metrics(9003)),
			node("worker-2", "b", mgmt.Worker, metrics(9000)),
		},
	}
}

// alone is the same cluster on one host.
func alone() mgmt.Configuration {
	c := spread()
	c.Nodes[4].Instance, c.Nodes[4].MetricsPort = "a", tcp(9004)
	return c
}

func changed(c mgmt.Configuration, name mgmt.NodeName, change func(n *mgmt.Node)) mgmt.Configuration {
	c = c.Clone()
	for i := range c.Nodes {
		if c.Nodes[i].Name == name {
			change(&c.Nodes[i])
		}
	}
	return c
}

func added(c mgmt.Configuration, nodes ...mgmt.Node) mgmt.Configuration {
	c = c.Clone()
	c.Nodes = append(c.Nodes, nodes...)
	return c
}

func removed(c mgmt.Configuration, name mgmt.NodeName) mgmt.Configuration {
	c = c.Clone()
	c.Nodes = slices.DeleteFunc(c.Nodes, func(n mgmt.Node) bool { return n.Name == name })
	return c
}

func moved(c mgmt.Configuration, name mgmt.NodeName, to mgmt.InstanceName) mgmt.Configuration {
	return changed(c, name, func(n *mgmt.Node) { n.Instance = to })
}

func reachedAt(c mgmt.Configuration, name mgmt.InstanceName, address string) mgmt.Configuration {
	c = c.Clone()
	for i := range c.Instances {
		if c.Instances[i].Name == name {
			c.Instances[i].Host = addr(address)
		}
	}
	return c
}

// These are the rows of docs/zeek.md, what a change restarts. A node that is not
// restarted is told of the change.
func TestWhatAChangeRestarts(t *testing.T) {
	const all = "logger manager proxy worker-1 worker-2"
	for change, tt := range map[string]struct {
		before, after  mgmt.Configuration
		broker, zeroMQ string
	}{
		"a worker is added":   {spread(), added(spread(), node("worker-3", "b", mgmt.Worker)), "", ""},
		"a worker is removed": {spread(), removed(spread(), "worker-1"), "", ""},
		"a worker is removed, and the cluster is on one instance then": {
			spread(), removed(spread(), "worker-2"), "logger manager proxy worker-1", "logger manager proxy worker-1",
		},
		"a worker's scripts": {
			spread(), changed(spread(), "worker-2", func(n *mgmt.Node) { n.Scripts = []string{"x"} }), "worker-2", "worker-2",
		},
		"a worker's interface": {
			spread(), changed(spread(), "worker-2", func(n *mgmt.Node) { n.Interface = new("eth1") }), "worker-2", "worker-2",
		},
		"a worker moves to another instance": {spread(), moved(spread(), "worker-2", "c"), "worker-2", "worker-2"},
		"a proxy is added":                   {spread(), added(spread(), node("proxy-2", "b", mgmt.Proxy, port(2203))), "", ""},
		"a proxy is removed":                 {spread(), removed(spread(), "proxy"), "", ""},
		"a proxy's port":                     {spread(), changed(spread(), "proxy", setPort(2300)), "proxy", "proxy"},
		"a proxy moves to another instance":  {spread(), moved(spread(), "proxy", "b"), "proxy", "proxy"},
		"a further logger is added": {
			spread(), added(spread(), node("logger-2", "b", mgmt.Logger, port(2203))), "", "manager proxy worker-1 worker-2",
		},
		"a logger of two is removed": {
			added(spread(), node("logger-2", "b", mgmt.Logger, port(2203))), spread(), "", "manager proxy worker-1 worker-2",
		},
		"the first logger is added":   {removed(spread(), "logger"), spread(), "manager proxy worker-1 worker-2", "manager proxy worker-1 worker-2"},
		"the last logger is removed":  {spread(), removed(spread(), "logger"), "manager proxy worker-1 worker-2", "manager proxy worker-1 worker-2"},
		"a logger's port":             {spread(), changed(spread(), "logger", setPort(2300)), "logger", all},
		"the manager's port":          {spread(), changed(spread(), "manager", setPort(2300)), "manager", "manager"},
		"the manager moves elsewhere": {spread(), moved(spread(), "manager", "b"), "manager", all},
		"the manager's name": {
			spread(), changed(spread(), "manager", func(n *mgmt.Node) { n.Name = "boss" }), "boss logger proxy worker-1 worker-2", "boss logger proxy worker-1 worker-2",
		},
		"a metrics port":                   {spread(), changed(spread(), "worker-2", func(n *mgmt.Node) { n.MetricsPort = tcp(9100) }), "worker-2", "worker-2"},
		"the address of a host of workers": {spread(), reachedAt(spread(), "b", "10.0.0.9"), "worker-2", "worker-2"},
		"the address of the manager's host": {
			spread(), reachedAt(spread(), "a", "10.0.0.9"), "logger manager proxy worker-1", all,
		},
		"the first node on a second instance": {alone(), moved(alone(), "worker-2", "b"), all, all},
		"the first node on a third instance":  {spread(), added(spread(), node("worker-3", "c", mgmt.Worker)), "", ""},
		"the first host with IPv6": {
			spread(), added(reachedAt(spread(), "c", "2001:db8::3"), node("worker-3", "c", mgmt.Worker)), "", all,
		},
		"a program of the site is added": {
			spread(), added(spread(), node("feeder", "b", mgmt.Worker, func(n *mgmt.Node) { n.Command = []string{"/bin/feeder"} })), "", "",
		},
		"nothing": {spread(), spread(), "", ""},
	} {
		for use, want := range map[mgmt.LayoutUse]string{mgmt.ShapeOfLayout: tt.broker, mgmt.LoggersOfLayout: tt.zeroMQ} {
			if got := restarted(tt.before, tt.after, use); got != want {
				t.Errorf("%s, use %d: restarts %q, want %q", change, use, got, want)
			}
		}
		if got := restarted(tt.before, tt.after, mgmt.WholeLayout); got == "" && change != "nothing" && !strings.Contains(change, "of the site") &&
			!strings.Contains(change, "scripts") && !strings.Contains(change, "interface") {
			t.Errorf("%s: nodes that cannot be told are not restarted", change)
		}
	}
}

func setPort(number uint16) func(n *mgmt.Node) {
	return func(n *mgmt.Node) { n.Port = tcp(number) }
}

// restarted returns the nodes that both configurations have and whose plans differ.
func restarted(before, after mgmt.Configuration, use mgmt.LayoutUse) string {
	was := map[mgmt.NodeName]mgmt.Fingerprint{}
	for _, in := range before.Instances {
		plans := mgmt.PlansUsing(before, in.Name, use)
		for name := range plans.All() {
			was[name] = plans.Fingerprint(name)
		}
	}
	names := map[string]bool{}
	for _, in := range after.Instances {
		plans := mgmt.PlansUsing(after, in.Name, use)
		for name := range plans.All() {
			known := was[name] != "" || name == "boss"
			if known && !plans.Is(name, was[name]) {
				names[string(name)] = true
			}
		}
	}
	return strings.Join(slices.Sorted(maps.Keys(names)), " ")
}

// A node that was launched with other settings of its agent goes on.
func TestFingerprintsOfAnotherUseCount(t *testing.T) {
	for use := mgmt.WholeLayout; use <= mgmt.OwnEntry; use++ {
		f := mgmt.PlansUsing(spread(), "b", use).Fingerprint("worker-2")
		for now := mgmt.WholeLayout; now <= mgmt.OwnEntry; now++ {
			if !mgmt.PlansUsing(spread(), "b", now).Is("worker-2", f) {
				t.Errorf("use %d: the fingerprint %s of use %d does not count", now, f, use)
			}
		}
		if f.Whole() != (use == mgmt.WholeLayout) {
			t.Errorf("use %d: fingerprint %s", use, f)
		}
	}
}

func TestTelling(t *testing.T) {
	c := spread()
	c.Instances[1].Host = addr("fe80::1%eth0")
	c.Nodes[3].Port = tcp(5000) // no node connects to a worker
	c.Nodes = append(c.Nodes, node("feeder", "b", mgmt.Worker, func(n *mgmt.Node) { n.Command = []string{"/bin/feeder"} }))
	telling := mgmt.PlansOf(c, "b").Telling()
	want := []string{
		"cluster_layout",
		"logger LOGGER 10.0.0.1 - 2201/tcp 9001/tcp manager",
		"manager MANAGER 10.0.0.1 - 2200/tcp 9000/tcp -",
		"proxy PROXY 10.0.0.1 - 2202/tcp 9002/tcp manager",
		"worker-1 WORKER 10.0.0.1 - - 9003/tcp manager",
		"worker-2 WORKER fe80::1 eth0 - 9000/tcp manager",
	}
	if !slices.Equal(telling.Action(), want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(telling.Action(), "\n"), strings.Join(want, "\n"))
	}
	if again := mgmt.PlansOf(c, "a").Telling(); again.Layout != telling.Layout {
		t.Error("the same layout has another text")
	}
	unknown := mgmt.PlansOf(one(instance("i"), node("w", "i", mgmt.Worker)), "i").Telling()
	if got := unknown.Action()[1]; got != "w WORKER 127.0.0.1 - - - -" {
		t.Errorf("got %q", got)
	}
}
