package app_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/launch/launchtest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/roottest"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// agentSettings are the defaults in a directory of the test, with changes.
func agentSettings(t *testing.T, change func(*settings.Agent)) settings.Agent {
	t.Helper()
	set, _, err := settings.ResolveAgent(settings.Sources{
		Defaults: app.Defaults(),
		Hostname: "sensor",
		LookupEnv: func(name string) (string, bool) {
			return map[string]string{"ZEEK_MANAGEMENT_STATE_DIR": t.TempDir(), "ZEEK_AGENT_PORT": "0"}[name], true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(&set)
	}
	return set
}

func openAgent(t *testing.T, change func(*settings.Agent)) (app.Agent, error) {
	t.Helper()
	a, err := app.OpenAgent(t.Context(), agentSettings(t, change), slog.New(slog.DiscardHandler), app.PortFlags{})
	if err == nil {
		t.Cleanup(func() { a.Close() })
	}
	return a, err
}

func TestNodesAreWhatTheSettingsSay(t *testing.T) {
	zeek := launchtest.InstallZeek(t)
	t.Setenv("PATH", "/nonexistent")
	for name, tt := range map[string]struct {
		set  func(*settings.Agent)
		want string // of the program's last part
	}{
		"embedded": {func(a *settings.Agent) { a.Zeek.Kind, a.Zeek.Path = settings.NodeEmbedded, zeek }, filepath.Base(os.Args[0])},
		"zeek":     {func(a *settings.Agent) { a.Zeek.Kind, a.Zeek.Path = settings.NodeZeek, zeek }, "zeek"},
		"auto":     {func(a *settings.Agent) { a.Zeek.Path = zeek }, "zeek"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := openAgent(t, tt.set)
			if err != nil {
				t.Fatal(err)
			}
			process, err := a.Launch.Launch(launchtest.WorkerPlan(mgmt.Node{}), 1)
			if err != nil {
				t.Fatal(err)
			}
			if got := filepath.Base(process.Spec.Argv[0]); got != tt.want {
				t.Errorf("nodes are %s, want %s", got, tt.want)
			}
			if (a.Archive != nil) != (tt.want == "zeek") {
				t.Errorf("archive: %v", a.Archive)
			}
		})
	}
}

func TestAgentDoesNotOpenWithoutTheZeekItIsToLaunch(t *testing.T) {
	t.Setenv("PATH", "/nonexistent")
	broken := filepath.Join(t.TempDir(), "zeek")
	if err := os.WriteFile(broken, []byte("#!/bin/sh\nexit 1\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	loose := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(loose, []byte("a secret that everyone can read"), 0o644); err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(short, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	zeek := launchtest.InstallZeek(t)
	for name, tt := range map[string]struct {
		set  settings.Zeek
		want string
	}{
		"named and not there": {settings.Zeek{Kind: settings.NodeAuto, Path: "/nonexistent/zeek"}, "no Zeek was found: /nonexistent/zeek (--zeek)"},
		"there and broken":    {settings.Zeek{Kind: settings.NodeAuto, Path: broken}, "; for nodes without Zeek set --node-kind embedded"},
		"a secret in public":  {settings.Zeek{Kind: settings.NodeZeek, Path: zeek, SecretFile: loose}, "can be used by everyone"},
		"a secret too short":  {settings.Zeek{Kind: settings.NodeZeek, Path: zeek, SecretFile: short}, "has less than 16 bytes"},
		"a secret not there":  {settings.Zeek{Kind: settings.NodeZeek, Path: zeek, SecretFile: "/nonexistent/s"}, "read the cluster's secret (--zeek-secret-file): open /nonexistent/s"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openAgent(t, func(a *settings.Agent) { a.Zeek = tt.set })
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestSecretOfTheClusterMakesTheSameKeysOnAllHosts(t *testing.T) {
	zeek := launchtest.InstallZeek(t)
	env := func(secret string) []string {
		path := filepath.Join(t.TempDir(), "secret")
		if err := os.WriteFile(path, []byte(secret), 0o600); err != nil {
			t.Fatal(err)
		}
		a, err := openAgent(t, func(a *settings.Agent) {
			a.Zeek.Path, a.Zeek.Backend, a.Zeek.SecretFile = zeek, "zeromq", path
		})
		if err != nil {
			t.Fatal(err)
		}
		plan := launchtest.WorkerPlan(mgmt.Node{})
		manager := plan.Cluster["manager"]
		manager.Host = netip.MustParseAddr("192.0.2.1")
		plan.Cluster["manager"] = manager
		process, err := a.Launch.Launch(plan, 1)
		if err != nil {
			t.Fatal(err)
		}
		var keys []string
		for _, kv := range process.Spec.Env {
			if strings.HasPrefix(kv, "ZEEK_CLUSTER_BACKEND_ZEROMQ_CURVE_") {
				keys = append(keys, kv)
			}
		}
		return keys
	}
	one, same, other := env("correct horse battery staple"), env("correct horse battery staple\n"), env("another secret of a cluster")
	if len(one) == 0 || strings.Join(one, " ") != strings.Join(same, " ") || strings.Join(one, " ") == strings.Join(other, " ") {
		t.Errorf("keys %v, %v, %v", one, same, other)
	}
}

func TestVariablesThatAreNotANodesToSetAreLeftOut(t *testing.T) {
	zeek := launchtest.InstallZeek(t)
	for name, set := range map[string]func(*settings.Agent){
		"embedded": func(a *settings.Agent) { a.Zeek.Kind = settings.NodeEmbedded },
		"zeek":     func(a *settings.Agent) { a.Zeek.Path = zeek },
	} {
		t.Run(name, func(t *testing.T) {
			a, err := openAgent(t, set)
			if err != nil {
				t.Fatal(err)
			}
			process, err := a.Launch.Launch(launchtest.WorkerPlan(mgmt.Node{Env: map[string]string{
				"ZEEK_MANAGEMENT_NODE": "AGENT", "CLUSTER_NODE": "manager", "MINE": "yes",
			}}), 1)
			if err != nil {
				t.Fatal(err)
			}
			env := strings.Join(process.Spec.Env, "\n") + "\n"
			if strings.Contains(env, "ZEEK_MANAGEMENT_NODE=AGENT\n") || !strings.Contains(env, "\nCLUSTER_NODE=worker\n") ||
				!strings.Contains(env, "\nMINE=yes\n") || len(process.Warnings) != 2 {
				t.Errorf("environment %s, warnings %q", env, process.Warnings)
			}
		})
	}
}

func TestNodeWithAProcessorThatCannotBeIsNotLaunched(t *testing.T) {
	a, err := openAgent(t, func(a *settings.Agent) { a.Zeek.Kind = settings.NodeEmbedded })
	if err != nil {
		t.Fatal(err)
	}
	plan := launchtest.WorkerPlan(mgmt.Node{CPUAffinity: new(int64(-1))})
	if _, err := a.Launch.Launch(plan, 1); err == nil || err.Error() != "node worker: cpu_affinity -1 is no processor" {
		t.Errorf("got %v", err)
	}
}

func TestNodeIsBoundToAListOfProcessors(t *testing.T) {
	a, err := openAgent(t, func(a *settings.Agent) { a.Zeek.Kind = settings.NodeEmbedded })
	if err != nil {
		t.Fatal(err)
	}
	plan := launchtest.WorkerPlan(mgmt.Node{Env: map[string]string{mgmt.CPUsEnv: "0,2-3"}})
	process, err := a.Launch.Launch(plan, 1)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(process.Spec.CPUs, []int{0, 2, 3}) || len(process.Warnings) > 0 {
		t.Errorf("processors %v, warnings %q", process.Spec.CPUs, process.Warnings)
	}
	if slices.ContainsFunc(process.Spec.Env, func(kv string) bool { return strings.HasPrefix(kv, mgmt.CPUsEnv) }) {
		t.Errorf("the process gets %q", process.Spec.Env)
	}
}

func TestAgentWarnsIfNothingNamesItsController(t *testing.T) {
	cert, key := selfSigned(t, "sensor-1")
	rules := func(text string) []identity.Rule {
		rule, err := identity.ParseRule(text)
		if err != nil {
			t.Fatal(err)
		}
		return []identity.Rule{rule}
	}
	const dials, waits = "obeyed with any certificate of the authority", "no controller can use this agent"
	for name, tt := range map[string]struct {
		change func(*settings.Agent)
		want   string
	}{
		"it dials":                               {func(*settings.Agent) {}, dials},
		"it waits":                               {func(a *settings.Agent) { a.Controller = "" }, waits},
		"it dials, and a name is given":          {func(a *settings.Agent) { a.ControllerNames = []string{"controller"} }, ""},
		"it waits, and a name is given":          {func(a *settings.Agent) { a.Controller, a.ControllerNames = "", []string{"controller"} }, ""},
		"it dials, and an identity is given":     {func(a *settings.Agent) { a.Identities = rules("cn:controller=controller/main") }, ""},
		"it waits, and an identity is given":     {func(a *settings.Agent) { a.Controller, a.Identities = "", rules("cn:controller=controller/main") }, ""},
		"it dials, and agents have identities":   {func(a *settings.Agent) { a.Identities = rules("cn:sensor-*=agent/sensor-*") }, dials},
		"it needs no certificate of controllers": {func(a *settings.Agent) { a.Insecure = true }, ""},
		"it has no certificate":                  {func(a *settings.Agent) { a.TLS = settings.TLS{} }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			a, err := app.OpenAgent(t.Context(), agentSettings(t, func(a *settings.Agent) {
				a.TLS = settings.TLS{Cert: cert, Key: key, CA: cert}
				a.Controller = "192.0.2.1:2150"
				a.Zeek.Kind = settings.NodeEmbedded
				tt.change(a)
			}), slog.New(slog.NewTextHandler(&log, nil)), app.PortFlags{})
			if err != nil {
				t.Fatal(err)
			}
			a.Close()
			for _, warning := range []string{dials, waits} {
				if got := strings.Contains(log.String(), warning); got != (warning == tt.want) {
					t.Errorf("%q: %t; the log:\n%s", warning, got, &log)
				}
			}
			if len(a.ControllerNames) == 0 && a.ControllersIdentified != strings.Contains(name, "an identity") {
				t.Errorf("identified: %t", a.ControllersIdentified)
			}
		})
	}
}

// The directory of all nodes may be shared with a controller, whose user must not have been there
// first.
func TestAgentTrustsNoDirectoryOfAnotherUser(t *testing.T) {
	roottest.Need(t, "gives directories away")
	for name, dir := range map[string]func(a *settings.Agent) string{
		"its own":                        func(a *settings.Agent) string { return a.Directory },
		"its keys":                       func(a *settings.Agent) string { a.Joined = filepath.Join(a.StateDir, "identity"); return a.Joined },
		"that of what is deleted":        func(a *settings.Agent) string { return filepath.Join(a.StateDir, "nodes/.removed") },
		"that of what it itself deletes": func(a *settings.Agent) string { return filepath.Join(a.StateDir, "nodes/.removed", a.Name) },
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openAgent(t, func(a *settings.Agent) {
				d := dir(a)
				if err := errors.Join(os.MkdirAll(d, 0o700), os.Chown(d, 54321, 54321)); err != nil {
					t.Fatal(err)
				}
			})
			if err == nil || !strings.Contains(err.Error(), "belongs to user 54321") {
				t.Errorf("got %v", err)
			}
		})
	}
}
