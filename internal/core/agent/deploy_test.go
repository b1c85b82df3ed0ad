package agent_test

import (
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestNothingButSavedMayFollowASave(t *testing.T) {
	saving := func() *agent.Machine {
		m := agent.New(agent.Config{Name: "host"}, agent.State{}, nil)
		m.Step(time.Unix(0, 0), agent.Adopted{})
		m.Step(time.Unix(0, 0), agent.FromController{Peer: controller, Msg: mgmt.AgentStandbyRequest{ReqID: "s1"}})
		return m
	}
	idle := func() *agent.Machine { return agent.New(agent.Config{Name: "host"}, agent.State{}, nil) }
	for name, tt := range map[string]struct {
		m      *agent.Machine
		ev     agent.Event
		panics bool
	}{
		"its answer":           {saving(), agent.Saved{}, false},
		"time":                 {saving(), agent.Tick{}, true},
		"a request":            {saving(), agent.FromController{Peer: controller, Msg: mgmt.AgentGetNodesRequest{}}, true},
		"an answer to nothing": {idle(), agent.Saved{}, true},
		"no save, no answer":   {idle(), agent.Adopted{}, false},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if got := recover() != nil; got != tt.panics {
					t.Errorf("Step panicked: %t, want %t", got, tt.panics)
				}
			}()
			tt.m.Step(time.Unix(1, 0), tt.ev)
		})
	}
}
