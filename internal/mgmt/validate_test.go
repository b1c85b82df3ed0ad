package mgmt_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func tcp(number uint16) *mgmt.Port { return new(mgmt.TCPPort(number)) }

// instance is an instance without a known host and without a port.
func instance(name mgmt.InstanceName, edits ...func(*mgmt.Instance)) mgmt.Instance {
	in := mgmt.Instance{Name: name, Host: mgmt.UnknownHost}
	for _, edit := range edits {
		edit(&in)
	}
	return in
}

func at(host string) func(*mgmt.Instance) {
	return func(in *mgmt.Instance) { in.Host = addr(host) }
}

func listening(number uint16) func(*mgmt.Instance) {
	return func(in *mgmt.Instance) { in.ListenPort = tcp(number) }
}

func node(name mgmt.NodeName, on mgmt.InstanceName, role mgmt.ClusterRole, edits ...func(*mgmt.Node)) mgmt.Node {
	n := mgmt.Node{Name: name, Instance: on, Role: role, State: mgmt.Running}
	for _, edit := range edits {
		edit(&n)
	}
	return n
}

func port(number uint16) func(*mgmt.Node) {
	return func(n *mgmt.Node) { n.Port = tcp(number) }
}

func metrics(number uint16) func(*mgmt.Node) {
	return func(n *mgmt.Node) { n.MetricsPort = tcp(number) }
}

func env(pairs ...string) func(*mgmt.Node) {
	return func(n *mgmt.Node) {
		n.Env = make(map[string]string)
		for p := range slices.Chunk(pairs, 2) {
			n.Env[p[0]] = p[1]
		}
	}
}

// usual are the rules of a controller with its default settings.
func usual() mgmt.Rules {
	return mgmt.Rules{
		AssignBroker: true, AssignMetrics: true,
		Controller: mgmt.ControllerSite{
			Name: "controller", Hosts: []netip.Addr{addr("10.0.0.9")},
			Broker: mgmt.TCPPort(2150), WebSocket: mgmt.TCPPort(2149),
		},
	}
}

type checked struct{ Errs, Warnings []string }

func check(c mgmt.Configuration, r mgmt.Rules) checked {
	errs, warnings := c.Check(r)
	return checked{errs, warnings}
}

func one(in mgmt.Instance, nodes ...mgmt.Node) mgmt.Configuration {
	return mgmt.Configuration{Instances: []mgmt.Instance{in}, Nodes: nodes}
}

func errsOf(errs ...string) checked { return checked{Errs: errs} }

// manual are the rules of a controller that assigns no Broker ports.
func manual() mgmt.Rules {
	rules := usual()
	rules.AssignBroker = false
	return rules
}

