package daemon_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/daemon"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// A node that said RUNNING in its last life must not count as running in the
// next before it says so again.
func TestStatusFileOfAnEarlierProcessIsGoneBeforeTheNext(t *testing.T) {
	zeek := installed(t)
	var stateDir string
	a, err := openAgent(t, func(a *settings.Agent) { a.Zeek.Path, stateDir = zeek, a.StateDir })
	if err != nil {
		t.Fatal(err)
	}
	status := filepath.Join(daemon.NodeDir(stateDir, "worker"), ".status")
	if err := os.MkdirAll(filepath.Dir(status), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(status, []byte("RUNNING [run_loop]\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	launch, err := a.Launch.Launch(workerPlan(mgmt.Node{}), 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := filepath.Join(launch.Facts.Dir, launch.Facts.StatusFile); got != status {
		t.Errorf("status file %s, want %s", got, status)
	}
	if _, err := os.Stat(status); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("status file before the launch: %v", err)
	}
}
