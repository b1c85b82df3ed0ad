package settings_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

func TestAgentsOfSeveralControllers(t *testing.T) {
	for name, tt := range map[string]struct {
		given given
		want  []string
		err   string
	}{
		"there is one": {},
		"they may have ports": {
			given: given{flags: []string{"--controllers=c1, c2:2250 [2001:db8::1]:9,2001:db8::2"}, env: map[string]string{"ZEEK_CONTROLLER_PORT": "5150/tcp"}},
			want:  []string{"c1:5150", "c2:2250", "[2001:db8::1]:9", "[2001:db8::2]:5150"},
		},
		"they are a list in the file": {
			given: given{file: "agent: {controllers: [c1, c2, c1]}\n"},
			want:  []string{"c1:2150", "c2:2150"},
		},
		"they are in the environment": {
			given: given{env: map[string]string{"ZEEKFLEET_AGENT_CONTROLLERS": "c1 c2"}},
			want:  []string{"c1:2150", "c2:2150"},
		},
		"one of them is none":    {given: given{env: map[string]string{"ZEEKFLEET_AGENT_CONTROLLERS": "c1,c2/x"}}, err: `not addresses: "c2/x" is not a host name or IP address`},
		"a port is none":         {given: given{env: map[string]string{"ZEEKFLEET_AGENT_CONTROLLERS": "c1:70000"}}, err: `not addresses: the port in "c1:70000" is`},
		"there are too many":     {given: given{env: map[string]string{"ZEEKFLEET_AGENT_CONTROLLERS": strings.Repeat("c,", 17)}}, err: "17 controllers are more than 16"},
		"and there is the other": {given: given{flags: []string{"--controllers=c1", "--controller-address=c2"}}, err: "agent.controllers from flag --controllers and agent.controller_address from flag --controller-address: name all controllers with one of them"},
	} {
		t.Run(name, func(t *testing.T) {
			a, _, err := settings.ResolveAgent(sources(t, tt.given, app.Defaults().AddAgentFlags))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got error %v, want %s", err, tt.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			first := "127.0.0.1:2150"
			if len(tt.want) > 0 {
				first = tt.want[0]
			}
			if a.Controller != first || !slices.Equal(a.Controllers, tt.want) {
				t.Errorf("got %s and %q, want %q", a.Controller, a.Controllers, tt.want)
			}
		})
	}
}

// Nobody who has set a quick election has to set the heartbeat, too.
func TestTheHeartbeatFollowsAQuickElection(t *testing.T) {
	for election, want := range map[string]time.Duration{"600ms": 120 * time.Millisecond, "1s": 200 * time.Millisecond, "3s": 200 * time.Millisecond} {
		given := given{flags: []string{"--cluster", "--store-election=" + election}}
		c, _, err := settings.ResolveController(sources(t, given, app.Defaults().AddControllerFlags))
		if err != nil {
			t.Fatal(err)
		}
		if c.Cluster.Heartbeat != want {
			t.Errorf("election %s: the heartbeat is %v, want %v", election, c.Cluster.Heartbeat, want)
		}
	}
}
