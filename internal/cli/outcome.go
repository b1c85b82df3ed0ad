package cli

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strconv"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The exit statuses of all commands.
const (
	StatusDone   = 0 // the command did everything that the user asked for
	StatusFailed = 1 // the request was refused, or failed at least in part
	StatusMisuse = 2 // the command line is wrong
	// StatusChanges is that of a plan with changes, if the user has asked for that.
	StatusChanges = 3
	// StatusRemoved is that of a controller which the others have removed. To start it again is
	// of no use: the unit of systemd knows this status.
	StatusRemoved = 4
	// StatusInterrupted says that the user has interrupted a command that follows an
	// operation, which goes on: 128 and the number of SIGINT, as shells have it.
	StatusInterrupted = 130
)

// An Outcome is the output of a command after the controller's answer.
type Outcome struct {
	// Document goes to standard output. A nil Document prints nothing. See
	// Render.
	Document any
	// Page returns what a person sees of the document. Nil means that a person sees the
	// document itself.
	Page func() show.Page
	// Errors and Warnings go to standard error, one line each.
	Errors, Warnings []string
	// Status is the exit status.
	Status int
}

// Render returns the text of the document: JSON on several lines if pretty, else
// JSON on one line; a configuration in INI form as it is.
func (o Outcome) Render(pretty bool) string {
	switch d := o.Document.(type) {
	case nil:
		return ""
	case plainText:
		return string(d)
	default:
		return renderJSON(d, pretty)
	}
}

// fail adds a message and makes the status a failure.
func (o *Outcome) fail(format string, args ...any) {
	o.Errors = append(o.Errors, fmt.Sprintf(format, args...))
	o.Status = StatusFailed
}

// noReason stands for the error text of a result that has none.
const noReason = "no reason given"

// wrapped returns the form of document that most commands print.
func wrapped(results document, errors []any) document {
	return document{"results": results, "errors": errors}
}

// sourced returns an entry of a document's errors. An empty source or text
// becomes null.
func sourced(source, text string) document {
	return document{"source": nullable(source), "error": nullable(text)}
}

