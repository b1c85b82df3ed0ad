package coretest

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/core/agent"
	"github.com/zeekfleet/zeekfleet/internal/core/controller"
	"github.com/zeekfleet/zeekfleet/internal/core/note"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Entry is something that happened: From sends a message to To, or does something.
type Entry struct {
	// From is empty if the only core of the stage acts.
	From string
	// To is empty if What is not a message.
	To string
	// What is a message, an effect, a saved state, or text.
	What any
	// Heard says that To receives the message. Otherwise From sends it.
	Heard bool
}

// Lines returns the entry as text. name returns the short name of a request ID.
func (e Entry) Lines(name func(mgmt.ReqID) string) []string {
	lines := text(e.What, name)
	switch {
	case e.To == "" && e.From == "":
	case e.To == "":
		lines[0] = e.From + ": " + lines[0]
	case e.Heard:
		lines[0] = e.To + " <- " + e.From + "  " + lines[0]
	default:
		lines[0] = strings.TrimLeft(e.From+" -> "+e.To+"  "+lines[0], " ")
	}
	return lines
}

func text(what any, name func(mgmt.ReqID) string) []string {
	switch what := what.(type) {
	case string:
		return []string{what}
	case note.Note:
		return []string{noteLine(what, name)}
	case note.Happened:
		return []string{happenedLine(what.Happening)}
	case agent.State:
		return []string{agentState(what)}
	case controller.State:
		return []string{controllerState(what)}
	case mgmt.Message:
		return message(what, name)
	}
	for _, effect := range []func(any) string{agentEffect, controllerEffect} {
		if line := effect(what); line != "" {
			return []string{line}
		}
	}
	return []string{fmt.Sprintf("%T", what)}
}

func message(msg mgmt.Message, name func(mgmt.ReqID) string) []string {
	switch msg := msg.(type) {
	case mgmt.Request:
		return []string{request(msg, name)}
	case mgmt.OperationResponse:
		lines := answer(mgmt.KindAnswered(msg).Name(), msg, name)
		if msg.Operation != nil {
			lines[0] += fmt.Sprintf(" operation %d", msg.Operation.ID)
		}
		return lines
	case mgmt.Response:
		return answer(mgmt.KindAnswered(msg).Name(), msg, name)
	case mgmt.NotifyAgentHello:
		return []string{"hello, I am " + string(msg.Instance)}
	case mgmt.NotifyNodeHello:
		return []string{"hello, I am " + string(msg.Node)}
	case mgmt.NotifyChange:
		return []string{fmt.Sprintf("%s is %s, was %s", msg.Node.Name, msg.New, msg.Old)}
	case mgmt.NotifyError:
		return []string{"error: " + msg.Msg}
	case mgmt.NotifyLog:
		return []string{"log: " + msg.Msg}
	case mgmt.NotifyFetching:
		return []string{fmt.Sprintf("%s waits: bundle %s, %d of %d bytes", quoteID(name(msg.ReqID)), msg.Bundle, msg.Done, msg.Total)}
	case mgmt.DeployProgress:
		return []string{fmt.Sprintf("deploy %s is told: %s", quoteID(name(msg.ReqID)), msg.Text)}
	}
	return []string{plain(reflect.ValueOf(msg))}
}

var levels = map[note.Level]string{note.Debug: "debug", note.Info: "info", note.Warn: "warn", note.Error: "error"}

func noteLine(n note.Note, name func(mgmt.ReqID) string) string {
	words := []string{levels[n.Level] + ": " + n.Text}
	for _, attribute := range [][2]string{
		{"instance", string(n.Instance)}, {"node", string(n.Node)}, {"peer", string(n.Peer)},
		{"reqid", name(n.ReqID)}, {"err", n.Err},
	} {
		if key, value := attribute[0], attribute[1]; value != "" {
			words = append(words, key+"="+quote(value))
		}
	}
	return strings.Join(words, " ")
}

// happenedLine leaves out what the other lines of a dialogue show: the time.
func happenedLine(h mgmt.Happening) string {
	words := []string{"happened: " + string(h.Kind)}
	if h.From != "" || h.To != "" {
		words = append(words, strings.TrimSpace(h.From+" > "+h.To))
	}
	for _, attribute := range [][2]string{
		{"instance", string(h.Instance)}, {"node", string(h.Node)}, {"operation", number(uint64(h.Operation))},
		{"revision", number(h.Revision)}, {"pid", number(uint64(h.PID))}, {"who", h.Who}, {"cause", h.Cause},
	} {
		if key, value := attribute[0], attribute[1]; value != "" {
			words = append(words, key+"="+quote(value))
		}
	}
	return strings.Join(words, " ")
}

// number returns a number as text, and nothing for zero.
func number(n uint64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatUint(n, 10)
}
