package metrics

import (
	"sort"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// AgentState is what an agent knows of itself.
type AgentState struct {
	Version string
	// LimitsBy is what bounds the nodes.
	LimitsBy string
	// Controllers are those that are connected and that the agent obeys.
	Controllers int
	// Term is that of the controller which the agent obeys. Zero means that it has none.
	Term uint64
	// Streams are those that are being sent.
	Streams int
	Nodes   []AgentNode
	// Sample is the newest one, or nil.
	Sample *mgmt.HostSample
}

// AgentNode is a node of an agent.
type AgentNode struct {
	Node  mgmt.NodeName
	State mgmt.State
	// Starts and Crashes count since the agent started.
	Starts, Crashes uint64
}

// The families of an agent.
var (
	agentInfo        = Family{"zeekfleet_agent_build_info", Gauge, "", []string{"version", "goversion"}, "1. What this agent was built from."}
	agentLimits      = Family{"zeekfleet_agent_limits_info", Gauge, "", []string{"by"}, "1. What bounds the nodes: systemd, cgroup or rlimit."}
	agentControllers = Family{"zeekfleet_agent_controllers", Gauge, "", nil, "Controllers that are connected with the agent."}
	agentTerm        = Family{"zeekfleet_agent_term", Gauge, "", nil, "Number of the lead of the controller that the agent obeys; 0 without several controllers."}
	agentStreams     = Family{"zeekfleet_agent_streams", Gauge, "", nil, "Streams that the agent is sending."}
	agentNodeUp      = Family{"zeekfleet_agent_node_up", Gauge, "", []string{"node"}, "Whether the node is RUNNING."}
	agentNodes       = Family{"zeekfleet_agent_nodes", Gauge, "", []string{"state"}, "Nodes in this state."}
	agentStarts      = Family{"zeekfleet_agent_node_starts_total", Counter, "", []string{"node"}, "How often the agent has started the node since the agent started."}
	agentCrashes     = Family{"zeekfleet_agent_node_crashes_total", Counter, "", []string{"node"}, "How often the node has ended by itself since the agent started."}
	agentNodeCPU     = Family{"zeekfleet_agent_node_cpus_used", Gauge, "", []string{"node"}, "Processors that the node used between the last two samples."}
	agentNodeMemory  = Family{"zeekfleet_agent_node_resident_memory_bytes", Gauge, "bytes", []string{"node"}, "Resident memory of the node."}
	agentSampled     = Family{"zeekfleet_agent_sample_timestamp_seconds", Gauge, "seconds", nil, "When the agent last took a sample."}
)

// AgentFamilies are those of an agent, beside those of Go and of processes.
func AgentFamilies() []*Family {
	return []*Family{
		&agentInfo, &agentLimits, &agentControllers, &agentTerm, &agentStreams, &agentNodes, &agentNodeUp, &agentStarts, &agentCrashes,
		&agentNodeCPU, &agentNodeMemory, &agentSampled,
	}
}

// Agent returns the text of an agent.
func Agent(state AgentState) ([]byte, error) {
	s := newSheet(0)
	s.add(&agentInfo, 1, built(state.Version))
	s.add(&agentLimits, 1, labels("by", state.LimitsBy))
	s.add(&agentControllers, float64(state.Controllers), "")
	s.add(&agentTerm, float64(state.Term), "")
	s.add(&agentStreams, float64(state.Streams), "")
	states := map[mgmt.State]int{}
	sort.Slice(state.Nodes, func(i, j int) bool { return state.Nodes[i].Node < state.Nodes[j].Node })
	for i := range state.Nodes {
		n := &state.Nodes[i]
		states[n.State]++
		of := labels("node", string(n.Node))
		s.add(&agentNodeUp, truth(n.State == mgmt.Running), of)
		s.add(&agentStarts, float64(n.Starts), of)
		s.add(&agentCrashes, float64(n.Crashes), of)
	}
	for state, n := range states {
		s.add(&agentNodes, float64(n), labels("state", string(state)))
	}
	if is := state.Sample; is != nil {
		s.add(&agentSampled, seconds(is.Time), "")
		for i := range is.Nodes {
			if n := &is.Nodes[i]; n.PID != 0 {
				of := labels("node", string(n.Node))
				s.add(&agentNodeCPU, n.CPU, of)
				s.add(&agentNodeMemory, float64(n.Memory), of)
			}
		}
	}
	return s.text(), nil
}
