package sim

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// renderer turns what was said or done into text.
type renderer struct {
	// id returns what a request ID is called.
	id func(mgmt.ReqID) string
}

func (r renderer) text(what any) string {
	switch e := what.(type) {
	case string:
		return e
	case lost:
		return "connection lost"
	case agent.State:
		return "saves " + renderConfig(e.Desired)
	case controller.State:
		return fmt.Sprintf("saves staged %s, deployed %s%s", renderEntry(e.Staged), renderEntry(e.Deployed), renderLeaving(e.Leaving)+renderRefused(e.Refused))
	case agent.Start:
		return fmt.Sprintf("starts %s, launch %d", e.Plan.Node.Name, e.Launch)
	case agent.Stop:
		return fmt.Sprintf("stops %s, launch %d", e.Node, e.Launch)
	case controller.Connect:
		return fmt.Sprintf("dials %s at %s", e.Instance, e.Addr)
	case controller.Disconnect:
		return fmt.Sprintf("dials %s no more", e.Instance)
	case note.Note:
		return r.note(e.Text, "instance", e.Instance, "node", e.Node, "peer", e.Peer, "reqid", e.ReqID, "err", e.Err)
	}
	return r.message(what)
}

// note returns a note's text with its attributes, which alternate between name
// and value; an empty value does not apply.
func (r renderer) note(text string, attrs ...any) string {
	var b strings.Builder
	b.WriteString("notes " + text)
	for i := 0; i < len(attrs); i += 2 {
		v := fmt.Sprint(attrs[i+1])
		if id, ok := attrs[i+1].(mgmt.ReqID); ok && id != "" {
			v = r.id(id)
		}
		if v != "" {
			fmt.Fprintf(&b, ", %s %s", attrs[i], v)
		}
	}
	return b.String()
}

func renderEntry(e *controller.Entry) string {
	if e == nil {
		return "nothing"
	}
	return fmt.Sprintf("%s (r%d)", e.Config.ID, e.Revision)
}

func renderLeaving(list []controller.Leaving) string {
	var names []string
	for _, l := range list {
		names = append(names, string(l.Instance.Name))
	}
	if len(names) == 0 {
		return ""
	}
	return ", leaving " + strings.Join(names, " ")
}

func renderRefused(names []mgmt.InstanceName) string {
	var b strings.Builder
	for _, name := range names {
		b.WriteString(", refused by " + string(name))
	}
	return b.String()
}

// renderConfig returns a configuration as "x1: a1=10.0.0.1 b | w1@b w2@a1".
func renderConfig(c mgmt.Configuration) string {
	if c.ID == "" && len(c.Instances) == 0 && len(c.Nodes) == 0 {
		return "nothing"
	}
	var b strings.Builder
	b.WriteString(c.ID + ":")
	for _, in := range c.Instances {
		b.WriteString(" " + string(in.Name))
		if mgmt.KnownHost(in.Host) {
			b.WriteString("=" + in.Host.String())
		}
		if in.ListenPort != nil {
			fmt.Fprintf(&b, ":%d", in.ListenPort.Number)
		}
	}
	b.WriteString(" |")
	for _, n := range c.Nodes {
		fmt.Fprintf(&b, " %s@%s", n.Name, n.Instance)
		if v := n.Env["VARIANT"]; v != "" {
			b.WriteString("/" + v)
		}
	}
	return b.String()
}

func (r renderer) message(what any) string {
	switch m := what.(type) {
	case mgmt.Response:
		kind := mgmt.KindAnswered(m)
		return fmt.Sprintf("%s %s answered: %s", kind.Name(), r.requestID(kind, m.RequestID()), renderResults(m.Outcomes()))
	case mgmt.Request:
		kind := mgmt.KindOf(m)
		return fmt.Sprintf("%s %s%s", kind.Name(), r.requestID(kind, m.RequestID()), renderArguments(m))
	case mgmt.DeployProgress:
		return fmt.Sprintf("deploy %q is told: %s", r.id(m.ReqID), m.Text)
	case mgmt.NotifyAgentHello:
		return fmt.Sprintf("hello, I am %s", m.Instance)
	case mgmt.NotifyNodeHello:
		return fmt.Sprintf("hello, I am %s", m.Node)
	case mgmt.NotifyChange:
		return fmt.Sprintf("%s is %s, was %s", m.Node.Name, m.New, m.Old)
	case mgmt.NotifyError:
		return "error: " + m.Msg
	case mgmt.NotifyLog:
		return "log: " + m.Msg
	}
	return fmt.Sprintf("%T", what)
}

// requestID quotes the IDs that clients choose.
func (r renderer) requestID(kind mgmt.RequestKind, id mgmt.ReqID) string {
	if kind.May != mgmt.NoUser {
		return strconv.Quote(r.id(id))
	}
	return r.id(id)
}

// renderArguments returns the arguments of a request behind its ID.
func renderArguments(req mgmt.Request) string {
	switch m := req.(type) {
	case mgmt.StageConfigurationRequest:
		return " " + renderConfig(m.Config)
	case mgmt.GetIDValueRequest:
		return fmt.Sprintf(" %s of %v", m.ID, m.Nodes)
	case mgmt.RestartRequest:
		return fmt.Sprintf(" %v", m.Nodes)
	case mgmt.GetConfigurationRequest:
		return fmt.Sprintf(", deployed %t", m.Deployed)
	case mgmt.AgentPrepareRequest:
		return " " + renderConfig(m.Config)
	case mgmt.AgentDeployRequest:
		return " " + renderConfig(m.Config)
	case mgmt.AgentRestartRequest:
		return fmt.Sprintf(" %v", m.Nodes)
	case mgmt.AgentDispatchRequest:
		return fmt.Sprintf(" %v to %v", m.Action, m.Nodes)
	case mgmt.NodeDispatchRequest:
		return fmt.Sprintf(" %v to %v", m.Action, m.Nodes)
	}
	return ""
}

// short returns what is enough of a request ID to tell it from others.
func short(id mgmt.ReqID) string { return string(id[:min(len(id), 6)]) }

func renderResults(results []mgmt.Result) string {
	var list []string
	for _, r := range results {
		list = append(list, renderResult(r))
	}
	return strings.Join(list, "; ")
}

// renderResult returns a result as "w1@a1 yes" or "a1 no: reason".
func renderResult(r mgmt.Result) string {
	who := string(r.Instance)
	if r.Node != "" {
		who = fmt.Sprintf("%s@%s", r.Node, r.Instance)
	}
	verdict := "yes"
	if !r.Success {
		verdict = "no: " + r.Error
	}
	return strings.Join(slices.DeleteFunc([]string{who, verdict, renderData(r.Data)}, func(s string) bool { return s == "" }), " ")
}

func renderData(data mgmt.Data) string {
	switch d := data.(type) {
	case mgmt.Text:
		return string(d)
	case mgmt.Configuration:
		return renderConfig(d)
	case mgmt.Instances:
		var names []string
		for _, in := range d {
			names = append(names, string(in.Name))
		}
		return strings.Join(names, " ")
	case mgmt.NodeStatuses:
		var list []string
		for _, s := range d {
			list = append(list, fmt.Sprintf("%s=%s", s.Node, s.State))
		}
		return "[" + strings.Join(list, " ") + "]"
	}
	return ""
}
