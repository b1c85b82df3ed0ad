package agent_test

import (
	"slices"
	"testing"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestOurControllersWaitLongerThanUpstreams(t *testing.T) {
	deploy := mgmt.AgentDeployRequest{ReqID: "d1", Config: configuration(nodes("worker")...), Force: true}
	for name, tt := range map[string]struct {
		fleet bool
		ask   mgmt.Message
		want  string
	}{
		"deployment, upstream": {false, deploy, "8.5s  answer deploy d1: [worker failed (cluster node worker still starting)]"},
		"deployment, ours":     {true, deploy, "14s   answer deploy d1: [worker failed (cluster node worker still starting)]"},
		"restart, upstream":    {false, restart("r1"), "8.5s  answer restart r1: [worker failed (could not restart node worker: cluster node worker still starting)]"},
		"restart, ours":        {true, restart("r1"), "16s   answer restart r1: [worker failed (could not restart node worker: cluster node worker still starting)]"},
	} {
		t.Run(name, func(t *testing.T) {
			w := running(t, agent.Config{}, nodes("worker")...)
			w.step(agent.PeerUpdated{Peer: controller, Fleet: tt.fleet})
			w.fates["worker"] = fate{mute: true}
			w.ask(tt.ask)
			w.run(time.Minute)
			if !slices.Contains(w.trace, tt.want) {
				t.Errorf("got %q, want %q among it", w.trace, tt.want)
			}
		})
	}
}

func TestControllerIsKnownAsOursFromItsPeeringOn(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.step(agent.PeerAdded{Peer: controller, Fleet: true})
	w.fates["worker"] = fate{hello: 10 * time.Second}
	w.deploy("d1", nodes("worker")...)
	w.run(time.Minute)
	if want := "10s   answer deploy d1: [worker ok]"; !slices.Contains(w.trace, want) {
		t.Errorf("got %q, want %q among it", w.trace, want)
	}
}

func TestOutcomeOfADeploymentIsPublishedWhenItWasAnsweredBefore(t *testing.T) {
	for name, tt := range map[string]struct {
		slow fate
		want string
	}{
		"all came up": {fate{hello: 20 * time.Second}, "20s   log deployment d1 is complete"},
		"one ended": {
			fate{mute: true, exit: 20 * time.Second, reason: "exit code 1"},
			"20s   log deployment d1 has ended with failures; node worker-2: exit code 1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, agent.Config{})
			w.fates["worker-1"] = fate{hello: 10 * time.Second}
			w.fates["worker-2"] = tt.slow
			w.deploy("d1", nodes("worker-1", "worker-2", "worker-3")...)
			w.run(20 * time.Second)
			if !slices.Contains(w.trace, tt.want) {
				t.Errorf("got %q, want %q among it", w.trace, tt.want)
			}
		})
	}
}

func TestOutcomeOfASupersededDeploymentIsNotPublished(t *testing.T) {
	w := newWorld(t, agent.Config{})
	w.fates["worker"] = fate{hello: 20 * time.Second}
	w.deploy("d1", nodes("worker")...)
	w.run(9 * time.Second)
	w.deploy("d2", nodes("worker")...)
	w.skip()
	w.run(time.Minute)
	w.expect(`
		17.5s answer deploy d2: [worker failed (cluster node worker still starting)]
		20s hello host to worker#1
		20s worker: PENDING to RUNNING
		20s log deployment d2 is complete
	`)
}
