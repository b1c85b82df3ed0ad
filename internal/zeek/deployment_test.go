package zeek_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// documentedKeys are the key pairs of libzmq's documentation.
var documentedKeys = zeek.CurveKeys{
	Server: zeek.KeyPair{
		Public: "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7",
		Secret: "JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6",
	},
	Client: zeek.KeyPair{
		Public: "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID",
		Secret: "D:)Q[IlAW!ahhC2ac:9*A}h:p?([4%wOTJ%JR%cs",
	},
}

// withSocketTLS gives the deployment a SocketTLS if it can have one.
func withSocketTLS(d zeek.Deployment) zeek.Deployment {
	if d.ServesWithTLS() {
		d.SocketTLS = &zeek.SocketTLS{Certificate: "certificate\n", Key: "key\n", Authority: "authority\n"}
	}
	return d
}

func version(t testing.TB, text string) zeek.Version {
	t.Helper()
	v, err := zeek.ParseVersion(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// clusterOf returns a cluster of four nodes, two on each host. hosts are the
// addresses of the two hosts.
func clusterOf(hosts [2]string) mgmt.Configuration {
	node := func(name mgmt.NodeName, in mgmt.InstanceName, role mgmt.ClusterRole, port, metrics uint16) mgmt.Node {
		n := mgmt.Node{Name: name, Instance: in, Role: role, MetricsPort: new(mgmt.TCPPort(metrics))}
		if port != 0 {
			n.Port = new(mgmt.TCPPort(port))
		}
		return n
	}
	worker := node("worker-1", "b", mgmt.Worker, 0, 9003)
	worker.Interface = new("af_packet::eth0")
	worker.Scripts = []string{"site/extra"}
	worker.Options = []mgmt.Option{{Name: "Notice::mail_dest", Value: "soc"}}
	worker.Env = map[string]string{"LD_LIBRARY_PATH": "/opt/pfring/lib", "CLUSTER_NODE": "evil"}
	return mgmt.Configuration{
		Instances: []mgmt.Instance{
			{Name: "a", Host: netip.MustParseAddr(hosts[0])},
			{Name: "b", Host: netip.MustParseAddr(hosts[1])},
		},
		Nodes: []mgmt.Node{
			node("manager", "a", mgmt.Manager, 2200, 9000),
			node("logger-1", "a", mgmt.Logger, 2201, 9001),
			node("proxy-1", "b", mgmt.Proxy, 2202, 9002),
			worker,
		},
	}
}

// deployment returns the deployment of a node of c with Zeek of version v.
func deployment(t testing.TB, v string, c mgmt.Configuration, node mgmt.NodeName) zeek.Deployment {
	t.Helper()
	plan, ok := mgmt.PlanFor(c, node)
	if !ok {
		t.Fatalf("no node %s", node)
	}
	return zeek.Deployment{
		Install: zeek.Install{
			Path:       "/opt/zeek/bin/zeek",
			Version:    version(t, v),
			Prefix:     "/opt/zeek",
			ScriptDir:  "/opt/zeek/share/zeek",
			SearchPath: []string{"/opt/zeek/share/zeek", "/opt/zeek/share/zeek/policy", "/opt/zeek/share/zeek/site"},
			PluginPath: "/opt/zeek/lib/zeek/plugins",

			FreesLogPort: version(t, v).AtLeast(8, 0),
		},
		Plan:          plan,
		WebSocketPort: 41001,
		Secret:        "abcdefghijklmnopqrstuvwxyz0123456789",
		Site: zeek.Site{
			StateDir:  "/var/lib/zeekfleet",
			SpoolDir:  "/var/spool/zeekfleet",
			AgentAddr: netip.MustParseAddrPort("127.0.0.1:2151"),
			HashSeed:  "a seed",
			Environ:   []string{"PATH=/usr/bin", "ZEEKPATH=/elsewhere", "ZEEKFLEET_TOKEN=secret"},
		},
	}
}

func oneHost() mgmt.Configuration  { return clusterOf([2]string{"127.0.0.1", "127.0.0.1"}) }
func twoHosts() mgmt.Configuration { return clusterOf([2]string{"10.0.0.1", "10.0.0.2"}) }

func content(t testing.TB, g zeek.Generated, name string) string {
	t.Helper()
	for _, f := range g.Files {
		if f.Name == name {
			return f.Content
		}
	}
	t.Fatalf("no file %s", name)
	return ""
}

func generate(t testing.TB, d zeek.Deployment) zeek.Generated {
	t.Helper()
	g, err := d.Generate()
	if err != nil {
		t.Fatal(err)
	}
	return g
}

func command(t testing.TB, d zeek.Deployment) zeek.Command {
	t.Helper()
	c, err := d.Command("/state/gen/0")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// impossibleDeployments are changes that make a deployment impossible, each with a
// part of the error that must follow.
var impossibleDeployments = map[string]struct {
	version string
	change  func(*zeek.Deployment)
	want    string
}{
	"a Zeek that is too old":   {"4.2.0", func(*zeek.Deployment) {}, "zeek 4.2.0 is too old"},
	"ZeroMQ before 7.1":        {"7.0.11", func(d *zeek.Deployment) { d.Backend = zeek.ZeroMQ }, "takes Zeek 7.1 or later"},
	"an unknown backend":       {"8.2.2", func(d *zeek.Deployment) { d.Backend = "nats" }, `unknown cluster backend "nats"`},
	"WebSocket before 8.0":     {"7.2.0", func(d *zeek.Deployment) { d.AgentProtocol = zeek.AgentWebSocket }, "takes Zeek 8.0 or later"},
	"an unknown protocol":      {"8.2.2", func(d *zeek.Deployment) { d.AgentProtocol = "smoke" }, `unknown node transport "smoke"`},
	"no secret":                {"8.2.2", func(d *zeek.Deployment) { d.Secret = "" }, "no secret was chosen"},
	"a short secret":           {"8.2.2", func(d *zeek.Deployment) { d.Secret = "abcdefghijklmnopqrstuvwxyz01234" }, "no secret was chosen"},
	"a secret with a quote":    {"8.2.2", func(d *zeek.Deployment) { d.Secret += "\";" }, "no secret was chosen"},
	"WebSocket without a port": {"8.2.2", func(d *zeek.Deployment) { d.WebSocketPort = 0 }, "no port was chosen"},
	"Broker without the agent's address": {"8.0.0", func(d *zeek.Deployment) {
		d.Site.AgentAddr = netip.AddrPort{}
	}, "the address and port of the agent, to which the node connects, are not known"},
	"upstream's node script over WebSocket": {"8.2.2", func(d *zeek.Deployment) {
		d.NodeScript, d.AgentProtocol = zeek.UpstreamNodeScript, zeek.AgentWebSocket
	}, "cannot use the node transport"},
	"upstream's node script with ZeroMQ": {"8.2.2", func(d *zeek.Deployment) {
		d.NodeScript, d.Backend = zeek.UpstreamNodeScript, zeek.ZeroMQ
	}, "cannot use the cluster backend"},
	"upstream's node script after its removal": {"9.1.0", func(d *zeek.Deployment) {
		d.NodeScript = zeek.UpstreamNodeScript
	}, "does not ship upstream's node script"},
	"an unknown node script": {"8.2.2", func(d *zeek.Deployment) { d.NodeScript = "x" }, "unknown node script"},
	"a relative spool":       {"8.2.2", func(d *zeek.Deployment) { d.Site.SpoolDir = "spool" }, "is not absolute"},
	"a certificate without its key": {"8.2.2", func(d *zeek.Deployment) {
		d.Site.BrokerTLS.CertFile = "/c.pem"
	}, "both are needed"},
	"a node that the layout lacks": {"8.2.2", func(d *zeek.Deployment) { d.Plan.Node.Name = "worker-9" }, "no entry for it"},
	"one host without an address": {"8.2.2", func(d *zeek.Deployment) {
		e := d.Plan.Cluster["worker-1"]
		e.Host = mgmt.UnknownHost
		d.Plan.Cluster["worker-1"] = e
	}, "of others are not"},
	"two managers": {"8.2.2", func(d *zeek.Deployment) {
		d.Plan.Cluster["boss"] = d.Plan.Cluster["manager"]
	}, "two managers, boss and manager"},
	"a node without a role": {"8.2.2", func(d *zeek.Deployment) {
		d.Plan.Cluster["x"] = mgmt.ClusterEndpoint{Role: mgmt.ClusterNone, Host: netip.MustParseAddr("10.0.0.1")}
	}, "node x has no role"},
	"ZeroMQ without a manager": {"8.2.2", func(d *zeek.Deployment) {
		d.Backend = zeek.ZeroMQ
		delete(d.Plan.Cluster, "manager")
	}, "no manager"},
	"ZeroMQ with a logger that does not listen": {"8.2.2", func(d *zeek.Deployment) {
		d.Backend = zeek.ZeroMQ
		e := d.Plan.Cluster["logger-1"]
		e.Port = mgmt.NoPort
		d.Plan.Cluster["logger-1"] = e
	}, "logger logger-1 has no port"},
	"ZeroMQ with one port for two sockets": {"8.2.2", func(d *zeek.Deployment) {
		d.Site.ZeroMQ.XPubPort = zeek.DefaultXSubPort
	}, "cannot use port 5556 for both"},
	"ZeroMQ over IPv6 before 8.0": {"7.2.0", func(d *zeek.Deployment) {
		d.Backend = zeek.ZeroMQ
		e := d.Plan.Cluster["worker-1"]
		e.Host = netip.MustParseAddr("2001:db8::1")
		d.Plan.Cluster["worker-1"] = e
	}, "cannot use IPv6"},
	"empty CURVE keys": {"8.2.2", func(d *zeek.Deployment) {
		d.Site.ZeroMQ.Curve = &zeek.CurveKeys{}
	}, "the CURVE keys of the server: secret key: it has 0 bytes"},
	"CURVE keys that do not belong together": {"8.2.2", func(d *zeek.Deployment) {
		keys := documentedKeys
		keys.Client.Public = keys.Server.Public
		d.Site.ZeroMQ.Curve = &keys
	}, "the CURVE keys of the client: the public key does not belong"},
	"a name that is a path":      {"8.2.2", func(d *zeek.Deployment) { d.Plan.Node.Name = "../x" }, "must not"},
	"a script that is an option": {"8.2.2", func(d *zeek.Deployment) { d.Plan.Node.Scripts = []string{"-e"} }, `"-e" cannot be the name of a script`},
	"a script that ends the arguments": {"8.2.2", func(d *zeek.Deployment) {
		d.Plan.Node.Scripts = []string{"x--"}
	}, "cannot be the name of a script"},
	"a script that sets a variable": {"8.2.2", func(d *zeek.Deployment) { d.Plan.Node.Scripts = []string{"a=b"} }, "cannot be the name of a script"},
	"a script that is a plugin":     {"8.2.2", func(d *zeek.Deployment) { d.Plan.Node.Scripts = []string{"A::B"} }, "cannot be the name of a script"},
	"an option with a bad name": {"8.2.2", func(d *zeek.Deployment) {
		d.Plan.Node.Options = []mgmt.Option{{Name: "a b", Value: "T"}}
	}, "cannot be the name of a script option"},
	"an option that would run code": {"8.2.2", func(d *zeek.Deployment) {
		d.Plan.Node.Options = []mgmt.Option{{Name: "x", Value: `" + system("reboot") + "`}}
	}, "the value of the script option x"},
	"an environment variable without a name": {"8.2.2", func(d *zeek.Deployment) {
		d.Plan.Node.Env = map[string]string{"": "x"}
	}, "cannot be an environment variable"},
}

func TestImpossibleDeploymentsAreRefused(t *testing.T) {
	for name, tc := range impossibleDeployments {
		t.Run(name, func(t *testing.T) {
			d := deployment(t, tc.version, oneHost(), "worker-1")
			tc.change(&d)
			_, err := d.Generate()
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Generate: got error %v, want one with %q", err, tc.want)
			}
			if _, err := d.Command("/gen"); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("Command: got error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestGenerateWarnsOfWhatTheNodeWillNotHave(t *testing.T) {
	for name, tc := range map[string]struct {
		version string
		change  func(*zeek.Deployment)
		want    string
	}{
		"a Zeek of the future": {"10.1.0", func(*zeek.Deployment) {}, "newer than this program knows"},
		"a reserved variable":  {"8.2.2", func(*zeek.Deployment) {}, "cannot set the environment variable CLUSTER_NODE"},
		"metrics before 7.0":   {"6.0.0", func(*zeek.Deployment) {}, "serves no metrics"},
		"ZeroMQ in the clear":  {"8.2.2", func(d *zeek.Deployment) { d.Backend = zeek.ZeroMQ }, "no CURVE keys"},
		"Broker beside ZeroMQ": {"7.2.0", func(d *zeek.Deployment) { d.Backend = zeek.ZeroMQ }, "upstream does not promise that this works"},
		"WebSocket where logs arrive": {"8.2.2", func(d *zeek.Deployment) {
			d.Backend, d.AgentProtocol, d.Install.FreesLogPort = zeek.ZeroMQ, zeek.AgentWebSocket, false
			d.Plan, _ = mgmt.PlanFor(twoHosts(), "logger-1")
		}, "node logger-1 speaks with its agent over Broker"},
		"ZeroMQ that cannot encrypt": {"8.0.0", func(d *zeek.Deployment) {
			d.Backend, d.Site.ZeroMQ.Curve = zeek.ZeroMQ, &documentedKeys
		}, "takes Zeek 8.2 or later"},
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(t, tc.version, twoHosts(), "worker-1")
			tc.change(&d)
			g := generate(t, d)
			if got := strings.Join(slices.Concat(g.Warnings, g.ClusterWarnings), "\n"); !strings.Contains(got, tc.want) {
				t.Errorf("warnings %q lack %q", got, tc.want)
			}
		})
	}
}

func TestClusterWithoutCertificatesIsWarnedOf(t *testing.T) {
	const unproven = "do not authenticate each other"
	for name, tc := range map[string]struct {
		config mgmt.Configuration
		change func(*zeek.Deployment)
		warned bool
	}{
		"two hosts": {twoHosts(), func(*zeek.Deployment) {}, true},
		"two hosts with certificates": {twoHosts(), func(d *zeek.Deployment) {
			d.Site.BrokerTLS = zeek.BrokerTLS{CertFile: "/c", KeyFile: "/k", CAFile: "/a"}
		}, false},
		"two hosts with encrypted ZMQ": {twoHosts(), func(d *zeek.Deployment) { d.Backend, d.Site.ZeroMQ.Curve = zeek.ZeroMQ, &documentedKeys }, false},
		"one host":                     {oneHost(), func(*zeek.Deployment) {}, true},
		"one host with certificates of the agent": {oneHost(), func(d *zeek.Deployment) {
			d.Site.BrokerTLS.Own = &zeek.ClusterTLS{Certificate: "c", Key: "k", Authority: "a"}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(t, "8.2.2", tc.config, "worker-1")
			tc.change(&d)
			g := generate(t, d)
			if got := strings.Contains(strings.Join(g.ClusterWarnings, "\n"), unproven); got != tc.warned {
				t.Errorf("warnings %q", g.ClusterWarnings)
			}
			if strings.Contains(strings.Join(g.Warnings, "\n"), unproven) {
				t.Error("the warning is one of the node, not of the cluster")
			}
		})
	}
}

// A node that receives logs with ZeroMQ cannot serve WebSocket clients.
func TestChosenAgentProtocol(t *testing.T) {
	withoutLogger := oneHost()
	withoutLogger.Nodes = slices.DeleteFunc(withoutLogger.Nodes, func(n mgmt.Node) bool { return n.Role == mgmt.Logger })
	quiet := oneHost()
	quiet.Nodes = slices.Clone(withoutLogger.Nodes)
	quiet.Nodes[0].Port = nil
	for name, tc := range map[string]struct {
		version string
		cluster mgmt.Configuration
		node    mgmt.NodeName
		change  func(*zeek.Deployment)
		want    zeek.AgentProtocol
	}{
		"before 8.1":       {"8.0.0", oneHost(), "worker-1", nil, zeek.AgentBroker},
		"from 8.1 on":      {"8.1.0", oneHost(), "worker-1", nil, zeek.AgentWebSocket},
		"Broker's loggers": {"8.2.2", oneHost(), "logger-1", nil, zeek.AgentWebSocket},
		"upstream's script": {"8.2.2", oneHost(), "worker-1", func(d *zeek.Deployment) {
			d.NodeScript = zeek.UpstreamNodeScript
		}, zeek.AgentBroker},
		"ZeroMQ's loggers": {"8.2.2", oneHost(), "logger-1", useZeroMQ, zeek.AgentWebSocket},
		"ZeroMQ's loggers, if Zeek keeps its constants": {"8.2.2", oneHost(), "logger-1", func(d *zeek.Deployment) {
			useZeroMQ(d)
			d.Install.FreesLogPort = false
		}, zeek.AgentBroker},
		"loggers without any way": {"8.2.2", oneHost(), "logger-1", func(d *zeek.Deployment) {
			useZeroMQ(d)
			d.Install.FreesLogPort, d.Install.Backends = false, []zeek.Backend{zeek.ZeroMQ}
		}, zeek.AgentNone},
		"8.0 without Broker": {"8.0.0", oneHost(), "worker-1", func(d *zeek.Deployment) {
			d.Install.Backends = []zeek.Backend{zeek.ZeroMQ}
		}, zeek.AgentWebSocket},
		"ZeroMQ's managers":        {"8.2.2", oneHost(), "manager", useZeroMQ, zeek.AgentWebSocket},
		"ZeroMQ's workers":         {"9.0.0", oneHost(), "worker-1", useZeroMQ, zeek.AgentWebSocket},
		"managers that write logs": {"9.0.0", withoutLogger, "manager", useZeroMQ, zeek.AgentWebSocket},
		"managers without a port":  {"9.0.0", quiet, "manager", useZeroMQ, zeek.AgentWebSocket},
		"the protocol of the site": {"8.0.0", oneHost(), "worker-1", func(d *zeek.Deployment) {
			d.Backend, d.AgentProtocol = zeek.ZeroMQ, zeek.AgentWebSocket
		}, zeek.AgentWebSocket},
		"the protocol of the site, if impossible": {"8.2.2", oneHost(), "logger-1", func(d *zeek.Deployment) {
			d.Backend, d.AgentProtocol, d.Install.FreesLogPort = zeek.ZeroMQ, zeek.AgentWebSocket, false
		}, zeek.AgentBroker},
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(t, tc.version, tc.cluster, tc.node)
			if tc.change != nil {
				tc.change(&d)
			}
			if got := d.ChosenAgentProtocol(); got != tc.want {
				t.Errorf("got %s, want %s", got, tc.want)
			}
			served := strings.Contains(content(t, generate(t, d), "zeekfleet-options.zeek"), "websocket_port")
			if want := tc.want == zeek.AgentWebSocket; served != want {
				t.Errorf("the node serves WebSocket: %v, want %v", served, want)
			}
		})
	}
}

func useZeroMQ(d *zeek.Deployment) { d.Backend = zeek.ZeroMQ }

func TestNodesWithoutAddressesAreOnLoopback(t *testing.T) {
	d := deployment(t, "8.2.2", clusterOf([2]string{"0.0.0.0", "0.0.0.0"}), "worker-1")
	layout := content(t, generate(t, d), "cluster-layout.zeek")
	if got := strings.Count(layout, "$ip=127.0.0.1,"); got != 4 {
		t.Errorf("%d of 4 nodes are on the loopback address:\n%s", got, layout)
	}
}

func TestIPv6AddressesAreConstantsInZeeksNotation(t *testing.T) {
	d := deployment(t, "8.2.2", clusterOf([2]string{"2001:db8::1", "fe80::2%eth1"}), "worker-1")
	d.Backend = zeek.ZeroMQ
	g := generate(t, d)
	layout := content(t, g, "cluster-layout.zeek")
	for _, want := range []string{"$ip=[2001:db8::1],", `$ip=[fe80::2], $zone_id="eth1",`} {
		if !strings.Contains(layout, want) {
			t.Errorf("the layout lacks %s:\n%s", want, layout)
		}
	}
	options := content(t, g, "zeekfleet-options.zeek")
	for _, want := range []string{`"tcp://[2001:db8::1]:5555"`, "ZeroMQ::ipv6 = T;", `Telemetry::metrics_address = "[fe80::2]";`} {
		if !strings.Contains(options, want) {
			t.Errorf("the options lack %s:\n%s", want, options)
		}
	}
}

func TestOnlyASingleLogWriterHasNoSuffix(t *testing.T) {
	c := oneHost()
	for name, tc := range map[string]struct {
		node mgmt.NodeName
		edit func(*mgmt.Configuration)
		want string
	}{
		"a sole logger":    {"logger-1", func(*mgmt.Configuration) {}, `fmt("%s__%s__%s__", path`},
		"another node":     {"worker-1", func(*mgmt.Configuration) {}, `__log_suffix=worker-1__"`},
		"a logger of two":  {"logger-1", func(c *mgmt.Configuration) { c.Nodes[2].Role = mgmt.Logger }, `__log_suffix=logger-1__"`},
		"a manager alone":  {"manager", func(c *mgmt.Configuration) { c.Nodes[1].Role = mgmt.Worker }, `fmt("%s__%s__%s__", path`},
		"an unlucky name":  {"a__b,=%s", func(c *mgmt.Configuration) { c.Nodes[3].Name = "a__b,=%s" }, `__log_suffix=a--b---s-`},
		"a trailing line_": {"x_", func(c *mgmt.Configuration) { c.Nodes[3].Name = "x_" }, `__log_suffix=x--`},
	} {
		t.Run(name, func(t *testing.T) {
			c := c
			c.Nodes = append([]mgmt.Node(nil), c.Nodes...)
			tc.edit(&c)
			options := content(t, generate(t, deployment(t, "8.2.2", c, tc.node)), "zeekfleet-options.zeek")
			if !strings.Contains(options, tc.want) {
				t.Errorf("the options lack %s:\n%s", tc.want, options)
			}
		})
	}
}

func TestUpstreamsNodeScriptFindsItsAgentByItsEnvironment(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	d.NodeScript = zeek.UpstreamNodeScript
	d.Site.AgentAddr = netip.MustParseAddrPort("0.0.0.0:2151")
	cmd := command(t, d)
	for _, want := range []string{"ZEEK_AGENT_ADDR=127.0.0.1", "ZEEK_AGENT_PORT=2151/tcp", "ZEEK_MANAGEMENT_SPOOL_DIR=/var/spool/zeekfleet"} {
		if !slices.Contains(cmd.Env, want) {
			t.Errorf("the environment %q lacks %s", cmd.Env, want)
		}
	}
	if !slices.Contains(cmd.Argv, "policy/frameworks/management/node") || slices.Contains(cmd.Argv, "zeekfleet-node") {
		t.Errorf("argv is %q", cmd.Argv)
	}
	if g := generate(t, d); len(g.Files) != 2 {
		t.Errorf("%d files are generated, want layout and options alone", len(g.Files))
	}
}

func TestBrokerIsEncryptedUnlessEverythingIsOnLoopback(t *testing.T) {
	for name, tc := range map[string]struct {
		hosts  [2]string
		change func(*zeek.Deployment)
		want   string
		never  string
	}{
		"loopback":                {[2]string{"127.0.0.1", "127.0.0.1"}, func(*zeek.Deployment) {}, "Broker::disable_ssl = T;", "ssl_c"},
		"a network":               {[2]string{"10.0.0.1", "10.0.0.2"}, func(*zeek.Deployment) {}, "# Broker.", "disable_ssl"},
		"an agent on the network": {[2]string{"127.0.0.1", "127.0.0.1"}, func(d *zeek.Deployment) { d.Site.AgentAddr = netip.MustParseAddrPort("10.0.0.1:2151") }, "# Broker.", "disable_ssl"},
		"certificates": {[2]string{"127.0.0.1", "127.0.0.1"}, func(d *zeek.Deployment) {
			d.Site.BrokerTLS = zeek.BrokerTLS{CertFile: "/c", KeyFile: "/k", CAFile: "/a"}
		}, "redef Broker::ssl_certificate = \"/c\";\nredef Broker::ssl_keyfile = \"/k\";\nredef Broker::ssl_cafile = \"/a\";", "disable_ssl"},
		"certificates of the agent": {[2]string{"127.0.0.1", "127.0.0.1"}, func(d *zeek.Deployment) {
			d.Site.BrokerTLS.Own = &zeek.ClusterTLS{Certificate: "c", Key: "k", Authority: "a"}
		}, "redef Broker::ssl_certificate = @DIR + \"/zeekfleet-broker.pem\";\nredef Broker::ssl_keyfile = @DIR + \"/zeekfleet-broker.key\";\nredef Broker::ssl_cafile = @DIR + \"/zeekfleet-broker-nodes.pem\";", "disable_ssl"},
		"certificates of the agent, and ZeroMQ": {[2]string{"127.0.0.1", "127.0.0.1"}, func(d *zeek.Deployment) {
			d.Backend = zeek.ZeroMQ
			d.Site.BrokerTLS.Own = &zeek.ClusterTLS{Certificate: "c", Key: "k", Authority: "a"}
		}, "redef Broker::disable_ssl = T;", "@DIR"},
		"certificates, and an agent to peer with": {[2]string{"127.0.0.1", "127.0.0.1"}, func(d *zeek.Deployment) {
			d.Site.BrokerTLS = zeek.BrokerTLS{CertFile: "/c", KeyFile: "/k", CAFile: "/a", AgentCAFile: "/both"}
		}, "redef Broker::ssl_cafile = \"/both\";", "\"/a\""},
		"certificates, and an agent that connects": {[2]string{"127.0.0.1", "127.0.0.1"}, func(d *zeek.Deployment) {
			d.Install.Version = version(t, "8.2.2") // the agent speaks WebSocket
			d.Site.BrokerTLS = zeek.BrokerTLS{CertFile: "/c", KeyFile: "/k", CAFile: "/a", AgentCAFile: "/both"}
		}, "redef Broker::ssl_cafile = \"/a\";", "\"/both\""},
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(t, "8.0.0", clusterOf(tc.hosts), "worker-1")
			tc.change(&d)
			options := content(t, generate(t, d), "zeekfleet-options.zeek")
			if !strings.Contains(options, tc.want) || strings.Contains(options, tc.never) {
				t.Errorf("the options lack %q, or have %q:\n%s", tc.want, tc.never, options)
			}
		})
	}
}

// This test only checks that the guard is in the node script, runs before other
// handlers, and lets set_option pass. Its effect was tried with Zeek 8.2.2.
func TestNodeScriptGuardsNoticeSendmail(t *testing.T) {
	for _, protocol := range []zeek.AgentProtocol{zeek.AgentBroker, zeek.AgentWebSocket} {
		var scripts strings.Builder
		for _, f := range zeek.NodeScriptFiles(protocol) {
			scripts.WriteString(f.Content)
		}
		for _, want := range []string{
			`Option::set_change_handler("Notice::sendmail", keep_command, 1000000);`,
			"if ( id == being_set || ! is_remote_event() )\n\t\treturn val;",
			"being_set = args[0];",
			`being_set = "";`,
		} {
			if !strings.Contains(scripts.String(), want) {
				t.Errorf("%s: the node script lacks %q", protocol, want)
			}
		}
	}
}
