package daemon

import (
	"log/slog"
	"testing"

	"zeekfleet/internal/settings"
)

// OpenLauncher is openLauncher for an agent that listens at 127.0.0.1:2151.
func OpenLauncher(t *testing.T, set settings.Agent) (Launcher, error) {
	l, _, err := openLauncher(t.Context(), set, slog.New(slog.DiscardHandler), "127.0.0.1:2151")
	return l, err
}
