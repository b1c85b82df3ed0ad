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
