package agent_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

func TestAnnouncementsAreBounded(t *testing.T) {
	long := strings.Repeat("x", 101)
	many := append(slices.Repeat([]string{"get_id_value"}, 100), "get_stats")
	for name, dispatches := range map[string][]string{"too long a name": {long}, "too many": many} {
		t.Run(name, func(t *testing.T) {
			w := running(t, agent.Config{}, nodes("worker")...)
			w.Step(agent.FromNode{Peer: "worker#1", Msg: mgmt.NotifyDispatches{Node: "worker", Dispatches: dispatches}})
			last := dispatches[len(dispatches)-1]
			w.ask(mgmt.AgentDispatchRequest{ReqID: "q1", Action: []string{last}})
			want := `-> controller  dispatch q1 answered: fail worker@host "dispatch ` + last[:min(len(last), 100)] + ` unknown; the node knows `
			if got := w.said(); !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, want) }) {
				t.Errorf("got %q, want %q among it", got, want)
			}
		})
	}
}
