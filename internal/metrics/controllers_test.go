package metrics_test

import (
	"context"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/metrics"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func threeHubs(self string) func(context.Context) (*mgmt.ControllersReport, error) {
	return func(context.Context) (*mgmt.ControllersReport, error) {
		return &mgmt.ControllersReport{Term: 4, Leader: "hub-1", Self: self, Members: []mgmt.ControllerMember{
			{Name: "hub-1", Role: mgmt.ControllerLeads, Bytes: 100, Quota: 1000},
			{Name: "hub-2", Role: mgmt.ControllerFollows, Bytes: 90, Quota: 1000, Lag: 7, Alarms: []string{"NOSPACE"}},
			{Name: "hub-3", Role: mgmt.ControllerAway},
		}}, nil
	}
}

func TestFiguresOfControllers(t *testing.T) {
	leader := fleetOf(1, 1)
	follower, err := metrics.Follower(t.Context(), metrics.FollowerConfig{
		Version: "v1", Controllers: threeHubs("hub-2"),
		Peers: func() []mgmt.PeerSample {
			return []mgmt.PeerSample{{Kind: "broker", Queued: 2}, {Kind: "broker", Queued: 3}, {Kind: "websocket"}}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	parse(t, follower)
	common := []string{
		`zeekfleet_controller_term 4`, `zeekfleet_controller_member_up{controller="hub-1"} 1`, `zeekfleet_controller_member_up{controller="hub-3"} 0`,
		`zeekfleet_controller_store_lag{controller="hub-2"} 7`, `zeekfleet_controller_store_bytes{controller="hub-2"} 90`,
		`zeekfleet_controller_store_quota_bytes{controller="hub-2"} 1000`, `zeekfleet_controller_store_alarms{controller="hub-2"} 1`, `zeekfleet_controller_store_alarms{controller="hub-1"} 0`,
	}
	for text, own := range map[string]string{
		textOf(t, leader): `zeekfleet_controller_leads 1`, string(follower): `zeekfleet_controller_leads 0`,
	} {
		for _, want := range append(common, own) {
			if !strings.Contains(text, want+"\n") {
				t.Errorf("the text lacks %s", want)
			}
		}
		if strings.Contains(text, `zeekfleet_controller_store_lag{controller="hub-3"}`) {
			t.Error("the lag of a controller is told that is away")
		}
	}
	for _, want := range []string{
		`zeekfleet_peers{kind="broker"} 2`, `zeekfleet_peers{kind="websocket"} 1`, `zeekfleet_peers_queued_messages{kind="broker"} 5`,
	} {
		if !strings.Contains(string(follower), want+"\n") {
			t.Errorf("the text of the controller that follows lacks %s", want)
		}
	}
	alone := fleetOf(1, 1)
	alone.Controllers = nil
	if text := textOf(t, alone); !strings.Contains(text, "zeekfleet_controller_leads 1\n") {
		t.Error("a controller that has no others does not lead")
	}
}
