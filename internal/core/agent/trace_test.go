package agent_test

import (
	"fmt"
	"strings"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// note adds a line to the trace.
func (w *world) note(e agent.Effect) {
	var line string
	switch e := e.(type) {
	case agent.Save:
		line = fmt.Sprintf("save %d nodes", len(e.State.Desired.Nodes))
	case agent.Preflight:
		var names []string
		for _, p := range e.Start {
			names = append(names, string(p.Node.Name))
		}
		line = fmt.Sprintf("look at %v", names)
	case agent.Start:
		line = fmt.Sprintf("start %s", e.Plan.Node.Name)
	case agent.Stop:
		line = fmt.Sprintf("stop %s", e.Node)
	case agent.ToController:
		line = message(e)
	case agent.ToNodes:
		var peers []mgmt.PeerID
		for _, to := range e.To {
			peers = append(peers, to.Peer)
		}
		line = fmt.Sprintf("ask %v %v of %v", peers, e.Msg.Action, e.Msg.Nodes)
	case agent.Drop:
		line = fmt.Sprintf("drop %s", e.Peer)
	case agent.StoppedAll:
		line = "all stopped"
	case agent.Note:
		if !w.notes {
			return
		}
		line = strings.TrimRight(fmt.Sprintf("note %s: %s%s %s", e.Text, e.Node, e.Peer, e.Err), " ")
	}
	w.trace = append(w.trace, fmt.Sprintf("%-5s %s", w.now.Sub(w.epoch), line))
}

func message(e agent.ToController) string {
	var line string
	switch msg := e.Msg.(type) {
	case mgmt.NotifyChange:
		return fmt.Sprintf("%s: %s to %s", msg.Node.Name, msg.Old, msg.New)
	case mgmt.NotifyError:
		return "error " + msg.Msg
	case mgmt.NotifyLog:
		return "log " + msg.Msg
	case mgmt.NotifyAgentHello:
		return fmt.Sprintf("hello %s to %s", msg.Instance, e.Peer)
	case mgmt.AgentDeployResponse:
		line = answer("deploy", msg.ReqID, msg.Results...)
	case mgmt.AgentPrepareResponse:
		line = answer("prepare", msg.ReqID, msg.Results...)
	case mgmt.AgentRestartResponse:
		line = answer("restart", msg.ReqID, msg.Results...)
	case mgmt.AgentDispatchResponse:
		line = answer("dispatch", msg.ReqID, msg.Results...)
	case mgmt.AgentStandbyResponse:
		line = answer("standby", msg.ReqID, msg.Result)
	case mgmt.AgentWelcomeResponse:
		line = answer("welcome", msg.ReqID, msg.Result)
	case mgmt.AgentGetNodesResponse:
		line = answer("nodes", msg.ReqID, msg.Result)
	default:
		return fmt.Sprintf("%T", msg)
	}
	if e.Peer != controller {
		line += " to " + string(e.Peer)
	}
	return line
}

func answer(what string, id mgmt.ReqID, results ...mgmt.Result) string {
	parts := []string{}
	for _, r := range results {
		part := "ok"
		if !r.Success {
			part = "failed"
		}
		if r.Node != "" {
			part = string(r.Node) + " " + part
		}
		if r.Error != "" {
			part += " (" + r.Error + ")"
		}
		switch data := r.Data.(type) {
		case mgmt.Text:
			part += " " + string(data)
		case mgmt.NodeOutputs:
			part += fmt.Sprintf(" %q", data)
		}
		parts = append(parts, part)
	}
	return fmt.Sprintf("answer %s %s: [%s]", what, id, strings.Join(parts, ", "))
}

// expect compares the trace since the last call with want.
func (w *world) expect(want string) {
	w.t.Helper()
	got := w.trace
	w.trace = nil
	var lines []string
	for line := range strings.Lines(want) {
		if line = strings.TrimSpace(line); line != "" {
			at, rest, _ := strings.Cut(line, " ")
			lines = append(lines, fmt.Sprintf("%-5s %s", at, strings.TrimSpace(rest)))
		}
	}
	if diff := cmp.Diff(lines, got); diff != "" {
		w.t.Errorf("trace (-want +got):\n%s", diff)
	}
}

// skip forgets the trace so far.
func (w *world) skip() { w.trace, w.effects = nil, nil }
