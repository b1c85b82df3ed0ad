//go:build !noetcd

package app_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/app"
	"github.com/zeekfleet/zeekfleet/internal/joined"
	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

// sees asks the controller until it says that the agent of an instance is connected.
func (m *memberOf) sees(instance string) {
	m.t.Helper()
	var last any
	for began := time.Now(); time.Since(began) < patience.Limit; time.Sleep(20 * time.Millisecond) {
		list, err := m.api.Instances(m.t.Context())
		if slices.ContainsFunc(list, func(in api.Instance) bool { return in.Name == instance && in.Standing != "ABSENT" && in.Address != "" }) {
			return
		}
		if last = list; err != nil {
			last = err
		}
	}
	m.t.Fatalf("%s never sees %s; at last: %+v", m.set.Name, instance, last)
}

// An agent joins through one controller, learns of the others, and obeys whoever leads.
func TestAgentsObeyWhicheverControllerLeads(t *testing.T) {
	ports := reserve(t)
	one, two, three := newMember(t, ports, 1), newMember(t, ports, 2), newMember(t, ports, 3)
	one.start()
	for _, other := range []*memberOf{two, three} {
		other.join(one)
		other.start()
		other.await("itself among those with a vote", func(list api.Controllers) bool {
			return len(list.Members) > 0 && !slices.Contains(roles(list), api.ControllerLearns) && !slices.Contains(roles(list), api.ControllerAway)
		})
	}
	token, err := two.api.CreateToken(t.Context(), api.TokenRequest{Instance: "sensor-1"})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := app.Join(t.Context(), app.Joining{StateDir: dir, Address: two.api.Address(), Token: token.Text, Logger: testLog(t, "joining")}); err != nil {
		t.Fatal(err)
	}
	held, err := joined.DirIn(dir).Load()
	if err != nil {
		t.Fatal(err)
	}
	known := joined.DirIn(dir).Controllers(held.Cluster)
	if list, err := known.Load(); err != nil || len(list) != 3 {
		t.Errorf("the answer to joining names %q, %v", list, err)
	}
	// What an agent has that has joined before there were others.
	if err := known.Save(nil); err != nil {
		t.Fatal(err)
	}
	runJoined(t, dir)
	three.sees("sensor-1")
	if err := one.end(); err == nil {
		t.Error("the first controller has ended without an error")
	}
	two.await("another leader", func(list api.Controllers) bool { return list.Leader != "c-1" && list.Leader != "" })
	two.sees("sensor-1")
	if list, err := known.Load(); err != nil || len(list) != 3 {
		t.Errorf("the agent was told of %q, %v", list, err)
	}
}

// runJoined runs an agent that has joined, until the end of the test.
func runJoined(t *testing.T, stateDir string) {
	t.Helper()
	set, _, err := settings.ResolveAgent(settings.Sources{
		Defaults: app.Defaults(), Hostname: "sensor", Joined: app.Joined,
		LookupEnv: func(name string) (string, bool) {
			text, ok := map[string]string{"ZEEK_MANAGEMENT_STATE_DIR": stateDir, "ZEEK_AGENT_PORT": "0", "ZEEKFLEET_NODE_KIND": "embedded"}[name]
			return text, ok
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	set.Zeek.Kind = settings.NodeEmbedded
	a, err := app.OpenAgent(t.Context(), set, testLog(t, "agent"), app.PortFlags{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
}
