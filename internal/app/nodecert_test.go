package app_test

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/launch/launchtest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// TestNodesNeverGetTheAgentsCertificate searches the arguments, the environment and
// the files of nodes.
func TestNodesNeverGetTheAgentsCertificate(t *testing.T) {
	zeek := launchtest.InstallZeek(t)
	for _, kind := range []settings.NodeKind{settings.NodeEmbedded, settings.NodeZeek} {
		t.Run(string(kind), func(t *testing.T) {
			dir := t.TempDir()
			set := agentSettings(t, func(a *settings.Agent) {
				a.Zeek.Kind, a.Zeek.Path = kind, zeek
				a.TLS = settings.TLS{Cert: filepath.Join(dir, "agent.pem"), Key: filepath.Join(dir, "agent.key"), CA: filepath.Join(dir, "ca.pem")}
				a.Zeek.TLS = settings.TLS{Cert: "/n/node.pem", Key: "/n/node.key", CA: "/n/ca.pem"}
			})
			launcher, err := app.OpenLauncher(t, set)
			if err != nil {
				t.Fatal(err)
			}
			process, err := launcher.Launch(launchtest.WorkerPlan(mgmt.Node{}), 1)
			if err != nil {
				t.Fatal(err)
			}
			said := strings.Join(process.Spec.Argv, " ") + strings.Join(process.Spec.Env, " ") + generatedText(t, set.Directory)
			if strings.Contains(said, "agent.key") || strings.Contains(said, "agent.pem") {
				t.Errorf("the node is told of the agent's certificate: %s", said)
			}
			if kind == settings.NodeZeek && !strings.Contains(said, "/n/node.key") {
				t.Errorf("the node is not told of its own key")
			}
		})
	}
}

// TestAgentsOwnKeyIsRefusedForNodes gives it under other names: a relative path, a
// link, a copy.
func TestAgentsOwnKeyIsRefusedForNodes(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	key := filepath.Join(dir, "agent.key")
	other := filepath.Join(dir, "node.key")
	if err := errors.Join(
		os.WriteFile(key, []byte("-----BEGIN PRIVATE KEY-----\nx\n"), 0o600),
		os.WriteFile(filepath.Join(dir, "copy.key"), []byte("-----BEGIN PRIVATE KEY-----\nx\n\n"), 0o600),
		os.WriteFile(other, []byte("-----BEGIN PRIVATE KEY-----\ny\n"), 0o600),
		os.Symlink("agent.key", filepath.Join(dir, "link.key")),
		os.Link(key, filepath.Join(dir, "hard.key")),
	); err != nil {
		t.Fatal(err)
	}
	for name, refused := range map[string]bool{
		key: true, "agent.key": true, "./agent.key": true, "link.key": true, "hard.key": true, "copy.key": true, other: false, "none.key": false,
	} {
		_, err := openAgent(t, func(a *settings.Agent) {
			a.TLS = settings.TLS{Cert: filepath.Join(dir, "agent.pem"), Key: key, CA: filepath.Join(dir, "ca.pem")}
			a.Zeek.TLS = settings.TLS{Cert: "/n/node.pem", Key: name, CA: "/n/ca.pem"}
		})
		if err == nil || strings.Contains(err.Error(), "is the agent's own key") != refused {
			t.Errorf("%s: got %v", name, err) // there is no agent.pem, which is an error as well
		}
	}
}

// TestLauncherWarnsOfAClusterThatProvesNothing checks the launcher's warnings. The
// agent logs them.
func TestLauncherWarnsOfAClusterThatProvesNothing(t *testing.T) {
	zeek := launchtest.InstallZeek(t)
	for _, tls := range []settings.TLS{{}, {Cert: "/n/node.pem", Key: "/n/node.key", CA: "/n/ca.pem"}} {
		launcher, err := app.OpenLauncher(t, agentSettings(t, func(a *settings.Agent) {
			a.Zeek.Kind, a.Zeek.Path, a.Zeek.TLS = settings.NodeZeek, zeek, tls
		}))
		if err != nil {
			t.Fatal(err)
		}
		plan := launchtest.WorkerPlan(mgmt.Node{})
		plan.OneInstance = false
		for name, e := range plan.Cluster {
			e.Host = netip.MustParseAddr(map[mgmt.NodeName]string{"worker": "192.0.2.1", "manager": "192.0.2.2"}[name])
			plan.Cluster[name] = e
		}
		process, err := launcher.Launch(plan, 1)
		if err != nil {
			t.Fatal(err)
		}
		warned := strings.Contains(strings.Join(process.ClusterWarnings, "\n"), "set zeek.tls_cert, zeek.tls_key and zeek.tls_ca")
		if warned != (tls == settings.TLS{}) {
			t.Errorf("with %+v: %q", tls, process.ClusterWarnings)
		}
	}
}

// generatedText returns all files below a directory.
func generatedText(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		all.Write(text)
		return err
	})
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	return all.String()
}
