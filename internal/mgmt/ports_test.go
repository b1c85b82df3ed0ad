package mgmt_test

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

var sameAddrs = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

// assigned are a node's ports. 0 means no port.
type assigned struct{ Broker, Metrics uint16 }

func portsOf(c mgmt.Configuration) map[mgmt.NodeName]assigned {
	ports := make(map[mgmt.NodeName]assigned)
	for _, n := range c.Nodes {
		var p assigned
		if n.Port != nil {
			p.Broker = n.Port.Number
		}
		if n.MetricsPort != nil {
			p.Metrics = n.MetricsPort.Number
		}
		ports[n.Name] = p
	}
	return ports
}

// with returns the usual rules with an edit.
func with(edit func(*mgmt.Rules)) mgmt.Rules {
	r := usual()
	edit(&r)
	return r
}

// assignments are the ports that the nodes of a configuration get.
var assignments = map[string]struct {
	c     mgmt.Configuration
	rules mgmt.Rules
	want  map[mgmt.NodeName]assigned
}{
	"the specification's example": {
		mgmt.Configuration{
			Instances: []mgmt.Instance{instance("beta", at("10.0.0.2")), instance("alpha", at("10.0.0.1"), listening(2203))},
			Nodes: []mgmt.Node{
				node("w2", "beta", mgmt.Worker), node("px-b", "beta", mgmt.Proxy), node("w1", "alpha", mgmt.Worker),
				node("px", "alpha", mgmt.Proxy, port(2201)), node("lg-2", "alpha", mgmt.Logger),
				node("lg-1", "alpha", mgmt.Logger), node("mgr", "alpha", mgmt.Manager),
			},
		},
		usual(),
		map[mgmt.NodeName]assigned{
			"mgr": {2200, 9000}, "lg-1": {2202, 9001}, "lg-2": {2204, 9002}, "px": {2201, 9003}, "w1": {0, 9004},
			"px-b": {2205, 9000}, "w2": {0, 9001},
		},
	},
	"nothing, if so told": {
		one(instance("i"), node("m", "i", mgmt.Manager)), mgmt.Rules{}, map[mgmt.NodeName]assigned{"m": {}},
	},
	"no port to nodes without a role": {
		one(instance("i"), node("n", "i", mgmt.ClusterNone)), usual(), map[mgmt.NodeName]assigned{"n": {}},
	},
	"unknown hosts count as one": {
		mgmt.Configuration{
			Instances: []mgmt.Instance{instance("i"), instance("j")},
			Nodes:     []mgmt.Node{node("a", "i", mgmt.Worker), node("b", "j", mgmt.Worker)},
		}, usual(), map[mgmt.NodeName]assigned{"a": {0, 9000}, "b": {0, 9001}},
	},
	"agents' hosts fill in for unknown ones": {
		mgmt.Configuration{
			Instances: []mgmt.Instance{instance("i"), instance("j")},
			Nodes:     []mgmt.Node{node("a", "i", mgmt.Worker), node("b", "j", mgmt.Worker)},
		},
		with(func(r *mgmt.Rules) {
			r.Agents = []mgmt.Instance{instance("i", at("10.0.0.1")), instance("j", at("10.0.0.2"))}
		}),
		map[mgmt.NodeName]assigned{"a": {0, 9000}, "b": {0, 9000}},
	},
	"the controller's Broker port goes to no node, its WebSocket port to none on its machine": {
		mgmt.Configuration{
			Instances: []mgmt.Instance{instance("a", at("10.0.0.1")), instance("b", at("10.0.0.9"))},
			Nodes: []mgmt.Node{
				node("l", "a", mgmt.Logger), node("m", "a", mgmt.Manager),
				node("p", "b", mgmt.Proxy), node("q", "b", mgmt.Proxy),
			},
		},
		with(func(r *mgmt.Rules) {
			r.BrokerStart, r.MetricsStart = 2149, 2149
		}),
		map[mgmt.NodeName]assigned{"m": {2149, 2150}, "l": {2151, 2152}, "p": {2152, 2151}, "q": {2153, 2154}},
	},
	"agents' ports are left alone": {
		one(instance("i", at("10.0.0.1")), node("m", "i", mgmt.Manager)),
		with(func(r *mgmt.Rules) {
			r.Agents = []mgmt.Instance{instance("i", at("10.0.0.1"), listening(2200)), instance("k", at("10.0.0.1"), listening(9000))}
		}),
		map[mgmt.NodeName]assigned{"m": {2201, 9001}},
	},
	"every instance's port on a host counts": {
		mgmt.Configuration{
			Instances: []mgmt.Instance{instance("i", at("10.0.0.1"), listening(9000)), instance("j", at("10.0.0.1"), listening(9001))},
			Nodes:     []mgmt.Node{node("m", "i", mgmt.Manager)},
		}, usual(), map[mgmt.NodeName]assigned{"m": {2200, 9002}},
	},
	"Broker ports keep off the host's metrics ports": {
		mgmt.Configuration{
			Instances: []mgmt.Instance{instance("i", at("10.0.0.1")), instance("j", at("10.0.0.2"))},
			Nodes: []mgmt.Node{
				node("m", "i", mgmt.Manager), node("w", "i", mgmt.Worker, metrics(2200)),
				node("p", "j", mgmt.Proxy), node("v", "j", mgmt.Worker, metrics(2203)),
			},
		}, usual(), map[mgmt.NodeName]assigned{"m": {2201, 9000}, "w": {0, 2200}, "p": {2202, 9000}, "v": {0, 2203}},
	},
	"the last port is a port": {
		one(instance("i"), node("m", "i", mgmt.Manager)),
		with(func(r *mgmt.Rules) { r.BrokerStart, r.MetricsStart = 65535, 65534 }),
		map[mgmt.NodeName]assigned{"m": {65535, 65534}},
	},
}

