package coretest

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// AgentEntry returns the entry of an agent's effect. No other core is on the stage.
func AgentEntry(e agent.Effect) Entry {
	switch e := e.(type) {
	case agent.ToController:
		if e.Peer == "" {
			return Entry{To: "everyone", What: e.Msg}
		}
		return Entry{To: string(e.Peer), What: e.Msg}
	case agent.ToNodes:
		var to []string
		for _, node := range e.To {
			to = append(to, string(node.Peer))
		}
		return Entry{To: strings.Join(to, " "), What: e.Msg}
	}
	return Entry{What: e}
}

// agentEffect returns an effect of an agent as text, and "" for other values.
func agentEffect(effect any) string {
	switch e := effect.(type) {
	case agent.Save:
		return agentState(restored(e.Changes))
	case agent.Fetch:
		return fmt.Sprintf("fetch from %s %s", e.Peer, bundles(e.Bundles))
	case agent.Use:
		return "use " + cmp.Or(bundles(e.Bundles), "no bundles")
	case agent.Preflight:
		var names []string
		for _, plan := range e.Start {
			names = append(names, string(plan.Node.Name))
		}
		return "preflight " + strings.Join(names, " ")
	case agent.Start:
		return fmt.Sprintf("start %s, launch %d", e.Plan.Node.Name, e.Launch)
	case agent.Stop:
		text := fmt.Sprintf("stop %s, launch %d", e.Node, e.Launch)
		if e.Within != 0 {
			text += fmt.Sprintf(" within %v", e.Within)
		}
		return text
	case agent.Limit:
		return fmt.Sprintf("limit %s, launch %d: %s", e.Node, e.Launch, cmp.Or(strings.TrimPrefix(limitWords(e.Limits), ","), "none"))
	case agent.Tell:
		return fmt.Sprintf("tell %s what happened after %d", e.Peer, e.After)
	case agent.Measured:
		return fmt.Sprintf("figures of %s, launch %d: %s", e.Node, e.Launch, e.Figures)
	case agent.Obeys:
		return fmt.Sprintf("obeys %s (%s) in term %d", e.Controller, e.Peer, e.Term)
	case agent.Ordered:
		return fmt.Sprintf("does what %s orders in term %d: %s", e.Controller, e.Term, mgmt.KindOf(e.Order).Name())
	case agent.RefusedOrder:
		return fmt.Sprintf("refuses an order of %s: %s", e.Peer, e.Reason)
	case agent.Controllers:
		return "dials " + strings.Join(e.Addresses, ", ")
	case agent.Drop:
		return fmt.Sprintf("drop %s: %s", e.Peer, e.Reason)
	case agent.StoppedAll:
		return "all stopped"
	}
	return ""
}

// restored is the state that an agent saves with these changes.
func restored(changes []agent.Change) agent.State {
	values := map[string][]byte{}
	for _, c := range changes {
		values[c.Key] = c.Value
	}
	s, err := agent.Restore(values)
	if err != nil {
		panic(fmt.Sprintf("coretest: an agent saves what it cannot read: %v", err))
	}
	return s
}

func agentState(s agent.State) string {
	text := "save nothing"
	if s.Told {
		text = "save " + Configuration(s.Desired)
	}
	if len(s.Stopped) > 0 {
		text += " stopped " + mgmt.FewNames(s.Stopped, len(s.Stopped))
	}
	if len(s.Paused) > 0 {
		text += " paused " + mgmt.FewNames(s.Paused, len(s.Paused))
	}
	if s.Term > 0 {
		text += fmt.Sprintf(" term %d", s.Term)
	}
	return text
}
