package zeek_test

import (
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

func checkGroup(t *testing.T, d zeek.Deployment) string {
	t.Helper()
	group, err := d.CheckGroup()
	if err != nil {
		t.Fatal(err)
	}
	return group
}

func TestCheckGroupIgnoresWhatNoScriptDependsOn(t *testing.T) {
	for name, edit := range map[string]func(*zeek.Deployment, *mgmt.Node){
		"nothing":                func(*zeek.Deployment, *mgmt.Node) {},
		"the interface":          func(_ *zeek.Deployment, n *mgmt.Node) { n.Interface = new("af_packet::eth9") },
		"the metrics port":       func(_ *zeek.Deployment, n *mgmt.Node) { n.MetricsPort = new(mgmt.TCPPort(9999)) },
		"a list of processors":   func(_ *zeek.Deployment, n *mgmt.Node) { n.Env = withEnv(n.Env, mgmt.CPUsEnv, "1,2") },
		"the agent's port":       func(d *zeek.Deployment, _ *mgmt.Node) { d.Site.AgentAddr = netip.MustParseAddrPort("127.0.0.1:4711") },
		"the port for the agent": func(d *zeek.Deployment, _ *mgmt.Node) { d.WebSocketPort = 4711 },
		"what systemd sets":      func(d *zeek.Deployment, _ *mgmt.Node) { d.Site.Environ = append(d.Site.Environ, "INVOCATION_ID=x") },
		"another node": func(d *zeek.Deployment, _ *mgmt.Node) {
			d.Plan.Cluster["worker-9"] = mgmt.ClusterEndpoint{Role: mgmt.Worker, Host: netip.MustParseAddr("127.0.0.1")}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(t, "8.2.2", oneHost(), "worker-1")
			before := checkGroup(t, d)
			node := d.Plan.Node
			edit(&d, &node)
			d.Plan.Node = node
			if after := checkGroup(t, d); before == "" || after != before {
				t.Errorf("the group changed from %q to %q", before, after)
			}
		})
	}
}

func withEnv(env map[string]string, name, value string) map[string]string {
	more := map[string]string{name: value}
	maps.Copy(more, env)
	return more
}

func TestCheckGroupDistinguishesWhatScriptsDependOn(t *testing.T) {
	for name, edit := range map[string]func(*zeek.Deployment, *mgmt.Node){
		"a script": func(_ *zeek.Deployment, n *mgmt.Node) { n.Scripts = append(slices.Clone(n.Scripts), "more") },
		"an option": func(_ *zeek.Deployment, n *mgmt.Node) {
			n.Options = append(slices.Clone(n.Options), mgmt.Option{Name: "A::b", Value: "1"})
		},
		"a variable":        func(_ *zeek.Deployment, n *mgmt.Node) { n.Env = withEnv(n.Env, "A", "b") },
		"no interface":      func(_ *zeek.Deployment, n *mgmt.Node) { n.Interface = nil },
		"another Zeek":      func(d *zeek.Deployment, _ *mgmt.Node) { d.Install.Path = "/opt/other/bin/zeek" },
		"another version":   func(d *zeek.Deployment, _ *mgmt.Node) { d.Install.Version.Patch++ },
		"arguments":         func(d *zeek.Deployment, _ *mgmt.Node) { d.Site.Args = []string{"local", "mine"} },
		"the environment":   func(d *zeek.Deployment, _ *mgmt.Node) { d.Site.Environ = append(slices.Clone(d.Site.Environ), "A=b") },
		"the protocol":      func(d *zeek.Deployment, _ *mgmt.Node) { d.AgentProtocol = zeek.AgentBroker },
		"where scripts are": func(d *zeek.Deployment, _ *mgmt.Node) { d.Site.ScriptPath = []string{"/more"} },
		"the backend":       func(d *zeek.Deployment, _ *mgmt.Node) { useZeroMQ(d) },
	} {
		t.Run(name, func(t *testing.T) {
			d := deployment(t, "8.2.2", oneHost(), "worker-1")
			before := checkGroup(t, d)
			node := d.Plan.Node
			edit(&d, &node)
			d.Plan.Node = node
			if after := checkGroup(t, d); before == "" || after == before {
				t.Errorf("the group is still %q", after)
			}
		})
	}
}

func TestEachRoleHasItsOwnCheckGroup(t *testing.T) {
	seen := map[string]mgmt.NodeName{}
	for _, name := range []mgmt.NodeName{"manager", "logger-1", "proxy-1", "worker-1"} {
		group := checkGroup(t, deployment(t, "8.2.2", oneHost(), name))
		if other, ok := seen[group]; ok {
			t.Errorf("%s and %s are in one group", name, other)
		}
		seen[group] = name
	}
	if len(seen) != 4 {
		t.Errorf("%d groups", len(seen))
	}
}

func TestNodeThatLoadsFromItsDirectoryHasNoCheckGroup(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	d.Plan.Node.Scripts = []string{"./mine"}
	if group := checkGroup(t, d); group != "" {
		t.Errorf("its group is %q", group)
	}
}

func TestCheckReadsListsZeekAndDirectoriesOfScripts(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	d.Site.PluginPath = "/site/plugins"
	d.Plan.Node.Scripts = []string{"/srv/scripts/mine.zeek"}
	reads, err := d.CheckReads()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"/opt/zeek/bin/zeek", "/opt/zeek/share/zeek", "/opt/zeek/share/zeek/site", "/site/plugins", "/srv/scripts"} {
		if !slices.Contains(reads, want) {
			t.Errorf("%s is not among %q", want, reads)
		}
	}
}

func TestNodesTryEverySecondToReachEachOther(t *testing.T) {
	for _, version := range []string{"5.0.0", "6.2.0", "7.0.0", "7.1.0", "7.2.0", "8.0.0", "8.2.2", "9.0.0"} {
		d := deployment(t, version, oneHost(), "worker-1")
		d.Site.Environ = append(d.Site.Environ, "ZEEK_DEFAULT_CONNECT_RETRY=30", "ZEEK_DEFAULT_LISTEN_RETRY=30")
		if env := strings.Join(command(t, d).Env, " "); strings.Contains(env, "_RETRY") {
			t.Errorf("%s: the node inherits the agent's retry intervals: %s", version, env)
		}
		said := false
		for _, f := range generate(t, d).Files {
			said = said || strings.Contains(f.Content, "Cluster::retry_interval = 1 sec") &&
				strings.Contains(f.Content, "Broker::default_connect_retry = 1 sec")
		}
		// From 7.2 on one second is Zeek's default.
		if slow := slices.Contains([]string{"5.0.0", "6.2.0", "7.0.0", "7.1.0"}, version); said != slow {
			t.Errorf("%s: the options set one second: %v", version, said)
		}
	}
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	d.Plan.Node.Env = map[string]string{"ZEEK_DEFAULT_CONNECT_RETRY": "5"}
	if env := command(t, d).Env; !slices.Contains(env, "ZEEK_DEFAULT_CONNECT_RETRY=5") {
		t.Errorf("the variable of the plan is not among %q", env)
	}
}