// zeeksMistakes are mistakes that Zeek's controller finds, too.
var zeeksMistakes = map[string]struct {
	c     mgmt.Configuration
	rules mgmt.Rules
	want  checked
}{
	"an empty configuration is fine":    {mgmt.Configuration{}, usual(), checked{}},
	"an instance without nodes is fine": {one(instance("i")), usual(), checked{}},
	"missing metrics ports are fine":    {one(instance("i"), node("m", "i", mgmt.Manager, port(5000))), manual(), checked{}},
	"one port on two unknown hosts is fine": {
		mgmt.Configuration{
			Instances: []mgmt.Instance{instance("i"), instance("k")},
			Nodes: []mgmt.Node{
				node("m", "i", mgmt.Manager, port(5000), metrics(9000)),
				node("l", "k", mgmt.Logger, port(5000), metrics(9000)),
			},
		}, usual(), checked{},
	},
	"a WebSocket port on another host is fine": {one(instance("i", at("10.0.0.1")), node("m", "i", mgmt.Manager, port(2149))), usual(), checked{}},
	"an instance named twice": {
		mgmt.Configuration{Instances: []mgmt.Instance{instance("i"), instance("i", at("10.0.0.1")), instance("i", at("10.0.0.2"))}},
		usual(), errsOf("multiple instances named 'i'"),
	},
	"a node named thrice": {
		one(instance("i"), node("m", "i", mgmt.Manager), node("m", "i", mgmt.Logger), node("m", "i", mgmt.Worker)),
		usual(), errsOf("multiple nodes named 'm'"),
	},
	"names of both kinds": {
		mgmt.Configuration{
			Instances: []mgmt.Instance{instance("b"), instance("a"), instance("x")},
			Nodes:     []mgmt.Node{node("b", "x", mgmt.Manager), node("a", "x", mgmt.Logger)},
		},
		usual(), errsOf("node and instance names collide: a, b"),
	},
	"nodes on no instance, each": {
		mgmt.Configuration{Nodes: []mgmt.Node{node("m", "j", mgmt.Manager), node("l", "j", mgmt.Logger)}},
		usual(), errsOf("node 'l' has undeclared instance name 'j'", "node 'm' has undeclared instance name 'j'"),
	},
	"a node on its agent's port": {
		one(instance("i", listening(2151), at("10.0.0.1")), node("m", "i", mgmt.Manager, port(2151))),
		usual(), errsOf("node 'm' port 2151/tcp conflicts with agent port on instance 'i'"),
	},
	"a node on the controller's port, wherever it is": {
		one(instance("i", at("10.0.0.1")), node("m", "i", mgmt.Manager, port(2150))),
		usual(), errsOf("node 'm' port 2150/tcp conflicts with controller port"),
	},
	"nodes of one instance on one port": {
		one(instance("i"), node("m", "i", mgmt.Manager, port(5000)), node("l", "i", mgmt.Logger, port(5000)), node("w", "i", mgmt.Worker, port(5000))),
		usual(), errsOf("multiple nodes on instance 'i' using port 5000/tcp"),
	},
	"nodes without the ports that nobody assigns": {
		one(instance("i"), node("w", "i", mgmt.Worker), node("p", "i", mgmt.Proxy), node("m", "i", mgmt.Manager), node("l", "i", mgmt.Logger, port(5000))),
		manual(), errsOf("Broker port auto-assignment disabled but nodes m, p lack ports"),
	},
	"several mistakes, in the order of their bytes": {
		mgmt.Configuration{
			Instances: []mgmt.Instance{instance("i"), instance("i", at("10.0.0.1")), instance("m")},
			Nodes: []mgmt.Node{
				node("m", "i", mgmt.Manager), node("l", "i", mgmt.Logger, port(5000)), node("p", "i", mgmt.Proxy, port(5000)),
				node("w", "j", mgmt.Worker), node("w", "j", mgmt.Worker, port(5001)),
			},
		},
		manual(), errsOf(
			"Broker port auto-assignment disabled but nodes m lack ports",
			"multiple instances named 'i'",
			"multiple nodes named 'w'",
			"multiple nodes on instance 'i' using port 5000/tcp",
			"node 'w' has undeclared instance name 'j'",
			"node 'w' has undeclared instance name 'j'",
			"node and instance names collide: m",
		),
	},
}