func TestAssignPorts(t *testing.T) {
	for name, tt := range assignments {
		t.Run(name, func(t *testing.T) {
			before := tt.c.Clone()
			got, errs := tt.c.AssignPorts(tt.rules)
			if errs != nil {
				t.Fatal(errs)
			}
			if diff := cmp.Diff(tt.want, portsOf(got)); diff != "" {
				t.Errorf("ports (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, tt.c, sameAddrs); diff != "" {
				t.Errorf("changed what it was given:\n%s", diff)
			}
		})
	}
}

// The ports of deployed nodes stay, whatever comes and goes.
func TestAssignedPortsStay(t *testing.T) {
	deployed, _ := one(instance("i"),
		node("m", "i", mgmt.Manager), node("l", "i", mgmt.Logger), node("w1", "i", mgmt.Worker), node("w3", "i", mgmt.Worker),
	).AssignPorts(usual())
	rules := usual()
	rules.Deployed = deployed
	for name, tt := range map[string]struct {
		c    mgmt.Configuration
		want map[mgmt.NodeName]assigned
	}{
		"nodes come": {
			one(instance("i"), node("a", "i", mgmt.Proxy), node("m", "i", mgmt.Manager), node("k", "i", mgmt.Logger),
				node("l", "i", mgmt.Logger), node("w1", "i", mgmt.Worker), node("w2", "i", mgmt.Worker), node("w3", "i", mgmt.Worker)),
			map[mgmt.NodeName]assigned{
				"m": {2200, 9000}, "l": {2201, 9001}, "k": {2202, 9004}, "a": {2203, 9005}, "w1": {0, 9002}, "w2": {0, 9006}, "w3": {0, 9003},
			},
		},
		"nodes go, and a new one gets the ports of one that went": {
			one(instance("i"), node("l", "i", mgmt.Logger), node("w2", "i", mgmt.Worker), node("w3", "i", mgmt.Worker)),
			map[mgmt.NodeName]assigned{"l": {2201, 9001}, "w2": {0, 9000}, "w3": {0, 9003}},
		},
		"a port that a node sets itself is taken from another": {
			one(instance("i"), node("l", "i", mgmt.Logger), node("m", "i", mgmt.Manager, port(2201), metrics(9001))),
			map[mgmt.NodeName]assigned{"m": {2201, 9001}, "l": {2200, 9000}},
		},
		"a node that no longer listens": {
			one(instance("i"), node("l", "i", mgmt.Worker)), map[mgmt.NodeName]assigned{"l": {0, 9001}},
		},
		"a node on another instance": {
			mgmt.Configuration{
				Instances: []mgmt.Instance{instance("i", at("10.0.0.1")), instance("j", at("10.0.0.2"))},
				Nodes:     []mgmt.Node{node("w3", "j", mgmt.Worker), node("w1", "i", mgmt.Worker)},
			},
			map[mgmt.NodeName]assigned{"w1": {0, 9002}, "w3": {0, 9000}},
		},
	} {
		got, errs := tt.c.AssignPorts(rules)
		if diff := cmp.Diff(tt.want, portsOf(got)); errs != nil || diff != "" {
			t.Errorf("%s: errors %q, ports (-want +got):\n%s", name, errs, diff)
		}
	}
}

func TestPortsThatTheControllerOrAgentsTookDoNotStay(t *testing.T) {
	rules := usual()
	rules.Deployed = one(instance("i"), node("m", "i", mgmt.Manager, port(2150), metrics(2151)))
	rules.Agents = []mgmt.Instance{instance("i", at("127.0.0.1"), listening(2151))}
	got, errs := one(instance("i", at("127.0.0.1")), node("m", "i", mgmt.Manager)).AssignPorts(rules)
	if diff := cmp.Diff(map[mgmt.NodeName]assigned{"m": {2200, 9000}}, portsOf(got)); errs != nil || diff != "" {
		t.Errorf("errors %q, ports (-want +got):\n%s", errs, diff)
	}
}

func TestAssignPortsRunsOut(t *testing.T) {
	rules := usual()
	rules.BrokerStart, rules.MetricsStart = 65534, 65535
	_, errs := one(instance("i"),
		node("m", "i", mgmt.Manager), node("l", "i", mgmt.Logger), node("p", "i", mgmt.Proxy),
	).AssignPorts(rules)
	want := []string{
		"node 'l' lacks a metrics port, and none is free from 65535/tcp on",
		"node 'm' lacks a metrics port, and none is free from 65535/tcp on",
		"node 'p' lacks a Broker port, and none is free from 65534/tcp on",
		"node 'p' lacks a metrics port, and none is free from 65535/tcp on",
	}
	if diff := cmp.Diff(want, errs); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
}

func TestAssignPortsAsRecorded(t *testing.T) {
	var staged, deployed mgmt.Configuration
	for _, m := range recordedMessages(t) {
		switch m := m.(type) {
		case mgmt.StageConfigurationRequest:
			if len(m.Config.Nodes) == 5 { // two.cfg
				staged = m.Config
			}
		case mgmt.AgentDeployRequest:
			if m.Config.ID == staged.ID && len(staged.Nodes) > 0 {
				deployed = m.Config
			}
		}
	}
	rules := usual()
	rules.Agents = []mgmt.Instance{instance("instance-1", at("127.0.0.1")), instance("instance-2", at("127.0.0.1"))}
	got, errs := staged.WithHosts(rules.Agents).AssignPorts(rules)
	if diff := cmp.Diff(deployed, got, sameAddrs); errs != nil || len(deployed.Nodes) != 5 || diff != "" {
		t.Errorf("errors %q, configuration (-want +got):\n%s", errs, diff)
	}
}

// drawConfiguration draws a configuration from few names, hosts and numbers, so
// that some of its ports collide.
func drawConfiguration(t *rapid.T) mgmt.Configuration {
	number := rapid.SampledFrom([]uint16{2149, 2150, 2151, 2200, 2201, 2203, 9000, 9001, 9002})
	hosts := rapid.SampledFrom([]string{"0.0.0.0", "127.0.0.1", "10.0.0.1", "10.0.0.2", "10.0.0.9"})
	roles := rapid.SampledFrom([]mgmt.ClusterRole{mgmt.Logger, mgmt.Proxy, mgmt.Worker})
	maybe := func(label string) *mgmt.Port {
		if !rapid.Bool().Draw(t, label) {
			return nil
		}
		return tcp(number.Draw(t, label))
	}
	var c mgmt.Configuration
	for i := range rapid.IntRange(1, 4).Draw(t, "instances") {
		c.Instances = append(c.Instances, mgmt.Instance{
			Name: mgmt.InstanceName(fmt.Sprintf("i%d", i)), Host: addr(hosts.Draw(t, "host")), ListenPort: maybe("listen"),
		})
	}
	for i := range rapid.IntRange(0, 12).Draw(t, "nodes") {
		c.Nodes = append(c.Nodes, mgmt.Node{
			Name: mgmt.NodeName(fmt.Sprintf("n%d", i)), Role: roles.Draw(t, "role"),
			Instance: rapid.SampledFrom(c.Instances).Draw(t, "on").Name, Port: maybe("port"), MetricsPort: maybe("metrics"),
		})
	}
	return c
}

func TestAssignedPortsProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := drawConfiguration(t)
		rules := usual()
		rules.BrokerStart = rapid.SampledFrom([]uint16{0, 2148, 2200, 8999}).Draw(t, "start")
		rules.MetricsStart = rapid.SampledFrom([]uint16{0, 2148, 2200, 8999}).Draw(t, "metrics start")
		rules.Agents = []mgmt.Instance{
			instance("i0", at("10.0.0.1"), listening(2151)), instance("elsewhere", at("10.0.0.2"), listening(9001)),
		}
		rules.Deployed = drawConfiguration(t)
		got, errs := c.AssignPorts(rules)
		if errs != nil {
			t.Fatalf("ran out: %q", errs)
		}
		for i, n := range c.Nodes {
			a := got.Nodes[i]
			if n.Port != nil && *a.Port != *n.Port || n.MetricsPort != nil && *a.MetricsPort != *n.MetricsPort {
				t.Errorf("node %s: port that was set has changed", n.Name)
			}
			if a.MetricsPort == nil || (a.Port == nil) != (n.Port == nil && n.Role == mgmt.Worker) {
				t.Errorf("node %s: wrong ports %v, %v", n.Name, a.Port, a.MetricsPort)
			}
		}
		again, _ := got.AssignPorts(rules)
		twin, _ := c.Clone().AssignPorts(rules)
		if diff := cmp.Diff(got, again, sameAddrs) + cmp.Diff(got, twin, sameAddrs); diff != "" {
			t.Errorf("not the same again:\n%s", diff)
		}
		// The assigned ports collide with no others: the configuration has only the
		// mistakes that it had before.
		before, _ := c.Check(rules)
		after, _ := got.Check(rules)
		if diff := cmp.Diff(before, after, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("errors before and after:\n%s", diff)
		}
	})
}
