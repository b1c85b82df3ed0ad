package app_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/access"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/identity"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
	"github.com/zeekfleet/zeekfleet/internal/store"
	"github.com/zeekfleet/zeekfleet/internal/store/boltstore"
)

// logOfStart starts a controller, lets do use it, and returns what it has logged at its
// start.
func logOfStart(t *testing.T, stateDir string, do func(app.Controller)) string {
	t.Helper()
	set, _, err := settings.ResolveController(settings.Sources{
		Defaults: app.Defaults(), Hostname: "here",
		LookupEnv: func(variable string) (string, bool) {
			return map[string]string{
				"ZEEK_CONTROLLER_PORT": "0", "ZEEK_CONTROLLER_WEBSOCKET_PORT": "0",
				"ZEEK_CONTROLLER_NAME": "ctl", "ZEEK_MANAGEMENT_STATE_DIR": stateDir,
			}[variable], true
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	c, err := app.OpenController(t.Context(), set, slog.New(slog.NewTextHandler(&text, nil)), app.PortFlags{})
	if err != nil {
		t.Fatal(err)
	}
	do(c)
	c.Close()
	return text.String()
}

// TestLostAuthorityIsNotReplacedInSilence moves authority.db away, once before and once
// after a configuration was deployed.
func TestLostAuthorityIsNotReplacedInSilence(t *testing.T) {
	stateDir := t.TempDir()
	const warned = "If authority.db was lost, end this controller and restore a copy of it."
	var dir string
	find := func(app.Controller) {
		found, err := filepath.Glob(filepath.Join(stateDir, "*", "*", "authority.db"))
		if err != nil || len(found) != 1 {
			t.Fatal(found, err)
		}
		dir = filepath.Dir(found[0])
	}
	lose := func() {
		if err := os.Remove(filepath.Join(dir, "authority.db")); err != nil {
			t.Fatal(err)
		}
	}
	if log := logOfStart(t, stateDir, find); strings.Contains(log, warned) {
		t.Errorf("the first start logs %q", log)
	}
	lose()
	if log := logOfStart(t, stateDir, find); strings.Contains(log, warned) {
		t.Errorf("without a deployed configuration: %q", log)
	}
	s, err := boltstore.Open(t.Context(), filepath.Join(dir, "state.db"), boltstore.Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, rev, err := s.Load(t.Context(), "")
	if err == nil {
		_, err = s.Save(t.Context(), []store.Change{
			{Key: "state", Value: []byte(`{"version":1,"revision":1,"deployed":1}`)},
			{Key: "deployed/0000000000000001", Value: []byte(`{"version":1,"revision":1,"when":"2026-01-02T03:04:05Z","who":"root","configuration":{"id":"x"}}`)},
		}, rev)
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Close()
	if log := logOfStart(t, stateDir, find); strings.Contains(log, warned) {
		t.Errorf("with the authority: %q", log)
	}
	lose()
	if log := logOfStart(t, stateDir, find); strings.Count(log, warned) != 1 || !strings.Contains(log, "level=WARN") {
		t.Errorf("without the authority: %q", log)
	}
}

// TestControllerThatNoAgentReachesSaysSo starts a controller on loopback after an agent has
// joined.
func TestControllerThatNoAgentReachesSaysSo(t *testing.T) {
	stateDir := t.TempDir()
	const warned = "those of other hosts cannot connect. Set controller.listen_address"
	key, err := identity.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	id := identity.Identity{Kind: identity.Agent, Name: "sensor-1"}
	request, err := identity.NewRequest(id, key)
	if err != nil {
		t.Fatal(err)
	}
	join := func(c app.Controller) {
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- c.Authority.Run(ctx) }()
		answer, err := c.Authority.Ask(ctx, mgmt.Principal{Name: "root", Role: mgmt.Admin}, access.Sign{Identity: id, Key: request})
		if _, ok := answer.(access.Certificate); !ok {
			t.Errorf("got %v, %v", answer, err)
		}
		cancel()
		<-ended
	}
	if log := logOfStart(t, stateDir, join); strings.Contains(log, warned) {
		t.Errorf("without agents: %q", log)
	}
	if log := logOfStart(t, stateDir, func(app.Controller) {}); !strings.Contains(log, warned) || !strings.Contains(log, "agents=[sensor-1]") {
		t.Errorf("with an agent: %q", log)
	}
}
