package launch_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/launch/launchtest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zeek"
)

// An agent that starts after a reboot knows with which backend its nodes ran.
func TestLastBackendOutlivesTheAgent(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "backend.json")
	install, err := launch.FindZeek(t.Context(), launchtest.InstallZeek(t), os.Environ(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var setting zeek.Backend
	open := func() *launch.Zeek {
		last, err := launch.OpenLastBackend(file, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return launch.NewZeek(launch.ZeekConfig{
			Install: install, Backend: setting, LastBackend: last, RecordDir: filepath.Join(dir, "launches"), GeneratedDir: filepath.Join(dir, "generated"),
			Site: zeek.Site{StateDir: dir, SpoolDir: dir},
		})
	}
	for _, b := range []mgmt.Backend{mgmt.BrokerBackend, mgmt.ZeroMQBackend} {
		c := mgmt.Configuration{Nodes: []mgmt.Node{{Name: "m", Role: mgmt.Manager, Backend: b}}}
		plan, _ := mgmt.PlanFor(c, "m")
		z := open()
		if _, err := z.Launch(plan, 1); err != nil {
			t.Fatal(err)
		}
		z.Forget("m", 1)
		if got := open().LastBackend(); got != b {
			t.Errorf("after a launch with %s the agent knows %q", b, got)
		}
	}
	if setting = zeek.Broker; open().LastBackend() != "" {
		t.Error("the last backend counts although the settings choose one")
	}
	if setting, install.Backends = "", []zeek.Backend{zeek.Broker}; open().LastBackend() != "" {
		t.Error("the last backend counts although Zeek does not have it")
	}
	var log bytes.Buffer
	if err := os.WriteFile(file, []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	if last, err := launch.OpenLastBackend(file, slog.New(slog.NewTextHandler(&log, nil))); last == nil || err != nil || !strings.Contains(log.String(), "cannot be read") {
		t.Errorf("a damaged file: %v, log %s", err, log.String())
	}
}