func TestCheckSaysWhatZeekSays(t *testing.T) {
	for name, tt := range zeeksMistakes {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, check(tt.c, tt.rules), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// two is a configuration of two instances on one host.
func two(host string, nodes ...mgmt.Node) mgmt.Configuration {
	return mgmt.Configuration{Instances: []mgmt.Instance{instance("i", at(host)), instance("k", at(host))}, Nodes: nodes}
}

// seen are the rules of a controller to which agents are connected.
func seen() mgmt.Rules {
	rules := usual()
	rules.Agents = []mgmt.Instance{
		instance("i", at("10.0.0.9")), instance("k", at("127.0.0.1")),
		instance("other", at("10.0.0.1"), listening(2151)),
	}
	return rules
}

var (
	manager = node("m", "i", mgmt.Manager)
	small   = mgmt.Rules{AssignBroker: true, MaxInstances: 1, MaxNodes: 1}
)

// impossible are configurations that cannot run, with the errors that say why.
var impossible = map[string]struct {
	c     mgmt.Configuration
	rules mgmt.Rules
	want  []string
}{
	"a node without a role": {
		one(instance("i"), manager, node("n", "i", mgmt.ClusterNone)), usual(),
		[]string{"node 'n' has role 'NONE', not manager, logger, proxy or worker"},
	},
	"a node named as the controller, whatever the case": {
		one(instance("i"), node("Controller", "i", mgmt.Manager)), usual(),
		[]string{"node 'Controller' has the name of the controller, whose directory it would run in; name it otherwise"},
	},
	"a node named as an agent but for the case": {
		one(instance("Sensor"), node("sENSOR", "Sensor", mgmt.Manager)), usual(),
		[]string{"node 'sENSOR' has the name of the agent 'Sensor', whose directory it would run in; name it otherwise"},
	},
	"a node named as two agents but for the case, in letters with more than two": {
		mgmt.Configuration{
			Instances: []mgmt.Instance{instance("Kind"), instance("kind")}, Nodes: []mgmt.Node{node("\u212aind", "Kind", mgmt.Manager)},
		}, usual(),
		[]string{
			"node '\u212aind' has the name of the agent 'Kind', whose directory it would run in; name it otherwise",
			"node '\u212aind' has the name of the agent 'kind', whose directory it would run in; name it otherwise",
		},
	},
	"a name that no file can have": {
		one(instance("i"), node(mgmt.NodeName(strings.Repeat("ä", 64)), "i", mgmt.Manager)), usual(),
		[]string{"node '" + strings.Repeat("ä", 64) + "' is badly named: names must not need more than 200 bytes as names of files, where letters beyond ASCII take six and more: this one needs 384"},
	},
	"two managers": {
		one(instance("i"), manager, node("a", "i", mgmt.Manager)), usual(),
		[]string{"multiple nodes with role manager: a, m"},
	},
	"ports that are none": {
		one(instance("i", at("10.0.0.1"), listening(0)), node("m", "i", mgmt.Manager, port(0), func(n *mgmt.Node) {
			n.MetricsPort = &mgmt.Port{Number: 9000, Proto: mgmt.UDP}
		})), usual(),
		[]string{
			"instance 'i' port 0/tcp is not a TCP port from 1 to 65535",
			"node 'm' metrics port 9000/udp is not a TCP port from 1 to 65535",
			"node 'm' port 0/tcp is not a TCP port from 1 to 65535",
			"node 'm' port 0/tcp conflicts with agent port on instance 'i'",
		},
	},
	"metrics ports shared on an instance": {
		one(instance("i"), node("m", "i", mgmt.Manager, metrics(9000)), node("w", "i", mgmt.Worker, metrics(9000))), usual(),
		[]string{"multiple nodes on instance 'i' using metrics port 9000/tcp"},
	},
	"metrics ports and ports shared on a host": {
		two("10.0.0.1", node("m", "i", mgmt.Manager, metrics(9000), port(5000)), node("l", "k", mgmt.Logger, metrics(9000), port(5000))), usual(),
		[]string{"multiple nodes on host 10.0.0.1 using metrics port 9000/tcp", "multiple nodes on host 10.0.0.1 using port 5000/tcp"},
	},
	"ports shared on a host that is known from the agents alone": {
		two("0.0.0.0", node("m", "i", mgmt.Manager, port(5000)), node("l", "k", mgmt.Logger, port(5000))), seen(),
		[]string{"multiple nodes on host 127.0.0.1 using port 5000/tcp"},
	},
	"a metrics port that is a node's port": {
		one(instance("i"), node("m", "i", mgmt.Manager, port(9000)), node("w", "i", mgmt.Worker, metrics(9000))), usual(),
		[]string{"node 'w' metrics port 9000/tcp conflicts with port of node 'm'"},
	},
	"a node's own two ports": {
		one(instance("i"), node("m", "i", mgmt.Manager, port(9000), metrics(9000))), usual(),
		[]string{"node 'm' metrics port 9000/tcp conflicts with port of node 'm'"},
	},
	"a neighbour's agent": {
		mgmt.Configuration{
			Instances: []mgmt.Instance{instance("i", at("10.0.0.1")), instance("k", at("10.0.0.1"), listening(2152))},
			Nodes:     []mgmt.Node{node("m", "i", mgmt.Manager, port(2152)), node("w", "i", mgmt.Worker, metrics(2152))},
		}, usual(),
		[]string{
			"node 'm' port 2152/tcp conflicts with agent port on instance 'k'",
			"node 'w' metrics port 2152/tcp conflicts with agent port on instance 'k'",
			"node 'w' metrics port 2152/tcp conflicts with port of node 'm'",
		},
	},
	"the agent of an instance that is not part of the configuration": {
		one(instance("i", at("10.0.0.1")), node("m", "i", mgmt.Manager, port(2151))), seen(),
		[]string{"node 'm' port 2151/tcp conflicts with agent port on instance 'other'"},
	},
	"agents in each other's way": {
		mgmt.Configuration{Instances: []mgmt.Instance{instance("i", at("10.0.0.1"), listening(2151)), instance("k", at("10.0.0.1"), listening(2151))}},
		usual(), []string{"multiple instances on host 10.0.0.1 using port 2151/tcp"},
	},
	"the controller's ports on its machine": {
		one(instance("i", at("10.0.0.9"), listening(2150)), node("m", "i", mgmt.Manager, port(2149), metrics(2150))), usual(),
		[]string{
			"instance 'i' port 2150/tcp conflicts with controller port",
			"node 'm' metrics port 2150/tcp conflicts with agent port on instance 'i'",
			"node 'm' metrics port 2150/tcp conflicts with controller port",
			"node 'm' port 2149/tcp conflicts with controller WebSocket port",
		},
	},
	"loopback is the controller's machine": {
		one(instance("i", at("127.0.0.1")), node("m", "i", mgmt.Manager, metrics(2149))), usual(),
		[]string{"node 'm' metrics port 2149/tcp conflicts with controller WebSocket port"},
	},
	"environment variables that are ours, or impossible": {
		one(instance("i"), node("m", "i", mgmt.Manager, env(
			"ZEEK_MANAGEMENT_NODE", "AGENT", "CLUSTER_NODE", "x", "ZEEKPATH", ".", "ZEEKFLEET_X", "", "a=b", "", "", "", "A", "\x00", "FOO", "BAR"))), usual(),
		[]string{
			"node 'm' sets environment variable 'A' to a value with a NUL byte",
			"node 'm' sets impossible environment variable ''",
			"node 'm' sets impossible environment variable 'a=b'",
			"node 'm' sets reserved environment variable 'CLUSTER_NODE'",
			"node 'm' sets reserved environment variable 'ZEEKFLEET_X'",
			"node 'm' sets reserved environment variable 'ZEEKPATH'",
			"node 'm' sets reserved environment variable 'ZEEK_MANAGEMENT_NODE'",
		},
	},
	"text that is not text": {
		one(instance("i"), manager, node("w", "i", mgmt.Worker, env("A", "\xff"))), usual(),
		[]string{"node 'w' has text that is not valid UTF-8"},
	},
	"more than the limits, and then nothing else": {
		mgmt.Configuration{Instances: []mgmt.Instance{instance(""), instance("")}, Nodes: []mgmt.Node{manager, manager}}, small,
		[]string{"configuration has 2 instances, more than the limit of 1", "configuration has 2 nodes, more than the limit of 1"},
	},
}

func TestCheckRefusesWhatCannotRun(t *testing.T) {
	for name, tt := range impossible {
		t.Run(name, func(t *testing.T) {
			got, _ := tt.c.Check(tt.rules)
			slices.Sort(tt.want)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("errors (-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckRefusesBadNames(t *testing.T) {
	for name, want := range map[string]string{
		"":                       "'' is badly named: names must not be empty",
		".":                      "'.' is badly named: names must not start with '.'",
		"..":                     "'..' is badly named: names must not start with '.'",
		".hidden":                "'.hidden' is badly named: names must not start with '.'",
		"-j":                     "'-j' is badly named: names must not start with '-'",
		"a/b":                    "'a/b' is badly named: names must not contain '/'",
		"a b":                    "'a b' is badly named: names must not contain white space",
		"a\nb":                   `'a\nb' is badly named: names must not contain white space`,
		"a\x00b":                 `'a\x00b' is badly named: names must not contain control characters`,
		"a\xff":                  `'a\xff' is badly named: names must be valid UTF-8`,
		strings.Repeat("a", 129): "'" + strings.Repeat("a", 128) + "' is badly named: names must not be longer than 128 bytes",
		strings.Repeat("a", 128): "",
		"worker-01":              "",
		"agent-<unknown>":        "",
		"Sensor_7.example.org":   "",
		"wörker..1":              "",
	} {
		c := one(instance("i"), node(mgmt.NodeName(name), "i", mgmt.Manager))
		var wantErrs []string
		if want != "" {
			wantErrs = []string{"node " + want}
		}
		if errs, _ := c.Check(usual()); !slices.Equal(errs, wantErrs) {
			t.Errorf("node %q: got %q, want %q", name, errs, wantErrs)
		}
		if want != "" {
			wantErrs = []string{"instance " + want}
		}
		c = one(instance(mgmt.InstanceName(name)))
		if errs, _ := c.Check(usual()); !slices.Equal(errs, wantErrs) {
			t.Errorf("instance %q: got %q, want %q", name, errs, wantErrs)
		}
	}
}

func TestCheckWarnsWithoutRefusing(t *testing.T) {
	tests := map[string]struct {
		c    mgmt.Configuration
		want []string
	}{
		"no manager": {
			one(instance("i"), node("w", "i", mgmt.Worker)), []string{"no node has role manager"},
		},
		"names that start like others": {
			mgmt.Configuration{Instances: []mgmt.Instance{instance("a10"), instance("a1"), instance("b"), instance("a"), instance("a1-x")}},
			[]string{"instance name 'a' is a prefix of 'a1'", "instance name 'a1' is a prefix of 'a1-x'"},
		},
		"loopback beside a remote host": {
			mgmt.Configuration{Instances: []mgmt.Instance{instance("i", at("127.0.0.1")), instance("j", at("10.0.0.1"))}},
			[]string{"instance 'i' has host 127.0.0.1, which other instances cannot reach"},
		},
		"a port to connect to without a host": {
			one(instance("i", listening(2151))), []string{"instance 'i' has a port to connect to but no host"},
		},
		"the controller's name": {
			one(instance("controller")), []string{"instance 'controller' has the controller's name"},
		},
		"several instances on loopback alone": {
			mgmt.Configuration{Instances: []mgmt.Instance{instance("i", at("127.0.0.1")), instance("j", at("127.0.0.1"))}}, nil,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(checked{Warnings: tt.want}, check(tt.c, usual()), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestCheckOfTheRecordedBadConfiguration(t *testing.T) {
	messages := recordedMessages(t)
	bad := slices.IndexFunc(messages, func(m mgmt.Message) bool {
		req, ok := m.(mgmt.StageConfigurationRequest)
		return ok && strings.HasPrefix(string(req.Config.Nodes[0].Name), "instance-")
	})
	var want []string
	for _, r := range messages[bad+1].(mgmt.StageConfigurationResponse).Results {
		want = append(want, r.Error)
	}
	rules := usual()
	rules.Agents = []mgmt.Instance{instance("instance-1", at("127.0.0.1")), instance("instance-2", at("127.0.0.1"))}
	got := check(messages[bad].(mgmt.StageConfigurationRequest).Config, rules)
	if diff := cmp.Diff(errsOf(want...), got, cmpopts.EquateEmpty()); len(want) != 3 || diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
