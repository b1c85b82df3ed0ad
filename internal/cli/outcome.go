package cli

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/zeekfleet/zeekfleet/client"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// The exit statuses of all commands.
const (
	StatusDone   = 0 // what was asked for is done
	StatusFailed = 1 // it was refused, or failed, at least in part
	StatusMisuse = 2 // the command line makes no sense
)

// An Outcome is what a command has to say once the controller has answered.
type Outcome struct {
	// Document goes to standard output; nil is nothing. See Render.
	Document any
	// Errors and Warnings go to standard error, a line each.
	Errors, Warnings []string
	// Status is the exit status.
	Status int
}

// Render returns the document as it is printed: JSON on several lines if pretty,
// else on one.
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

// wrapped is the document of most commands.
func wrapped(results document, errors []any) document {
	return document{"results": results, "errors": errors}
}

// sourced is an entry in a document's errors; an empty source or text is null.
func sourced(source, text string) document {
	return document{"source": nullable(source), "error": nullable(text)}
}

// failed is the entry of a failed result: of its node, or else its instance, or
// else of the controller.
func failed(r client.Result) document {
	return sourced(cmp.Or(string(r.Node), string(r.Instance)), cmp.Or(r.Error, noReason))
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// failedIf is the exit status of commands that report their errors in the
// document.
func failedIf(errors []any) int {
	if len(errors) > 0 {
		return StatusFailed
	}
	return StatusDone
}

// StageOutcome is the outcome of staging (spec zeek-client 9.2).
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
	return o
}

// DeployOutcome is the outcome of deploying (spec zeek-client 9.1). Unlike
// zeek-client's, the document's errors have those of nodes, too.
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
		case r.Node == "" && r.Error != "": // what there is to say of an instance that was left out
			o.Warnings = append(o.Warnings, r.Error)
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
	return o
}

// failure says of a failed result whose it is, unless it says so itself, and why.
// A controller of Zeek's gives no reason for a node, but what it printed.
func failure(r client.Result) string {
	why := cmp.Or(r.Error, noReason)
	if out, ok := r.Data.(client.NodeOutputs); ok && r.Error == "" {
		if said := mgmt.NodeOutputs(out).TellingLine(); said != "" {
			why += "; it printed: " + said
		}
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

// describe returns r for a message.
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

// dataProblem says what is wrong with data of the wrong type.
func dataProblem(data client.Data) string {
	if bad, ok := data.(client.BadData); ok {
		return bad.Reason
	}
	return fmt.Sprintf("unexpected %T", data)
}

// GetIDValueOutcome is the outcome of asking for an identifier's value (spec
// zeek-client 9.4). Unlike zeek-client's, the document names the instance that
// failed as a whole.
func GetIDValueOutcome(results []client.Result) Outcome {
	var o Outcome
	values, errors := document{}, []any{}
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
		}
	}
	o.Document, o.Status = wrapped(values, errors), failedIf(errors)
	return o
}

// RestartOutcome is the outcome of restarting nodes (spec zeek-client 9.7).
// Unlike zeek-client's it fails if a node did, and its document's errors have that
// node's.
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
			if !r.Success {
				errors = append(errors, failed(r))
			}
		}
	}
	o.Document, o.Status = wrapped(restarted, errors), failedIf(errors)
	return o
}

// TestTimeoutOutcome is the outcome of the timeout test (spec zeek-client 9.11):
// that the request failed is what was asked for.
func TestTimeoutOutcome(r client.Result) Outcome {
	return Outcome{Document: document{"success": r.Success, "error": nullable(r.Error)}}
}

// ordered returns results by instance, those without one last, and within one
// by node; results that compare alike keep their order.
func ordered(results []client.Result) []client.Result {
	results = slices.Clone(results)
	slices.SortStableFunc(results, func(a, b client.Result) int {
		switch {
		case a.Instance != b.Instance && a.Instance == "":
			return 1
		case a.Instance != b.Instance && b.Instance == "":
			return -1
		}
		return cmp.Or(cmp.Compare(a.Instance, b.Instance), cmp.Compare(a.Node, b.Node))
	})
	return results
}
