package controller_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// renderer prints effects. It calls the request IDs that the machine makes #1,
// #2 and so on.
type renderer struct{ names map[mgmt.ReqID]string }

func (r renderer) id(id mgmt.ReqID) string {
	if len(id) != 18 {
		return string(id)
	}
	if r.names[id] == "" {
		r.names[id] = "#" + strconv.Itoa(len(r.names)+1)
	}
	return r.names[id]
}

var levels = map[note.Level]string{
	controller.Debug: "debug", controller.Info: "info", controller.Warn: "warn", controller.Error: "error",
}

func (r renderer) effect(e controller.Effect) []string {
	switch e := e.(type) {
	case controller.Save:
		return []string{"save " + renderState(e.State)}
	case controller.ToAgent:
		return []string{fmt.Sprintf("%s to %s: %s", e.Instance, e.Peer, r.request(e.Msg))}
	case controller.Refuse:
		return []string{fmt.Sprintf("refuse %s %s: %s", e.Instance, e.Peer, e.Reason)}
	case controller.Reply:
		return r.reply(e)
	case controller.Connect:
		return []string{fmt.Sprintf("connect %s %s", e.Instance, e.Addr)}
	case controller.Disconnect:
		return []string{fmt.Sprintf("disconnect %s %s", e.Instance, e.Addr)}
	case controller.Note:
		var line strings.Builder
		line.WriteString(levels[e.Level] + ": " + e.Text)
		for _, field := range [][2]string{
			{"instance", string(e.Instance)}, {"node", string(e.Node)}, {"peer", string(e.Peer)},
			{"reqid", r.id(e.ReqID)}, {"err", e.Err},
		} {
			if field[1] != "" {
				line.WriteString(fmt.Sprintf(" %s=%s", field[0], quoted(field[1])))
			}
		}
		return []string{line.String()}
	}
	return []string{fmt.Sprintf("unknown effect %T", e)}
}

func quoted(s string) string {
	if strings.Contains(s, " ") {
		return strconv.Quote(s)
	}
	return s
}

func renderState(s controller.State) string {
	name := func(e *controller.Entry) string {
		if e == nil {
			return "-"
		}
		return fmt.Sprintf("%s(r%d)", e.Config.ID, e.Revision)
	}
	var text strings.Builder
	text.WriteString(fmt.Sprintf("staged %s ready %s deployed %s", name(s.Staged), name(s.Ready), name(s.Deployed)))
	for _, e := range s.History {
		text.WriteString(fmt.Sprintf(" before %s", name(&e)))
	}
	for _, name := range s.Refused {
		text.WriteString(fmt.Sprintf(" refused by %s", name))
	}
	for _, l := range s.Leaving {
		text.WriteString(fmt.Sprintf(" leaving %s", l.Instance.Name))
	}
	return text.String()
}

// agentRequest returns what kind of request msg is, and its ID.
func agentRequest(msg mgmt.Message) (kind string, id mgmt.ReqID) {
	switch msg := msg.(type) {
	case mgmt.AgentWelcomeRequest:
		return "welcome", msg.ReqID
	case mgmt.AgentStandbyRequest:
		return "standby", msg.ReqID
	case mgmt.AgentPrepareRequest:
		return "prepare", msg.ReqID
	case mgmt.AgentDeployRequest:
		return "deploy", msg.ReqID
	case mgmt.AgentGetNodesRequest:
		return "nodes", msg.ReqID
	case mgmt.AgentDispatchRequest:
		return "dispatch", msg.ReqID
	case mgmt.AgentRestartRequest:
		return "restart", msg.ReqID
	}
	return fmt.Sprintf("%T", msg), ""
}

func (r renderer) request(msg mgmt.Message) string {
	kind, id := agentRequest(msg)
	text := kind + " " + r.id(id)
	switch msg := msg.(type) {
	case mgmt.AgentPrepareRequest:
		return fmt.Sprintf("%s within %v of %v: %s", text, msg.Look, msg.Whole, renderCluster(msg.Config))
	case mgmt.AgentDeployRequest:
		if msg.Force {
			text += " forced"
		}
		return text + " " + renderCluster(msg.Config)
	case mgmt.AgentDispatchRequest:
		return text + " " + strings.Join(msg.Action, " ") + renderNames(msg.Nodes)
	case mgmt.AgentRestartRequest:
		return text + renderNames(msg.Nodes)
	}
	return text
}

