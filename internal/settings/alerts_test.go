package settings_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

var updateAlerts = flag.Bool("update", false, "rewrite the table of alerts in docs/operations.md")

// resolveFile resolves a controller's settings with a file.
func resolveFile(text string) (settings.Controller, []settings.Entry, error) {
	return settings.ResolveController(settings.Sources{
		LookupEnv: func(name string) (string, bool) {
			return map[string]string{settings.ConfigEnv: "fleet.yaml", "HOME": "/home/ann"}[name], true
		},
		ReadFile: func(string) ([]byte, error) { return []byte(text), nil },
		Defaults: app.Defaults(),
	})
}

func TestReceiversOfAlerts(t *testing.T) {
	c, entries, err := resolveFile(`alerts:
  repeat: 0
  rules:
    packet-drops: limit=10 clear=5
    clock-skew: off
    node-down: [for=10s]
  receivers:
    chat:
      format: slack
      url: https://hooks.example.org/T0/secret
      resolved: false
    script:
      command: [/bin/call, a b]
      severity: critical
      timeout: 3s
`)
	if err != nil {
		t.Fatal(err)
	}
	want := []settings.AlertReceiver{
		{Name: "chat", Format: "slack", URL: "https://hooks.example.org/T0/secret", Resolved: new(false)},
		{Name: "script", Command: []string{"/bin/call", "a b"}, Severity: "critical", Timeout: "3s"},
	}
	if diff := cmp.Diff(want, c.Alerts.Receivers); diff != "" {
		t.Errorf("receivers (-want +got):\n%s", diff)
	}
	if r := c.Alerts.Rules; r[mgmt.RuleDrops].Limit != 10 || r[mgmt.RuleDrops].For == 0 || !r[mgmt.RuleClockSkew].Off || r[mgmt.RuleNodeDown].For.String() != "10s" || c.Alerts.Repeat != 0 {
		t.Errorf("rules %+v, repeat %v", r, c.Alerts.Repeat)
	}
	shown := map[string]string{}
	for _, e := range entries {
		if strings.Contains(e.Value, "secret") {
			t.Errorf("%s shows a secret: %s", e.Key, e.Value)
		}
		shown[e.Key] = e.Value
	}
	if want := `"url":"https://hooks.example.org/…"`; !strings.Contains(shown["alerts.receivers"], want) {
		t.Errorf("no %s in %s", want, shown["alerts.receivers"])
	}
	if got := shown["alerts.rules.packet-drops"]; got != "limit=10 clear=5 for=2m hold=5m" {
		t.Errorf("shown %q", got)
	}
}

func TestWrongSettingsOfAlerts(t *testing.T) {
	const receivers = "alerts:\n  receivers:\n    pager:\n"
	for text, want := range map[string]string{
		receivers + "      urll: x\n":                                 `fleet.yaml:4: unknown setting "alerts.receivers.pager.urll"; did you mean "url"?`,
		receivers + "      url: ftp://s3cret@x\n":                     "fleet.yaml:3: alerts.receivers.pager: its url is not one of http or https",
		receivers + "      format: slack\n":                           "fleet.yaml:3: alerts.receivers.pager: give it either a url, a url_file or a command",
		receivers + "      command: call me\n":                        "fleet.yaml:4: alerts.receivers.pager.command must be a list: the program and each argument",
		receivers + "      command: [call]\n":                         "must begin with an absolute path",
		receivers + "      url: http://x\n      severity: high\n":     "its severity is neither warning nor critical",
		receivers + "      url: http://x\n      timeout: 2h\n":        "its timeout is not a time between 1s and 1m0s",
		receivers + "      url: http://x\n      resolved: perhaps\n":  "fleet.yaml:5: alerts.receivers.pager.resolved must be true or false",
		receivers + "      url: http://x\n    pager:\n      url: a\n": "there are two receivers pager",
		"alerts:\n  receivers:\n    ../x:\n      url: http://x\n":     "fleet.yaml:3: alerts.receivers: the name of a receiver has",
		"alerts:\n  receivers: [x]\n":                                 "must be a section with a section for each receiver",
		"alerts:\n  rules:\n    packet-drop: off\n":                   `unknown setting "alerts.rules.packet-drop"; did you mean "alerts.rules.packet-drops"?`,
		"alerts:\n  rules:\n    packet-drops: limit=1\n":              "stand the other way round",
		"alerts:\n  rules:\n    disk-full: critical=50\n":             "critical and limit stand the other way round",
		"alerts:\n  rules:\n    node-down: limit=1\n":                 "not off, and not words of for=TIME, hold=TIME",
		"alerts:\n  rules:\n    node-down: for=1w\n":                  "for is not a time between 0s and 24h0m0s",
	} {
		_, _, err := resolveFile(text)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

func TestReceiversInTheEnvironmentAreSecret(t *testing.T) {
	_, _, err := settings.ResolveController(settings.Sources{LookupEnv: func(name string) (string, bool) {
		return map[string]string{"ZEEKFLEET_ALERT_RECEIVERS": `{"x":{"url":"http://x/s3cret","new":1}}`, "HOME": "/home/ann"}[name], true
	}, Defaults: app.Defaults()})
	if err == nil || strings.Contains(err.Error(), "s3cret") || !strings.Contains(err.Error(), "environment ZEEKFLEET_ALERT_RECEIVERS") {
		t.Errorf("got %v", err)
	}
}

// The table of rules in the document is that of the program.
func TestDocumentHasTheTableOfAlerts(t *testing.T) {
	const document, begins, ends = "../../docs/operations.md", "<!-- table of alerts: begin -->\n", "<!-- table of alerts: end -->\n"
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, entries, err := resolveFile("")
	if err != nil {
		t.Fatal(err)
	}
	initial := map[string]string{}
	for _, e := range entries {
		initial[e.Key] = e.Value
	}
	var b strings.Builder
	b.WriteString("| rule | severity | fires when | default |\n|---|---|---|---|\n")
	for _, rule := range mgmt.AlertRules() {
		info := mgmt.AlertRuleInfo(rule)
		fmt.Fprintf(&b, "| `%s` | %s | %s | `%s` |\n", rule, info.Severity, info.What, initial["alerts.rules."+string(rule)])
	}
	before, rest, begun := strings.Cut(string(text), begins)
	had, after, ended := strings.Cut(rest, ends)
	if !begun || !ended {
		t.Fatalf("%s has no place for the table", document)
	}
	if *updateAlerts {
		if err := os.WriteFile(document, []byte(before+begins+b.String()+ends+after), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(b.String(), had); diff != "" {
		t.Errorf("the document does not have the table of the program; -update writes it (-want +got):\n%s", diff)
	}
}
