package settings

// processTable lists the settings about the processes of nodes.
func processTable() []setting[Agent] {
	return []setting[Agent]{
		{key: "agent.limits_by", flag: "limits-by", env: "ZEEKFLEET_AGENT_LIMITS_BY", initial: string(LimitsAuto),
			doc: "what bounds the memory and the processors of nodes: systemd (a scope for each node), cgroup (groups that the agent makes), rlimit (single processes, no CPU weight), or auto (the first that works here)",
			field: func(a *Agent) value {
				return choiceAt(&a.Process.LimitsBy, "way", LimitsAuto, LimitsSystemd, LimitsGroup, LimitsRlimit)
			}},
	}
}