func renderNames(names []mgmt.NodeName) string {
	var text strings.Builder
	for _, n := range names {
		text.WriteString(" " + string(n))
	}
	return text.String()
}

func renderCluster(c mgmt.Configuration) string {
	words := []string{c.ID}
	for _, in := range c.Instances {
		word := string(in.Name) + "@" + in.Host.String()
		if in.ListenPort != nil {
			word += fmt.Sprintf(":%d", in.ListenPort.Number)
		}
		words = append(words, word)
	}
	words = append(words, "|")
	for _, n := range c.Nodes {
		words = append(words, fmt.Sprintf("%s@%s:%s:%s", n.Name, n.Instance, renderPort(n.Port), renderPort(n.MetricsPort)))
	}
	return strings.Join(words, " ")
}

func renderPort(p *mgmt.Port) string {
	if p == nil {
		return ""
	}
	return strconv.Itoa(int(p.Number))
}

// clientResponse takes a response apart.
func clientResponse(msg mgmt.Message) (kind string, id mgmt.ReqID, results []mgmt.Result) {
	switch msg := msg.(type) {
	case mgmt.StageConfigurationResponse:
		return "stage", msg.ReqID, msg.Results
	case mgmt.DeployResponse:
		return "deploy", msg.ReqID, msg.Results
	case mgmt.GetConfigurationResponse:
		return "get_configuration", msg.ReqID, []mgmt.Result{msg.Result}
	case mgmt.GetInstancesResponse:
		return "get_instances", msg.ReqID, []mgmt.Result{msg.Result}
	case mgmt.GetNodesResponse:
		return "get_nodes", msg.ReqID, msg.Results
	case mgmt.GetIDValueResponse:
		return "get_id_value", msg.ReqID, msg.Results
	case mgmt.RestartResponse:
		return "restart", msg.ReqID, msg.Results
	case mgmt.TestTimeoutResponse:
		return "test_timeout", msg.ReqID, []mgmt.Result{msg.Result}
	}
	return fmt.Sprintf("%T", msg), "", nil
}

func (r renderer) reply(e controller.Reply) []string {
	if tell, ok := e.Msg.(mgmt.DeployProgress); ok {
		return []string{fmt.Sprintf("tell %s of %s: %s", e.Client, tell.ReqID, tell.Text)}
	}
	kind, id, results := clientResponse(e.Msg)
	lines := []string{fmt.Sprintf("answer %s %s %s", e.Client, kind, id)}
	for _, result := range results {
		if result.ReqID != id {
			lines = append(lines, "  foreign reqid "+string(result.ReqID))
		}
		lines = append(lines, "  "+renderResult(result))
	}
	return lines
}

func renderResult(r mgmt.Result) string {
	words := []string{"fail"}
	if r.Success {
		words[0] = "ok"
	}
	words = append(words, string(r.Instance), string(r.Node), renderData(r.Data))
	if r.Error != "" {
		words = append(words, strconv.Quote(r.Error))
	}
	return strings.Join(slices.DeleteFunc(words, func(w string) bool { return w == "" }), " ")
}

func renderData(data mgmt.Data) string {
	switch data := data.(type) {
	case nil:
		return ""
	case mgmt.Text:
		return "= " + string(data)
	case mgmt.Instances:
		return "= " + strings.TrimSpace(renderCluster(mgmt.Configuration{Instances: data}))
	case mgmt.Configuration:
		return "= " + renderCluster(data)
	case mgmt.NodeOutputs:
		return fmt.Sprintf("= stdout %q stderr %q", data.Stdout, data.Stderr)
	case mgmt.NodeStatuses:
		var words []string
		for _, s := range data {
			words = append(words, fmt.Sprintf("%s/%s", s.Node, s.State))
		}
		return "= " + strings.Join(words, ",")
	}
	return fmt.Sprintf("= %T", data)
}
