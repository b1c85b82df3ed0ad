package settings_test

import (
	"net/netip"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func defaultLifecycle() settings.Lifecycle {
	return settings.Lifecycle{
		StartDeadline: settings.PerRole{Logger: time.Minute, Manager: time.Minute, Proxy: time.Minute, Worker: time.Minute},
		StopNodes:     settings.StopNodesAuto,
		StopGrace: settings.PerRole{
			Logger: time.Minute, Manager: 30 * time.Second, Proxy: 30 * time.Second, Worker: 30 * time.Second,
		},
		BackoffFirst: time.Second,
		BackoffMax:   time.Minute,
		BackoffReset: 30 * time.Second,
		BackoffRetry: 5 * time.Minute,
		GiveUp:       10,
	}
}

func defaultZeek() settings.Zeek {
	return settings.Zeek{
		Kind:       settings.NodeAuto,
		Backend:    "auto",
		Transport:  "auto",
		NodeScript: "ours",
		Args:       []string{"local"},
		Curve:      "auto",
		BrokerTLS:  "auto",
		Rotation:   time.Hour,
	}
}

// nodeSettings are settings of an agent about its nodes, with the changes from the
// defaults that they must make.
var nodeSettings = map[string]struct {
	given given
	want  func(*settings.Agent)
}{
	"nothing set gives the defaults": {want: func(*settings.Agent) {}},
	"times per role": {
		given: given{
			flags: []string{"--stop-grace-logger=90", "--start-deadline-worker=5m"},
			env:   map[string]string{"ZEEKFLEET_STOP_GRACE_WORKER": "10s"},
			file:  "agent: {start_deadline: {manager: 2m}}",
		},
		want: func(a *settings.Agent) {
			a.Lifecycle.StopGrace.Logger, a.Lifecycle.StopGrace.Worker = 90*time.Second, 10*time.Second
			a.Lifecycle.StartDeadline.Worker, a.Lifecycle.StartDeadline.Manager = 5*time.Minute, 2*time.Minute
		},
	},
	"back-off": {
		given: given{file: "agent: {backoff: {first: 100ms, max: 2m, reset: 1m, give_up: 3, retry: 1h}}"},
		want: func(a *settings.Agent) {
			a.Lifecycle.BackoffFirst, a.Lifecycle.BackoffMax, a.Lifecycle.BackoffReset = 100*time.Millisecond, 2*time.Minute, time.Minute
			a.Lifecycle.GiveUp, a.Lifecycle.BackoffRetry = 3, time.Hour
		},
	},
	"upstream's variable of the spool directory": {
		given: given{env: map[string]string{"ZEEK_MANAGEMENT_SPOOL_DIR": "/spool"}},
		want:  func(a *settings.Agent) { a.SpoolDir = "/spool" },
	},
	"Zeek's variable of the listen address": {
		given: given{env: map[string]string{"ZEEK_DEFAULT_LISTEN_ADDRESS": "0.0.0.0"}},
		want: func(a *settings.Agent) {
			a.Zeek.ListenAddr, a.Zeek.MetricsAddr = netip.IPv4Unspecified(), netip.IPv4Unspecified()
		},
	},
	"upstream's variable of its tests": {
		given: given{env: map[string]string{"ZEEK_MANAGEMENT_TESTING": "1"}},
		want: func(a *settings.Agent) {
			a.StateDir, a.SpoolDir, a.Archive.Dir, a.Directory = ".", ".", "logs", "nodes/agent-sensor-1"
		},
	},
	"the archive": {
		given: given{file: "agent:\n  archive_logs: false\n  archive_dir: /logs\n  archive_cmd: /bin/zeek-archiver -v\n" +
			"  archive_interval: 5m\n  archive_at_once: false\n  archive_level: 0\n  archive_keep_days: 30\n  archive_disk_percent: 80\n"},
		want: func(a *settings.Agent) {
			a.Archive = settings.Archive{Off: true, Dir: "/logs", Command: []string{"/bin/zeek-archiver", "-v"},
				Interval: 5 * time.Minute, Periodic: true, KeepDays: 30, DiskPercent: 80}
		},
	},
	"zeek": {
		given: given{
			flags: []string{"--zeek=/opt/zeek/bin/zeek", "--node-kind=zeek", "--preflight=false", "--zeek-memory-limit=8GiB"},
			file: "zeek:\n  backend: zeromq\n  transport: broker\n  node_script: upstream\n  args: -C local  mine\n" +
				"  prefixes: a b\n  script_path: /a:/b\n  plugin_path: /p\n  metrics_address: 127.0.0.1\n" +
				"  listen_address: 10.0.0.1\n  zeromq_xpub_port: 6555\n  zeromq_xsub_port: 6556\n  zeromq_curve: off\n  broker_tls: off\n  secret_file: /s\n" +
				"  rotation_interval: 10m\n",
		},
		want: func(a *settings.Agent) {
			a.Preflight = settings.PreflightOff
			a.Zeek = settings.Zeek{
				Kind: settings.NodeZeek, Path: "/opt/zeek/bin/zeek", Backend: "zeromq", Transport: "broker", NodeScript: "upstream",
				Args: []string{"-C", "local", "mine"}, Prefixes: []string{"a", "b"}, ScriptPath: []string{"/a", "/b"},
				PluginPath: "/p", MetricsAddr: netip.MustParseAddr("127.0.0.1"), ListenAddr: netip.MustParseAddr("10.0.0.1"),
				XPubPort: 6555, XSubPort: 6556, Curve: "off", BrokerTLS: "off", SecretFile: "/s", Rotation: 10 * time.Minute, MemoryLimit: 8 << 30,
			}
		},
	},
}

func TestSettingsAboutNodes(t *testing.T) {
	for name, tt := range nodeSettings {
		t.Run(name, func(t *testing.T) {
			want := defaultAgent()
			want.SpoolDir, want.Archive.Dir = want.StateDir+"/spool", want.StateDir+"/logs"
			want.Zeek.Prefixes, want.Archive.Command = []string{}, []string{}
			tt.want(&want)
			if want.Archive.Command == nil {
				want.Archive.Command = []string{}
			}
			got, _, err := settings.ResolveAgent(sources(t, tt.given, app.Defaults().AddAgentFlags))
			if err != nil {
				t.Fatalf("ResolveAgent: %v", err)
			}
			if diff := gocmp.Diff(want, got, compareAddr); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSettingsAboutNodesArePrintedAsTheyAreWritten(t *testing.T) {
	_, entries, err := settings.ResolveAgent(sources(t, given{
		file: "agent: {archive_logs: off}\nzeek: {memory_limit: 1536MiB, script_path: /a:/b, args: a  b}",
	}, app.Defaults().AddAgentFlags))
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"agent.archive_logs": "false",
		"zeek.memory_limit":  "1536MiB",
		"zeek.script_path":   "/a:/b",
		"zeek.args":          "a b",
		"agent.spool_dir":    "/home/ann/.local/state/zeekfleet/spool",
	}
	for _, e := range entries {
		if text, ok := want[e.Key]; ok && text != e.Value {
			t.Errorf("%s is shown as %q, want %q", e.Key, e.Value, text)
		}
	}
}

func TestBadSettingsAboutNodes(t *testing.T) {
	for name, tt := range map[string]struct{ file, want string }{
		"an unknown kind":          {"zeek: {kind: bro}", `zeek.kind: "bro" from file fleet.yaml:1 is not one of auto, zeek, embedded`},
		"too little memory":        {"zeek: {memory_limit: 1MiB}", `zeek.memory_limit: "1MiB" from file fleet.yaml:1 is neither 0 nor at least 16MiB, such as 512MiB or 8GiB`},
		"too much memory":          {"zeek: {memory_limit: 9999999TiB}", `zeek.memory_limit: "9999999TiB" from file fleet.yaml:1 is neither 0 nor at least 16MiB, such as 512MiB or 8GiB`},
		"a fraction of a second":   {"zeek: {rotation_interval: 1500ms}", `zeek.rotation_interval: "1500ms" from file fleet.yaml:1 is not a whole number of seconds`},
		"a relative directory":     {"zeek: {script_path: /a:b}", `zeek.script_path: "/a:b" from file fleet.yaml:1 is not absolute directories, separated by colons`},
		"more than the whole disk": {"agent: {archive_disk_percent: 100}", `agent.archive_disk_percent: "100" from file fleet.yaml:1 is not a number between 0 and 99`},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := settings.ResolveAgent(sources(t, given{file: tt.file}, app.Defaults().AddAgentFlags))
			if err == nil || err.Error() != tt.want {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestStopNodesApplies(t *testing.T) {
	for set, want := range map[settings.StopNodes][2]bool{ // with PID 1, with another PID
		settings.StopNodesAuto:   {true, false},
		settings.StopNodesAlways: {true, true},
		settings.StopNodesNever:  {false, false},
	} {
		if got := [2]bool{set.Applies(1), set.Applies(2)}; got != want {
			t.Errorf("%s: %v, want %v", set, got, want)
		}
	}
}

func TestPreflightIsAModeOrABool(t *testing.T) {
	for text, want := range map[string]settings.Preflight{
		"strict": settings.PreflightStrict, "on": settings.PreflightOn, "off": settings.PreflightOff,
		"true": settings.PreflightOn, "false": settings.PreflightOff, "1": settings.PreflightOn, "no": settings.PreflightOff,
	} {
		a, _, err := settings.ResolveAgent(sources(t, given{env: map[string]string{"ZEEKFLEET_PREFLIGHT": text}}, app.Defaults().AddAgentFlags))
		if err != nil || a.Preflight != want {
			t.Errorf("%s is %q, %v, want %q", text, a.Preflight, err, want)
		}
	}
	if _, _, err := settings.ResolveAgent(sources(t, given{env: map[string]string{"ZEEKFLEET_PREFLIGHT": "maybe"}}, app.Defaults().AddAgentFlags)); err == nil {
		t.Error("maybe is a mode")
	}
}
