package daemon

import (
	"context"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/proc"
)

var SaysRunning = saysRunning

// Woken is what an agent that starts finds, and does for some time.
type Woken struct {
	Desired mgmt.Configuration
	Adopted agent.Adopted
	Facts   map[mgmt.NodeName]launch.Facts
	Effects []agent.Effect
}

// WakeAgent starts an agent as OpenAgent and RunAgent do, without ports, and lets
// its core live on for an hour in which nothing happens. /proc is in procDir.
func WakeAgent(ctx context.Context, directory, stateDir, procDir string, launcher launch.Launcher, log *slog.Logger) (w Woken, err error) {
	st, err := OpenAgentState(ctx, directory, log)
	if err != nil {
		return w, err
	}
	defer st.Close()
	_, saved, err := loadState(ctx, st, time.Minute, readAgentState)
	if err != nil {
		return w, err
	}
	host, err := proc.New(proc.Config{
		RecordDir: filepath.Join(directory, "processes"), NodesDir: launch.NodeDir(stateDir, ""), ProcDir: procDir, Logger: log,
	})
	if err != nil {
		return w, err
	}
	defer func() {
		ended, end := context.WithCancel(ctx)
		end()
		_ = host.Run(ended) // lets go of the processes
	}()
	found, err := host.Adopt(ctx)
	if err != nil {
		return w, err
	}
	logAdoption(log, found)
	a := &agentShell{
		cfg:       AgentConfig{Launch: launcher, Processes: host, Logger: log},
		processes: processes{nodes: map[launchID]*launched{}, live: &livePIDs{}, book: newNodeBook()},
	}
	a.buryEnded(ctx, found.Ended, saved.Desired)
	w.Desired, w.Facts = saved.Desired, map[mgmt.NodeName]launch.Facts{}
	w.Adopted = a.adopt(ctx, found, saved.Desired)
	for id, p := range a.nodes {
		w.Facts[id.node] = p.facts
	}
	core := agent.New(agent.Config{Name: "agent-sensor"}, saved, newRand())
	now := time.Now()
	w.Effects = core.Step(now, w.Adopted)
	for end := now.Add(time.Hour); ; {
		at, ok := core.NextWake()
		if !ok || at.After(end) {
			return w, nil
		}
		w.Effects = append(w.Effects, core.Step(at, agent.Tick{})...)
	}
}

// WakeController starts a controller as OpenController and Controller.Run do,
// without ports, and has an agent say hello to it.
func WakeController(ctx context.Context, directory string, log *slog.Logger) (controller.State, []controller.Effect, error) {
	st, err := OpenControllerState(ctx, directory, log)
	if err != nil {
		return controller.State{}, nil, err
	}
	defer st.Close()
	_, saved, err := loadState(ctx, st, time.Minute, readControllerState)
	if err != nil {
		return saved, nil, err
	}
	core := controller.New(controller.Config{}, saved, newRand())
	now := time.Now()
	var effects []controller.Effect
	events := []controller.Event{
		controller.PeerAdded{Peer: "sensor"},
		controller.FromAgent{Peer: "sensor", Instance: "agent-sensor", Msg: mgmt.NotifyAgentHello{
			Instance: "agent-sensor", ID: "sensor", APIVersion: mgmt.APIVersion,
		}},
	}
	for len(events) > 0 {
		step := core.Step(now, events[0])
		events, effects = events[1:], append(effects, step...)
		if len(step) == 0 {
			continue
		}
		if _, saves := step[len(step)-1].(controller.Save); saves {
			events = append([]controller.Event{controller.Saved{}}, events...) // into nothing
		}
	}
	return saved, effects, nil
}

// ClusterWarnings is how an agent logs the warnings of the launches of its life.
func ClusterWarnings(log *slog.Logger) func(map[mgmt.NodeName]mgmt.ClusterEndpoint, []string) {
	a := &agentShell{cfg: AgentConfig{Logger: log}}
	return a.warnOfCluster
}
