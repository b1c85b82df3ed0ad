package mgmt_test

import (
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestHostCommandsAllowWhatTheySayAndNothingElse(t *testing.T) {
	all, err := mgmt.ParseHostCommands("/usr/bin/uptime; /usr/sbin/ethtool {-S|-k|-g} {name}\n\t/bin/head -n {number} /proc/meminfo\n;")
	if err != nil || len(all) != 3 {
		t.Fatalf("%v, %v", all, err)
	}
	for argv, want := range map[string]bool{
		"/usr/bin/uptime":                           true,
		"/usr/bin/uptime -p":                        false,
		"uptime":                                    false,
		"/usr/bin/../bin/uptime":                    false,
		"/usr/sbin/ethtool -S eth0":                 true,
		"/usr/sbin/ethtool -g ens1f0.100":           true,
		"/usr/sbin/ethtool -K eth0":                 false,
		"/usr/sbin/ethtool -S":                      false,
		"/usr/sbin/ethtool -S --version":            false,
		"/usr/sbin/ethtool -S /etc/passwd":          false,
		"/usr/sbin/ethtool -S ../x":                 false,
		"/usr/sbin/ethtool -S eth0;reboot":          false,
		"/usr/sbin/ethtool -S $(reboot)":            false,
		"/usr/sbin/ethtool -S eth0\x00":             false,
		"/usr/sbin/ethtool -S eth\u00e9":            false,
		"/usr/sbin/ethtool {-S|-k|-g} {name}":       false,
		"/bin/head -n 10 /proc/meminfo":             true,
		"/bin/head -n -1 /proc/meminfo":             false,
		"/bin/head -n 1e3 /proc/meminfo":            false,
		"/bin/head -n 10 /etc/shadow":               false,
		"/bin/head -n 10 /proc/meminfo /etc/shadow": false,
		"": false,
	} {
		got := false
		for _, c := range all {
			got = got || c.Allows(strings.Split(argv, " "))
		}
		if got != want {
			t.Errorf("%q is allowed: %v", argv, got)
		}
	}
}

func TestBadHostCommandsAreRefused(t *testing.T) {
	for text, want := range map[string]string{
		"uptime":                            "does not begin with the absolute path of a program",
		"/usr/bin/../bin/uptime":            "absolute path",
		"/usr/bin/*":                        "absolute path",
		"/bin/cat {path}":                   "has the pattern {path}: say {name}, {number}, or words such as {on|off}",
		"/bin/cat {a|}":                     "has the pattern {a|}",
		"/bin/cat x{name}":                  "braces stand around a whole word",
		"/bin/cat {name":                    "braces stand around a whole word",
		"/bin/a" + strings.Repeat(" x", 40): "has more than 32 words",
		strings.Repeat("/bin/a\n", 101):     "more than 100 commands",
	} {
		if _, err := mgmt.ParseHostCommands(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q in it", text, err, want)
		}
	}
}

// What is allowed has the program of its command, and no argument that a name cannot be.
func FuzzHostCommands(f *testing.F) {
	f.Add("/usr/sbin/ethtool {-S|-k} {name}", "/usr/sbin/ethtool -S eth0")
	f.Add("/a {number}; /b x", "/a 1")
	f.Fuzz(func(t *testing.T, text, command string) {
		all, err := mgmt.ParseHostCommands(text)
		if err != nil {
			return
		}
		argv := strings.Split(command, " ")
		for _, c := range all {
			again, err := mgmt.ParseHostCommands(c.String())
			if err != nil || len(again) != 1 || again[0].String() != c.String() {
				t.Fatalf("%q is read as %v, %v", c, again, err)
			}
			if c.Allows(argv) && (argv[0] != c[0] || len(argv) != len(c)) {
				t.Errorf("%q allows %q", c, argv)
			}
		}
		mgmt.ExecQuery{Argv: argv}.Check()
	})
}
