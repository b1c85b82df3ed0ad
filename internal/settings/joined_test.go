package settings_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// joinedAgent are the sources of an agent that has joined as sensor-1, with a flag.
func joinedAgent(t *testing.T, args ...string) settings.Sources {
	t.Helper()
	defaults := app.Defaults()
	flags := pflag.NewFlagSet("agent", pflag.ContinueOnError)
	defaults.AddAgentFlags(flags)
	if err := flags.Parse(args); err != nil {
		t.Fatal(err)
	}
	return settings.Sources{
		Defaults: defaults, Flags: flags, Hostname: "host",
		Joined: func(stateDir string) (settings.Joined, error) {
			if stateDir == "/none" {
				return settings.Joined{}, nil
			}
			if stateDir == "/damaged" {
				return settings.Joined{}, errors.New("it is damaged")
			}
			return settings.Joined{
				Dir: stateDir + "/identity", File: stateDir + "/identity/joined.json",
				Name: "sensor-1", ControllerHost: "192.0.2.1", ControllerPort: 2250,
			}, nil
		},
	}
}

func TestAgentThatHasJoinedKnowsItsNameAndItsController(t *testing.T) {
	for name, tt := range map[string]struct {
		args                           []string
		instance, controller, joinedIn string
	}{
		"nothing is set":          {[]string{"--state-dir", "/s"}, "sensor-1", "192.0.2.1:2250", "/s/identity"},
		"the name is set":         {[]string{"--state-dir", "/s", "--name", "sensor-1"}, "sensor-1", "192.0.2.1:2250", "/s/identity"},
		"the controller moved":    {[]string{"--state-dir", "/s", "--controller-address", "192.0.2.9"}, "sensor-1", "192.0.2.9:2250", "/s/identity"},
		"the port is another":     {[]string{"--state-dir", "/s", "--controller-port", "9"}, "sensor-1", "192.0.2.1:9", "/s/identity"},
		"the controller dials":    {[]string{"--state-dir", "/s", "--controller-address", "0.0.0.0"}, "sensor-1", "", "/s/identity"},
		"it listens for everyone": {[]string{"--state-dir", "/s", "--listen-address", "0.0.0.0"}, "sensor-1", "192.0.2.1:2250", "/s/identity"},
		"it has not joined":       {[]string{"--state-dir", "/none"}, "agent-host", "127.0.0.1:2150", ""},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, err := settings.ResolveAgent(joinedAgent(t, tt.args...))
			if err != nil {
				t.Fatal(err)
			}
			if a.Name != tt.instance || a.Controller != tt.controller || a.Joined != tt.joinedIn {
				t.Errorf("got %q, %q, %q", a.Name, a.Controller, a.Joined)
			}
		})
	}
	_, entries, err := settings.ResolveAgent(joinedAgent(t, "--state-dir", "/s"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.Key == "agent.name" && e.Origin != "joined /s/identity/joined.json" || e.Key == "agent.listen_port" && e.Origin != "default" {
			t.Errorf("%s comes from %s", e.Key, e.Origin)
		}
	}
}

func TestSettingsThatContradictJoiningAreRefused(t *testing.T) {
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"another name":    {[]string{"--state-dir", "/s", "--name", "sensor-2"}, `agent.name: "sensor-2" from flag --name, but this agent has joined as "sensor-1" (/s/identity/joined.json)`},
		"certificates":    {[]string{"--state-dir", "/s", "--tls-cert", "c", "--tls-key", "k", "--tls-ca", "a"}, "tls.cert from flag --tls-cert, but this agent has joined"},
		"plain text":      {[]string{"--state-dir", "/s", "--transport", "plain"}, "with transport plain from flag --transport"},
		"damaged":         {[]string{"--state-dir", "/damaged"}, "it is damaged"},
		"open to anybody": {[]string{"--state-dir", "/none", "--listen-address", "0.0.0.0"}, "join a cluster (--join), or allow"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := settings.ResolveAgent(joinedAgent(t, tt.args...))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
		})
	}
}