// failed returns the entry of a failed result. The source is the result's node,
// or else its instance, or else null for the controller. The error is null if none is
// given.
func failed(r client.Result) document {
	return sourced(cmp.Or(string(r.Node), string(r.Instance)), r.Error)
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// failedIf returns the exit status of a command whose document has these errors.
func failedIf(errors []any) int {
	if len(errors) > 0 {
		return StatusFailed
	}
	return StatusDone
}

// StageOutcome returns the outcome of staging (spec zeek-client 9.2).
func StageOutcome(results []client.Result) Outcome {
	var o Outcome
	found, errors := document{}, []any{}
	for _, r := range results {
		if !r.Success {
			errors = append(errors, cmp.Or(r.Error, noReason))
			o.Status = StatusFailed
		} else if id, ok := r.Data.(client.Text); ok {
			found["id"] = string(id)
		}
	}
	o.Document = wrapped(found, errors)
	o.Page = func() show.Page {
		id, _ := found["id"].(string)
		return stagePage(id, errors)
	}
	return o
}

// DeployOutcome returns the outcome of deploying (spec zeek-client 9.1). Unlike
// zeek-client, it puts the errors of nodes into the document's errors too.
func DeployOutcome(results []client.Result) Outcome {
	var o Outcome
	found, errors, nodes := document{}, []any{}, document{}
	for _, r := range results {
		id, isText := r.Data.(client.Text)
		switch {
		case !r.Success:
			errors = append(errors, failure(r))
		case r.Node == "" && r.Instance == "" && isText:
			found["id"] = string(id)
		case r.Instance == "":
			o.Warnings = append(o.Warnings, "skipping unexpected response "+describe(r))
		case r.Node == "" && r.Error != "": // the deployment left this instance out
			o.Warnings = append(o.Warnings, r.Error)
		case r.Error != "": // a user has stopped the node, and it stays so
			o.Warnings = append(o.Warnings, fmt.Sprintf("node %s: %s", r.Node, r.Error))
		}
		if r.Node == "" || r.Instance == "" {
			continue
		}
		entry := document{"success": r.Success, "instance": string(r.Instance)}
		switch data := r.Data.(type) {
		case nil:
		case client.NodeOutputs:
			entry["stdout"], entry["stderr"] = data.Stdout, data.Stderr
		default:
			errors = append(errors, fmt.Sprintf("invalid result data for node %s: %s", r.Node, dataProblem(data)))
		}
		nodes[string(r.Node)] = entry
	}
	if len(nodes) > 0 {
		found["nodes"] = nodes
	}
	o.Document, o.Status = wrapped(found, errors), failedIf(errors)
	o.Page = func() show.Page { return deployPage(results, errors) }
	return o
}

// failure returns the message about a failed result: the node or the instance,
// and the reason. The result's own text names the instance where there is no
// node. Zeek's controller gives no reason for a node, but sends the output of the
// node; then the message quotes a line of the output.
func failure(r client.Result) string {
	why := cmp.Or(r.Error, noReason)
	if said := saidBy(r); said != "" && r.Error == "" {
		why += "; it printed: " + said
	}
	switch {
	case r.Node != "" && r.Instance != "":
		return fmt.Sprintf("node %s on instance %s: %s", r.Node, r.Instance, why)
	case r.Node != "":
		return fmt.Sprintf("node %s: %s", r.Node, why)
	case r.Instance != "" && r.Error == "":
		return fmt.Sprintf("instance %s: %s", r.Instance, why)
	}
	return why
}

// saidBy returns the line of a node's output that says why it failed. It is empty without
// output.
func saidBy(r client.Result) string {
	out, _ := r.Data.(client.NodeOutputs)
	return mgmt.NodeOutputs(out).TellingLine()
}

// describe returns a short description of r for a message.
func describe(r client.Result) string {
	text := "error"
	switch {
	case r.Success:
		text = "success"
	case r.Error != "":
		text = "error (" + r.Error + ")"
	}
	if r.Node != "" {
		text += " of node " + string(r.Node)
	}
	return text
}

// dataProblem returns the message about data that has not the expected type.
func dataProblem(data client.Data) string {
	if bad, ok := data.(client.BadData); ok {
		return bad.Reason
	}
	return fmt.Sprintf("unexpected %T", data)
}

// GetIDValueOutcome returns the outcome of get-id-value (spec zeek-client 9.4).
// Unlike zeek-client, it names an instance that failed as a whole.
func GetIDValueOutcome(results []client.Result) Outcome {
	var o Outcome
	values, errors := document{}, []any{}
	var nodes []string
	for _, r := range ordered(results) {
		text, isText := r.Data.(client.Text)
		switch {
		case !r.Success:
			errors = append(errors, failed(r))
		case r.Node == "":
			errors = append(errors, document{"error": "result lacking node: " + string(text)})
		case r.Data == nil:
			errors = append(errors, sourced(string(r.Node), "invalid result data type None"))
		case !isText:
			errors = append(errors, sourced(string(r.Node), "invalid result data type: "+dataProblem(r.Data)))
		default:
			v, err := parseJSON(string(text))
			if err != nil {
				errors = append(errors, sourced(string(r.Node), "JSON decode error: "+err.Error()))
				continue
			}
			values[string(r.Node)] = v
			nodes = append(nodes, string(r.Node))
		}
	}
	o.Document, o.Status = wrapped(values, errors), failedIf(errors)
	o.Page = func() show.Page { return valuesPage(nodes, values, errors) }
	return o
}

// RestartOutcome returns the outcome of restarting nodes (spec zeek-client 9.7).
// Unlike zeek-client, it fails if a node fails, and puts the node's error into the
// document's errors.
func RestartOutcome(results []client.Result) Outcome {
	var o Outcome
	restarted, errors := document{}, []any{}
	for _, r := range ordered(results) {
		switch {
		case !r.Success && (r.Instance == "" || r.Node == ""):
			errors = append(errors, failed(r))
		case r.Node == "":
			errors = append(errors, document{"error": "result lacking node: " + describe(r)})
		default:
			restarted[string(r.Node)] = r.Success
			switch {
			case !r.Success:
				errors = append(errors, failed(r))
			case r.Error != "": // a success with a text left the node as it was
				o.Warnings = append(o.Warnings, fmt.Sprintf("node %s was not restarted: %s", r.Node, r.Error))
			}
		}
	}
	o.Document, o.Status = wrapped(restarted, errors), failedIf(errors)
	o.Page = func() show.Page { return restartPage(ordered(results), errors) }
	return o
}

// TestTimeoutOutcome returns the outcome of the timeout test (spec zeek-client
// 9.11). Its status is StatusDone even though the request fails, because the test
// asks for that failure.
func TestTimeoutOutcome(r client.Result) Outcome {
	return Outcome{
		Document: document{"success": r.Success, "error": nullable(r.Error)},
		Page: func() show.Page {
			return show.Page{show.Facts{fact("success", strconv.FormatBool(r.Success)), fact("error", cmp.Or(r.Error, "-"))}}
		},
	}
}

// ordered returns results sorted by instance, then by node. Results without an
// instance come last. The order of equal results stays.
func ordered(results []client.Result) []client.Result {
	results = slices.Clone(results)
	sort.SliceStable(results, func(i, j int) bool {
		a, b := &results[i], &results[j]
		switch {
		case a.Instance != b.Instance && a.Instance == "":
			return false
		case a.Instance != b.Instance && b.Instance == "":
			return true
		}
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Node, b.Node)) < 0
	})
	return results
}
