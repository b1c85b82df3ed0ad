package settings

// processTable lists the settings about the processes of nodes.
func processTable() []setting[Agent] {
	return []setting[Agent]{
		{key: "agent.node_user", flag: "node-user", env: "ZEEKFLEET_AGENT_NODE_USER",
			doc:   "user as whom root's agent runs nodes and asks Zeek, such as zeek; nodes that capture keep CAP_NET_RAW (default: the agent's own user)",
			field: func(a *Agent) value { return wordAt(&a.Process.NodeUser, "user") }},
		{key: "agent.limits_by", flag: "limits-by", env: "ZEEKFLEET_AGENT_LIMITS_BY", initial: string(LimitsAuto),
			doc: "what bounds the memory and the processors of nodes: systemd (a scope for each node), cgroup (groups that the agent makes), rlimit (single processes, no CPU weight), or auto (the first that works here)",
			field: func(a *Agent) value {
				return choiceAt(&a.Process.LimitsBy, "way", LimitsAuto, LimitsSystemd, LimitsGroup, LimitsRlimit)
			}},
	}
}
