package app_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func operationsPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(strings.Fields(string(text)), " ")
}

// TestRestartIsAnsweredWhenTheDocumentsSay opens an agent with the settings that
// nobody has changed.
func TestRestartIsAnsweredWhenTheDocumentsSay(t *testing.T) {
	a, err := openAgent(t, func(a *settings.Agent) { a.Zeek.Kind = settings.NodeEmbedded })
	if err != nil {
		t.Fatal(err)
	}
	core := a.Core.WithDefaults()
	says := fmt.Sprintf("A restart is answered after %g s at the latest", core.RestartTimeout.Seconds())
	if !strings.Contains(operationsPage(t), says) {
		t.Errorf("docs/operations.md does not say %q", says)
	}
	flags := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	app.Defaults().AddAgentFlags(flags)
	more := fmt.Sprintf("A restart may take %g s more", (core.RestartTimeout - core.DeployTimeout).Seconds())
	if help := flags.Lookup("deploy-timeout").Usage; !strings.Contains(help, more) {
		t.Errorf("the help says %q, want %q in it", help, more)
	}
	if most := app.Defaults().Controller.DeployTimeout; core.RestartTimeout+2*time.Second > most {
		t.Errorf("an agent answers a restart after %v, its controller waits %v: want 2 s between", core.RestartTimeout, most)
	}
}

// settingInDocuments is a setting with its default, as in "`agent.deploy_timeout`
// (14 s)" and in "14 s (`agent.deploy_timeout`)".
var settingInDocuments = regexp.MustCompile("`([a-z_]+\\.[a-z_.<>]+)` \\((\\d+) (s|min|h)\\)|(\\d+) (s|min|h) \\(`([a-z_]+\\.[a-z_.]+)`\\)")

func TestDocumentsHaveTheDefaultsOfSettings(t *testing.T) {
	defaults := map[string]string{}
	src := settings.Sources{Defaults: app.Defaults(), Hostname: "host"}
	_, ofAgent, err := settings.ResolveAgent(src)
	if err != nil {
		t.Fatal(err)
	}
	_, ofController, err := settings.ResolveController(src)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range append(ofAgent, ofController...) {
		defaults[e.Key] = e.Value
	}
	found := settingInDocuments.FindAllStringSubmatch(operationsPage(t), -1)
	if len(found) < 3 {
		t.Errorf("only %d settings with their defaults were found", len(found))
	}
	for _, f := range found {
		key, number, unit := f[1]+f[6], f[2]+f[4], f[3]+f[5]
		said, err := time.ParseDuration(number + strings.TrimSuffix(unit, "in"))
		if err != nil {
			t.Fatal(err)
		}
		key = strings.Replace(key, "<role>", "worker", 1)
		if got, err := time.ParseDuration(defaults[key]); got != said || err != nil {
			t.Errorf("docs/operations.md says that %s is %v, it is %q", key, said, defaults[key])
		}
	}
}
