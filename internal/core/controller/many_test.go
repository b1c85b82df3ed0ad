package controller_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Every plan has the layout of the whole cluster. A comparison of all these plans, one
// after the other, would take minutes.
func TestDeploymentOfTheGreatestConfigurationIsDecidedFast(t *testing.T) {
	config := mgmt.Configuration{ID: "many"}
	for i := range mgmt.DefaultMaxNodes {
		host := mgmt.InstanceName(fmt.Sprintf("sensor-%d", i/10))
		if i%10 == 0 {
			config.Instances = append(config.Instances, mgmt.Instance{Name: host, Host: netip.MustParseAddr("192.0.2.1")})
		}
		config.Nodes = append(config.Nodes, mgmt.Node{
			Name: mgmt.NodeName(fmt.Sprintf("worker-%d", i)), Instance: host, Role: mgmt.Worker, State: mgmt.Running,
		})
	}
	m := controller.New(controller.Config{}, controller.State{}, rand.New(rand.NewPCG(1, 2)))
	now := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	var answer mgmt.DeployResponse
	step := func(ev controller.Event) {
		for _, e := range m.Step(now, ev) {
			switch e := e.(type) {
			case controller.ToAgent:
				if w, ok := e.Msg.(mgmt.AgentWelcomeRequest); ok {
					defer m.Step(now, controller.FromAgent{Peer: e.Peer, Instance: "sensor-0", Msg: mgmt.AgentWelcomeResponse{
						ReqID: w.ReqID, Result: mgmt.Result{Success: true},
					}})
				}
			case controller.Reply:
				if r, ok := e.Msg.(mgmt.DeployResponse); ok {
					answer = r
				}
			}
		}
	}
	step(controller.PeerAdded{Peer: "a"})
	step(controller.FromAgent{Peer: "a", Instance: "sensor-0", Msg: mgmt.NotifyAgentHello{Instance: "sensor-0", ID: "a", APIVersion: mgmt.APIVersion}})
	step(controller.FromClient{Client: "c", Principal: user("c"), Msg: mgmt.StageConfigurationRequest{ReqID: "s", Config: config}})
	step(controller.Saved{})
	step(controller.FromClient{Client: "c", Principal: user("c"), Msg: mgmt.DeployRequest{ReqID: "d"}})
	for answer.Results == nil {
		at, ok := m.NextWake()
		if !ok {
			t.Fatal("the deployment is not answered")
		}
		now = at
		step(controller.Tick{})
	}
	last := answer.Results[len(answer.Results)-1]
	if want := "nothing was deployed; connected: sensor-0"; last.Success || !strings.HasPrefix(last.Error, want) {
		t.Errorf("%d results, the last is %+v, want %q", len(answer.Results), last, want)
	}
}
