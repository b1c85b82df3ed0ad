package mgmt_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestNearest(t *testing.T) {
	keys := []string{"cpu_affinity", "env", "instance", "interface", "metrics_port", "port", "role", "scripts"}
	for name, tt := range map[string]struct {
		of    string
		known []string
		want  string
	}{
		"a letter is missing":               {"interfce", keys, "interface"},
		"a letter is too much":              {"sensor-22", []string{"sensor-1", "sensor-2"}, "sensor-2"},
		"two letters are swapped":           {"prot", keys, "port"},
		"another case":                      {"Sensor-A", []string{"sensor-b", "sensor-a"}, "sensor-a"},
		"of two as near the first":          {"sensor-3", []string{"sensor-1", "sensor-2"}, "sensor-1"},
		"a short name may differ in one":    {"evn", keys, "env"},
		"nothing is near":                   {"lb_procs", keys, ""},
		"the name itself is not its advice": {"port", []string{"port"}, ""},
		"letters beyond ASCII count as one": {"zürch", []string{"zürich"}, "zürich"},
		"nothing is known":                  {"port", nil, ""},
		"an empty name":                     {"", keys, ""},
		"a name that is too long to compare": {
			strings.Repeat("a", 1<<20), []string{strings.Repeat("a", 1<<20) + "b"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			if got := mgmt.Nearest(tt.of, tt.known); got != tt.want {
				t.Errorf("Nearest(%.20q): got %q, want %q", tt.of, got, tt.want)
			}
		})
	}
}
