package coretest

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// Results takes all words as results, which semicolons separate: "ok|fail
// [NODE@INSTANCE|INSTANCE] [\"ERROR\"] [= DATA]". Without INSTANCE, the result has
// the instance of the agent that answers. DATA is "states NODE=STATE...", "outputs \"STDOUT\"
// \"STDERR\"", "bad \"REASON\"", or a text.
func (a *Args) Results(id mgmt.ReqID, answerer mgmt.InstanceName) (results []mgmt.Result) {
	for _, part := range a.parts() {
		r := part.result()
		r.ReqID = id
		if r.Instance == "" {
			r.Instance = answerer
		}
		a.fail(part.Done())
		results = append(results, r)
	}
	return results
}

func (a *Args) result() (r mgmt.Result) {
	switch verdict := a.Next(); verdict {
	case "ok":
		r.Success = true
	case "fail":
	default:
		a.fail(fmt.Errorf("neither ok nor fail: %q", verdict))
	}
	if a.Left() > 0 && !a.words[0].quoted && a.words[0].text != "=" {
		node, instance, isNode := strings.Cut(a.Next(), "@")
		if !isNode {
			node, instance = "", node
		}
		r.Node, r.Instance = mgmt.NodeName(node), mgmt.InstanceName(instance)
	}
	if a.Left() > 0 && a.words[0].quoted {
		r.Error = a.Next()
	}
	if a.Flag("=") {
		r.Data = a.data()
	}
	return r
}

func (a *Args) data() mgmt.Data {
	switch kind := a.Next(); kind {
	case "states":
		statuses := mgmt.NodeStatuses{}
		for a.Left() > 0 {
			node, state, _ := strings.Cut(a.Next(), "=")
			statuses = append(statuses, mgmt.NodeStatus{Node: mgmt.NodeName(node), State: mgmt.State(state)})
		}
		return statuses
	case "outputs":
		return mgmt.NodeOutputs{Stdout: a.Next(), Stderr: a.Next()}
	case "bad":
		return mgmt.BadData{Reason: a.Next()}
	default:
		return mgmt.Text(kind)
	}
}

// answer writes the answer to a request, each of several results as a line of
// its own.
func answer(kind string, msg mgmt.Response, name func(mgmt.ReqID) string) []string {
	id, results := msg.RequestID(), msg.Outcomes()
	line := kind + " " + quoteID(name(id)) + " answered:"
	switch len(results) {
	case 0:
		return []string{line + " nothing"}
	case 1:
		return append([]string{line + " " + result(results[0], id, name)}, planLines(msg)...)
	}
	lines := []string{line}
	for _, r := range results {
		lines = append(lines, "  "+result(r, id, name))
	}
	return lines
}

// planLines writes the plan that a response carries, or nothing.
func planLines(msg mgmt.Response) (lines []string) {
	response, ok := msg.(mgmt.PlanResponse)
	if !ok || response.Plan == nil {
		return nil
	}
	plan := response.Plan
	lines = append(lines, fmt.Sprintf("  revision %d is deployed", plan.Deployed))
	for _, n := range plan.Nodes {
		line := fmt.Sprintf("  %s %s@%s", n.Action, n.Node, n.Instance)
		if n.Stopped {
			line += " (stopped)"
		}
		if len(n.Because) > 0 {
			line += ": " + strings.Join(n.Because, "; ")
		}
		lines = append(lines, line)
	}
	for _, b := range plan.Bundles {
		line := fmt.Sprintf("  %s bundle %s@%s: %s, was %s", b.Kind, b.Name, b.Instance, hashWord(b.Hash), hashWord(b.Was))
		if b.Missing {
			line += ", missing"
		}
		lines = append(lines, line)
	}
	for _, f := range plan.Fetching {
		lines = append(lines, fmt.Sprintf("  fetching %s@%s: %d of %d bytes", f.Bundle, f.Instance, f.Done, f.Total))
	}
	for _, list := range []struct {
		what     string
		findings []mgmt.PlanFinding
	}{{"problem", plan.Problems}, {"doubt", plan.Doubts}, {"unknown", plan.Unknown}} {
		for _, f := range list.findings {
			what := list.what
			if f.Absent {
				what = "absent, " + what
			}
			if f.Meant != "" {
				what += fmt.Sprintf(" (meant: %s)", f.Meant)
			}
			lines = append(lines, fmt.Sprintf("  %s %s@%s: %s%s%s", what, f.Node, f.Instance, f.Text, f.Outputs.Stdout, f.Outputs.Stderr))
		}
	}
	return lines
}

// result writes a result as Args.result reads it. It adds the result's request ID if
// the answer has another one.
func result(r mgmt.Result, id mgmt.ReqID, name func(mgmt.ReqID) string) string {
	words := []string{"fail"}
	if r.Success {
		words[0] = "ok"
	}
	switch {
	case r.Node != "":
		words = append(words, string(r.Node)+"@"+string(r.Instance))
	case r.Instance != "":
		words = append(words, string(r.Instance))
	}
	if r.ReqID != id {
		words = append(words, "reqid="+quoteID(name(r.ReqID)))
	}
	if r.Error != "" {
		words = append(words, fmt.Sprintf("%q", r.Error))
	}
	if r.Data != nil {
		words = append(words, "= "+data(r.Data))
	}
	return strings.Join(words, " ")
}

func data(d mgmt.Data) string {
	switch d := d.(type) {
	case mgmt.Text:
		return quote(string(d))
	case mgmt.Instances:
		return strings.Join(append([]string{"instances"}, instances(d)...), " ")
	case mgmt.Configuration:
		return "configuration " + Configuration(d)
	case mgmt.NodeOutputs:
		return fmt.Sprintf("outputs %q %q", d.Stdout, d.Stderr)
	case mgmt.BadData:
		return fmt.Sprintf("bad %q", d.Reason)
	case mgmt.NodeStatuses:
		words := []string{"states"}
		for _, s := range d {
			words = append(words, fmt.Sprintf("%s=%s", s.Node, s.State))
		}
		return strings.Join(words, " ")
	}
	return plain(reflect.ValueOf(d))
}

// plain writes a value of any type: the name of its type and its fields, or each
// of its elements in brackets.
func plain(v reflect.Value) string {
	words := []string{snake(v.Type().Name())}
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			words = append(words, "["+strings.Join(fieldWords(v.Index(i)), " ")+"]")
		}
	case reflect.Struct:
		words = append(words, fieldWords(v)...)
	default:
		words = append(words, quote(fmt.Sprint(v.Interface())))
	}
	return strings.Join(words, " ")
}
