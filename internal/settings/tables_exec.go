package settings

import (
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// execTable lists the settings about commands that admins may run on the host.
func execTable() []setting[Agent] {
	return []setting[Agent]{
		{key: "agent.exec", flag: "exec", env: "ZEEKFLEET_AGENT_EXEC",
			doc:   "commands that admins may run on this host (zeekfleet exec), separated by semicolons: the absolute path of a program and its arguments, where {name}, {number} and {a|b} stand for one argument; empty for none",
			field: func(a *Agent) value { return hostCommandsAt(&a.Exec.Commands) }},
		{key: "agent.exec_user", flag: "exec-user", env: "ZEEKFLEET_AGENT_EXEC_USER",
			doc:   "user as whom these commands run (default: nobody if the agent runs as root, else the agent's own)",
			field: func(a *Agent) value { return wordAt(&a.Exec.User, "user") }},
		{key: "agent.exec_timeout", flag: "exec-timeout", env: "ZEEKFLEET_AGENT_EXEC_TIMEOUT", initial: "20s",
			doc:   "how long such a command may run before it is killed",
			field: func(a *Agent) value { return durationAt(&a.Exec.Timeout, time.Second, mgmt.MaxHostCommandTime) }},
	}
}

// hostCommandsAt reads commands.
func hostCommandsAt(p *[]mgmt.HostCommand) value {
	v := at(p, "commands", mgmt.ParseHostCommands, func(all []mgmt.HostCommand) string {
		var texts []string
		for _, c := range all {
			texts = append(texts, c.String())
		}
		return strings.Join(texts, "; ")
	})
	v.list = func(items []string) (string, error) { return strings.Join(items, "; "), nil }
	return v
}
