package app_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func TestControllerThatMovedAndHasAnotherNameIsToldOfItsOldOne(t *testing.T) {
	stateDir := t.TempDir()
	open := func(name string) (log string) {
		set, _, err := settings.ResolveController(settings.Sources{
			Defaults: app.Defaults(), Hostname: "here",
			LookupEnv: func(variable string) (string, bool) {
				return map[string]string{
					"ZEEK_CONTROLLER_PORT": "0", "ZEEK_CONTROLLER_WEBSOCKET_PORT": "0",
					"ZEEK_CONTROLLER_NAME": name, "ZEEK_MANAGEMENT_STATE_DIR": stateDir,
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
		c.Close()
		return text.String()
	}
	const warned = "has that of another controller"
	if log := open("controller-old"); strings.Contains(log, warned) {
		t.Errorf("the first controller logs %q", log)
	}
	if log := open("controller-new"); !strings.Contains(log, warned) || !strings.Contains(log, "name=controller-old") {
		t.Errorf("one with another name logs %q", log)
	}
	if log := open("controller-old"); strings.Contains(log, warned) {
		t.Errorf("the first controller logs %q at its next start", log)
	}
}
