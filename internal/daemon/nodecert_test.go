package daemon_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"zeekfleet/internal/daemon"
	"zeekfleet/internal/mgmt"
	"zeekfleet/internal/settings"
)

// TestNodesNeverGetTheAgentsCertificate looks at what nodes are started with.
func TestNodesNeverGetTheAgentsCertificate(t *testing.T) {
	zeek := installed(t)
	for _, kind := range []settings.NodeKind{settings.NodeEmbedded, settings.NodeZeek} {
		t.Run(string(kind), func(t *testing.T) {
			dir := t.TempDir()
			set := agentSettings(t, func(a *settings.Agent) {
				a.Zeek.Kind, a.Zeek.Path = kind, zeek
				a.TLS = settings.TLS{Cert: filepath.Join(dir, "agent.pem"), Key: filepath.Join(dir, "agent.key"), CA: filepath.Join(dir, "ca.pem")}
				a.Zeek.TLS = settings.TLS{Cert: "/n/node.pem", Key: "/n/node.key", CA: "/n/ca.pem"}
			})
			launcher, err := daemon.OpenLauncher(t, set)
			if err != nil {
				t.Fatal(err)
			}
			launch, err := launcher.Launch(workerPlan(mgmt.Node{}), 1)
			if err != nil {
				t.Fatal(err)
			}
			said := strings.Join(launch.Spec.Argv, " ") + strings.Join(launch.Spec.Env, " ") + generatedText(t, set.Directory)
			if strings.Contains(said, "agent.key") || strings.Contains(said, "agent.pem") {
				t.Errorf("the node is told of the agent's certificate: %s", said)
			}
			if kind == settings.NodeZeek && !strings.Contains(said, "/n/node.key") {
				t.Errorf("the node is not told of its own key")
			}
		})
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
