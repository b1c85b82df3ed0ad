package machine_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/machine"
)

func TestSettings(t *testing.T) {
	root := t.TempDir()
	for name, text := range map[string]string{
		"proc/sys/net/core/rmem_max":              "212992\n",
		"proc/cmdline":                            strings.Repeat("x", 9000),
		"sys/class/net/zf0/mtu":                   "1500\n",
		"sys/class/net/zf0/speed":                 "10000\n",
		"sys/class/net/zf0/statistics/rx_dropped": "7\n",
		"sys/class/net/zf0/statistics/tx_errors":  "0\n",
		"sys/class/net/zf0/queues/rx-0/rps_cpus":  "0\n",
		"sys/class/net/zf0/queues/rx-1/rps_cpus":  "0\n",
		"sys/class/net/zf0/device/numa_node":      "1\n",
	} {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	s := machine.Settings(root)
	if got := s.Files["/proc/sys/net/core/rmem_max"]; got != "212992" {
		t.Errorf("rmem_max %q", got)
	}
	if got := len(s.Files["/proc/cmdline"]); got != 4<<10 {
		t.Errorf("a long text has %d bytes", got)
	}
	card := s.Cards["zf0"]
	for name, want := range map[string]string{
		"mtu": "1500", "speed": "10000", "statistics/rx_dropped": "7", "statistics/tx_errors": "", "rx_queues": "2", "device/numa_node": "1",
	} {
		if card[name] != want {
			t.Errorf("%s is %q, want %q", name, card[name], want)
		}
	}
}

// The loopback interface of this host answers at least some of the questions.
func TestSettingsOfThisHost(t *testing.T) {
	if lo := machine.Settings("/").Cards["lo"]; lo["mtu"] == "" || lo["generic-receive-offload"] == "" {
		t.Errorf("lo has %v", lo)
	}
}
