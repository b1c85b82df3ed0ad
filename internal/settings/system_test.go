package settings_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// The file of the system counts if nothing names another one. A missing one is none, and one
// with a mistake is an error.
func TestTheSystemsFile(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"system.yaml": "log_level: warn\n", "own.yaml": "log_level: debug\n", "bad.yaml": "log_lvel: warn\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for name, tt := range map[string]struct{ system, own, level, fails string }{
		"the system's":      {"system.yaml", "", "WARN", ""},
		"one's own":         {"system.yaml", "own.yaml", "DEBUG", ""},
		"none":              {"missing.yaml", "", "INFO", ""},
		"one with mistakes": {"bad.yaml", "", "", filepath.Join(dir, "bad.yaml") + `:1: unknown setting "log_lvel"; did you mean "log_level"?`},
	} {
		src := settings.Sources{Defaults: app.Defaults(), System: filepath.Join(dir, tt.system), LookupEnv: func(key string) (string, bool) {
			if key != settings.ConfigEnv || tt.own == "" {
				return "", false
			}
			return filepath.Join(dir, tt.own), true
		}}
		c, _, err := settings.ResolveController(src)
		if tt.fails != "" {
			if err == nil || err.Error() != tt.fails {
				t.Errorf("%s: got %v, want %s", name, err, tt.fails)
			}
			continue
		}
		if err != nil || c.LogLevel.String() != tt.level {
			t.Errorf("%s: level %v, %v, want %s", name, c.LogLevel, err, tt.level)
		}
	}
}

// A daemon with its settings in /etc/zeekfleet keeps its state in /var/lib/zeekfleet, and so do
// commands about it, whoever runs them.
func TestStateOfTheSystemsDaemons(t *testing.T) {
	for config, want := range map[string]string{
		settings.SystemDir + "/controller.yaml": "/var/lib/zeekfleet",
		"/home/ann/controller.yaml":             "/home/ann/.local/state/zeekfleet",
		"":                                      "/home/ann/.local/state/zeekfleet",
	} {
		env := map[string]string{"HOME": "/home/ann", settings.ConfigEnv: config}
		c, _, err := settings.ResolveController(settings.Sources{
			Defaults:  app.Defaults(),
			LookupEnv: func(key string) (string, bool) { text, ok := env[key]; return text, ok },
			ReadFile:  func(string) ([]byte, error) { return []byte("controller:\n  listen_address: 192.0.2.10\n"), nil },
		})
		if err != nil || c.StateDir != want {
			t.Errorf("%q: state in %s, %v, want %s", config, c.StateDir, err, want)
		}
	}
}
