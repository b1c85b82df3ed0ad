package zeek_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

func TestArgumentsAreInTheOrderThatZeekNeeds(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	d.Site.Prefixes = []string{"lab"}
	d.Site.Args = []string{"-C", "local", "policy/tuning/json-logs"}
	want := []string{
		"/opt/zeek/bin/zeek", "-i", "af_packet::eth0", "-U", ".status", "-p", "lab",
		"policy/frameworks/cluster/backend/broker", "-C", "local", "policy/tuning/json-logs",
		"zeekfleet-options", "zeekfleet-node", "site/extra", "Notice::mail_dest=soc",
	}
	if diff := cmp.Diff(want, command(t, d).Argv); diff != "" {
		t.Errorf("argv (-want +got):\n%s", diff)
	}
}

func TestEmptyArgumentsDoNotLoadLocal(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "manager")
	d.Site.Args = []string{}
	if argv := command(t, d).Argv; slices.Contains(argv, "local") {
		t.Errorf("argv is %q, want no local", argv)
	}
}

func TestCheckAddsItsOptionAndVariables(t *testing.T) {
	cmd := command(t, deployment(t, "8.2.2", oneHost(), "worker-1"))
	check := cmd.Check()
	if diff := cmp.Diff(slices.Insert(slices.Clone(cmd.Argv), 1, "-a"), check.Argv); diff != "" {
		t.Errorf("argv (-want +got):\n%s", diff)
	}
	want := append(slices.Clone(cmd.Env), "ZEEKCTL_CHECK_CONFIG=1", "ZEEKCTL_DISABLE_LISTEN=1")
	slices.Sort(want)
	if diff := cmp.Diff(want, check.Env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
}

func TestPlanCannotSetReservedVariables(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	d.Plan.Node.Env = map[string]string{
		"CLUSTER_NODE": "manager", "ZEEKPATH": "/evil", "ZEEKFLEET_AGENT_NAME": "x", "ZEEK_SUPERVISED_NODE": "{}",
		"ZEEKCTL_DISABLE_LISTEN": "1", "ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_CLIENT_SECRETKEY": "x",
		"PATH": "/node/bin", "EMPTY": "",
	}
	d.Site.Environ = []string{"PATH=/usr/bin", "HOME=/root", "ZEEKFLEET_TOKEN=secret", "CLUSTER_NODE=me", "nonsense", "=x", "HOME=/home"}
	want := []string{
		"CLUSTER_NODE=worker-1", "EMPTY=", "HOME=/home", "PATH=/node/bin",
		"ZEEKPATH=/state/gen/0:/opt/zeek/share/zeek:/opt/zeek/share/zeek/policy:/opt/zeek/share/zeek/site:/opt/zeek/share/zeek/builtin-plugins",
	}
	if diff := cmp.Diff(want, command(t, d).Env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	if got := len(generate(t, d).Warnings); got != 6 {
		t.Errorf("%d warnings, want one for each of 6 variables", got)
	}
}

func TestScriptPathListsEachDirectoryOnce(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	d.Install.SearchPath = append(d.Install.SearchPath, "/opt/extra")
	d.Site.ScriptPath = []string{"/site/scripts", "/opt/extra"}
	d.Site.PluginPath = "/site/plugins"
	env := command(t, d).Env
	const want = "ZEEKPATH=/state/gen/0:/opt/zeek/share/zeek:/opt/zeek/share/zeek/policy:" +
		"/opt/zeek/share/zeek/site:/opt/zeek/share/zeek/builtin-plugins:/opt/extra:/site/scripts"
	if !slices.Contains(env, want) || !slices.Contains(env, "ZEEK_PLUGIN_PATH=/site/plugins") {
		t.Errorf("the environment is %q", env)
	}
}

func TestBadScriptDirectoryIsRefused(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	for _, dir := range []string{"gen", "/gen:1", ""} {
		if _, err := d.Command(dir); err == nil || !strings.Contains(err.Error(), "cannot be a directory of scripts") {
			t.Errorf("Command(%q): got error %v", dir, err)
		}
	}
}

func TestOnlyEqualFilesShareADirectory(t *testing.T) {
	d := deployment(t, "8.2.2", oneHost(), "worker-1")
	a := generate(t, d)
	d.Plan.Node.Env = map[string]string{"X": "1"} // in no file
	if b := generate(t, d); a.Dir("/gen") != b.Dir("/gen") {
		t.Errorf("equal files are in %s and %s", a.Dir("/gen"), b.Dir("/gen"))
	}
	d.WebSocketPort++
	if b := generate(t, d); a.Hash == b.Hash {
		t.Error("different files have the same hash")
	}
}

func TestMetricsAndBrokerListenWhereTheSiteSays(t *testing.T) {
	d := deployment(t, "8.2.2", twoHosts(), "worker-1")
	d.Site.MetricsAddr = netip.MustParseAddr("127.0.0.1")
	d.Site.ListenAddr = netip.MustParseAddr("10.0.0.9")
	options := content(t, generate(t, d), "zeekfleet-options.zeek")
	for _, want := range []string{`Telemetry::metrics_address = "127.0.0.1";`, `Broker::default_listen_address = "10.0.0.9";`} {
		if !strings.Contains(options, want) {
			t.Errorf("the options lack %s:\n%s", want, options)
		}
	}
}

func TestNodeTopicIsNoPrefixOfAnotherNodesTopic(t *testing.T) {
	if got := zeek.NodeTopic(zeek.AgentBroker, "worker-1"); got != "zeek/management/node" {
		t.Errorf("the Broker topic is %q", got)
	}
	one, ten := zeek.NodeTopic(zeek.AgentWebSocket, "worker-1"), zeek.NodeTopic(zeek.AgentWebSocket, "worker-10")
	if one != "zeek/management/node/worker-1/" || strings.HasPrefix(ten, one) {
		t.Errorf("the WebSocket topics are %q and %q", one, ten)
	}
}

func TestParseStatus(t *testing.T) {
	for content, want := range map[string]struct {
		state zeek.State
		where string
	}{
		"RUNNING [run_loop]\n":        {zeek.Running, "run_loop"},
		"TERMINATED [fatal_error]":    {zeek.Terminated, "fatal_error"},
		"TERMINATING [zeek_done]\n":   {zeek.Terminating, "zeek_done"},
		"INITIALIZING [main]":         {zeek.Initializing, "main"},
		"RUNNING":                     {zeek.Running, ""},
		"":                            {},
		"RUN":                         {},
		"something else [run_loop]\n": {},
	} {
		state, where, ok := zeek.ParseStatus(content)
		if state != want.state || where != want.where || ok != (want.state != "") {
			t.Errorf("ParseStatus(%q) = %q, %q, %v; want %+v", content, state, where, ok, want)
		}
	}
}

func TestWorkerHasNoPortInTheLayout(t *testing.T) {
	c := oneHost()
	c.Nodes[3].Port = new(mgmt.TCPPort(2209))
	layout := content(t, generate(t, deployment(t, "8.2.2", c, "worker-1")), "cluster-layout.zeek")
	if strings.Contains(layout, "2209") {
		t.Errorf("the worker has a port:\n%s", layout)
	}
}

func TestInterfacesAreInLayoutsUpTo70(t *testing.T) {
	for v, want := range map[string]bool{"5.0.0": true, "7.0.11": true, "7.1.0": false, "8.2.2": false} {
		layout := content(t, generate(t, deployment(t, v, oneHost(), "worker-1")), "cluster-layout.zeek")
		if got := strings.Contains(layout, `$interface="af_packet::eth0"`); got != want {
			t.Errorf("Zeek %s: an interface is in the layout: %v, want %v", v, got, want)
		}
	}
}

func TestZeekDoesNotWarnOfInterfacesInLayouts(t *testing.T) {
	for _, tc := range []struct {
		version string
		node    mgmt.NodeName
		want    bool
	}{
		{"5.0.0", "worker-1", false}, // this Zeek does not know the directive
		{"6.1.1", "worker-1", false},
		{"6.2.0", "worker-1", true},
		{"7.0.11", "worker-1", true},
		{"7.0.11", "manager", false}, // its layout has no interface
		{"7.1.0", "worker-1", false},
	} {
		layout := content(t, generate(t, deployment(t, tc.version, oneHost(), tc.node)), "cluster-layout.zeek")
		before, rest, quiet := strings.Cut(layout, "@pragma push ignore-deprecations\n")
		nodes, _, ended := strings.Cut(rest, "\n@pragma pop ignore-deprecations\n")
		if quiet != tc.want || quiet && (before != "" || !ended || !strings.Contains(nodes, "$interface=")) {
			t.Errorf("Zeek %s, %s: warnings of deprecation are off: %v, want %v:\n%s", tc.version, tc.node, quiet, tc.want, layout)
		}
	}
}
