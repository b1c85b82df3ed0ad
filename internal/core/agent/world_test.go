package agent_test

import (
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/coretest"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// world is an agent with fake processes, whose effects are kept.
type world struct {
	*coretest.AgentShell
	effects []agent.Effect
}

const controller mgmt.PeerID = "controller"

// withPreflight is an agent that runs a preflight before it deploys.
var withPreflight = agent.Config{Preflight: agent.PreflightOn}

func newWorld(t coretest.T, cfg agent.Config) *world {
	w := &world{AgentShell: coretest.NewAgentShell(t, cfg)}
	w.Heard = func(e agent.Effect) { w.effects = append(w.effects, e) }
	return w
}

// running returns a world with these nodes deployed and up.
func running(t coretest.T, cfg agent.Config, list ...mgmt.Node) *world {
	t.Helper()
	w := newWorld(t, cfg)
	w.Deployed(list...)
	w.skip()
	return w
}

// skip forgets the effects so far.
func (w *world) skip() { w.effects = nil }

// said returns the effects that change something as the dialogues show them.
func (w *world) said() (lines []string) {
	for _, e := range w.effects {
		switch e.(type) {
		case agent.Note, agent.Happened:
		default:
			text := coretest.AgentEntry(e).Lines(func(id mgmt.ReqID) string { return string(id) })
			lines = append(lines, strings.Join(text, "\n"))
		}
	}
	return lines
}

// decided returns the effects that are no happenings.
func decided(effects []agent.Effect) (list []agent.Effect) {
	for _, e := range effects {
		if _, ok := e.(agent.Happened); !ok {
			list = append(list, e)
		}
	}
	return list
}

func (w *world) ask(msg mgmt.Message) { w.Step(agent.FromController{Peer: controller, Msg: msg}) }

func (w *world) deploy(id mgmt.ReqID, nodes ...mgmt.Node) {
	w.ask(mgmt.AgentDeployRequest{ReqID: id, Config: configuration(nodes...)})
}

func configuration(nodes ...mgmt.Node) mgmt.Configuration {
	return mgmt.Configuration{
		ID:        "config",
		Instances: []mgmt.Instance{{Name: "host", Host: mgmt.UnknownHost}},
		Nodes:     nodes,
	}
}

func node(name mgmt.NodeName) mgmt.Node {
	role := mgmt.Worker
	for _, r := range []mgmt.ClusterRole{mgmt.Logger, mgmt.Manager, mgmt.Proxy} {
		if strings.HasPrefix(string(name), strings.ToLower(string(r))) {
			role = r
		}
	}
	return mgmt.Node{Name: name, Instance: "host", Role: role, State: mgmt.Running}
}

func nodes(names ...mgmt.NodeName) []mgmt.Node {
	var list []mgmt.Node
	for _, n := range names {
		list = append(list, node(n))
	}
	return list
}

// changed returns the node with another plan, which leaves the others' alone.
func changed(n mgmt.Node) mgmt.Node {
	n.Env = map[string]string{"CHANGED": "yes"}
	return n
}

func dispatch(id mgmt.ReqID, nodes ...mgmt.NodeName) mgmt.AgentDispatchRequest {
	return mgmt.AgentDispatchRequest{ReqID: id, Action: []string{"get_id_value", "Cluster::node"}, Nodes: nodes}
}

func restart(id mgmt.ReqID, nodes ...mgmt.NodeName) mgmt.AgentRestartRequest {
	return mgmt.AgentRestartRequest{ReqID: id, Nodes: nodes}
}

// start is when tests begin that do without a shell.
var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
