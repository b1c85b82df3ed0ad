package live

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

const (
	// shownFailures is how many failures a summary shows in full.
	shownFailures = 5
	// shownLines is how many lines a summary shows of what a node printed last.
	shownLines = 10
)

// Summary says how an operation has ended: in one line if all is well; otherwise also what
// failed, why, what the failed nodes printed last, and what to do next.
func Summary(o api.Operation) show.Page {
	switch o.State {
	case api.OperationDone:
		page := show.Page{show.Text{Text: endedWell(o), Tone: show.Good}}
		for _, text := range Later(o) {
			page = append(page, show.Text{Text: text, Tone: show.Warning})
		}
		return page
	case api.OperationRunning:
		text := fmt.Sprintf("Operation %d still runs: %s", o.ID, What(o))
		if o.Doing != "" {
			text += ": " + o.Doing
		}
		return show.Page{show.Text{Text: sentence(text), Tone: show.Warning}}
	}
	head := fmt.Sprintf("%s has failed%s", capital(nounOf(o)), took(o))
	if o.State == api.OperationInterrupted {
		head = fmt.Sprintf("%s was interrupted%s", capital(nounOf(o)), took(o))
	}
	if why := shortError(o); why != "" {
		head += ": " + why
	}
	page := show.Page{show.Text{Text: sentence(head), Tone: show.Bad}}
	t := tallyOf(o)
	var counts []string
	if t.failed > 0 {
		counts = append(counts, fmt.Sprintf("%d failed", t.failed))
	}
	if done := doneText(o); done != "" {
		counts = append(counts, done)
	}
	if t.running > 0 {
		counts = append(counts, fmt.Sprintf("%d under way", t.running))
	}
	if rest := t.skipped + t.waiting; rest > 0 {
		counts = append(counts, fmt.Sprintf("%d not begun", rest))
	}
	if t.work+t.unchanged > 1 {
		page = append(page, show.Text{Text: sentence("Of " + counted(t.work+t.unchanged, "step") + ": " + strings.Join(counts, ", "))})
	}
	page = append(page, failures(o)...)
	for i, next := range nextSteps(o) {
		if i == 0 {
			page = append(page, show.Blank())
		}
		page = append(page, show.Text{Text: next})
	}
	return page
}

// shortError returns why an operation has failed, without what the steps say below it.
func shortError(o api.Operation) string {
	err := o.Error
	if _, first, ok := strings.Cut(err, " results are failures; the first: "); ok {
		err = first // the steps count better
	}
	for _, s := range o.Steps {
		if s.State == api.StepFailed && s.Error != "" {
			return strings.Replace(err, ": "+s.Error, " failed", 1)
		}
	}
	return err
}

// Later says which nodes an operation that is done has left as they are, and why: mostly
// because an agent is not connected, and does what it is to do when it connects.
func Later(o api.Operation) []string {
	var texts []string
	nodes := map[string][]string{}
	for _, s := range o.Steps {
		why := itself(s, cmp.Or(s.Error, s.Because))
		if s.State != api.StepSkipped || why == "" {
			continue
		}
		if nodes[why] == nil {
			texts = append(texts, why)
		}
		nodes[why] = append(nodes[why], nameOf(s))
	}
	for i, why := range texts {
		texts[i] = sentence(fmt.Sprintf("Not done: %s: %s", few(nodes[why]), why))
	}
	return texts
}

// itself says "it" in place of the instance of a step with which a text about it begins.
func itself(s api.OperationStep, text string) string {
	if rest, ok := strings.CutPrefix(text, "instance '"+s.Instance+"' "); ok && s.Node == "" {
		return "it " + rest
	}
	return text
}

// endedWell is the summary of an operation without any fault.
func endedWell(o api.Operation) string {
	var text string
	switch o.Kind {
	case api.KindDeploy:
		text = fmt.Sprintf("Deployed revision %d", o.Revision)
	case api.KindRollback, api.KindRevert:
		text = fmt.Sprintf("Deployed revision %d, with the configuration of revision %d,", o.Revision, o.Of)
	default:
		text = capital(nounOf(o)) + " is done"
	}
	text += took(o)
	if done := doneText(o); done != "" {
		text += ": " + done
	}
	return sentence(text)
}

// took says how long an operation took.
func took(o api.Operation) string {
	if o.Ended.IsZero() {
		return ""
	}
	return " after " + span(o.Ended.Sub(o.Begun))
}

// nounOf names an operation.
func nounOf(o api.Operation) string {
	noun := o.Kind
	switch o.Kind {
	case api.KindDeploy:
		noun = "deployment"
	case api.KindRestart:
		if o.Batch > 0 {
			noun = "rolling restart"
		}
	}
	return fmt.Sprintf("%s (operation %d)", noun, o.ID)
}

// failure is what the same has made fail.
type failure struct {
	step  api.OperationStep
	names []string
}

// failuresOf returns the failures of an operation. Steps that failed in the same way are
// one: a fault in a script makes many nodes fail.
func failuresOf(o api.Operation) []failure {
	var list []failure
	at := map[[3]string]int{}
	for _, s := range o.Steps {
		if s.State != api.StepFailed {
			continue
		}
		name := nameOf(s)
		if s.Node != "" && s.Instance != "" {
			name += " on " + s.Instance
		}
		key := [3]string{s.Error, s.Stderr, s.Stdout}
		i, known := at[key]
		if !known {
			i = len(list)
			at[key] = i
			list = append(list, failure{step: s})
		}
		list[i].names = append(list[i].names, name)
	}
	return list
}

// failures shows the steps that failed.
func failures(o api.Operation) show.Page {
	list := failuresOf(o)
	var page show.Page
	for _, f := range list[:min(len(list), shownFailures)] {
		page = append(page, show.Blank(), show.Text{Text: few(f.names) + ": " + orNoReason(itself(f.step, f.step.Error)), Tone: show.Bad})
		for _, out := range [][2]string{{"stderr", f.step.Stderr}, {"stdout", f.step.Stdout}} {
			if text := lastLines(out[1], shownLines); text != "" {
				page = append(page, show.Text{Text: out[0] + ":", Indent: 2, Tone: show.Faint}, show.Block{Text: text, Indent: 4})
			}
		}
	}
	var rest []string
	for _, f := range list[min(len(list), shownFailures):] {
		rest = append(rest, f.names...)
	}
	if len(rest) > 0 {
		page = append(page, show.Blank(), show.Text{Text: fmt.Sprintf("%d more failed: %s", len(rest), few(rest)), Tone: show.Bad})
	}
	return page
}

func orNoReason(text string) string {
	if text == "" {
		return "no reason given"
	}
	return text
}

// lastLines returns the last lines of what a node printed, without empty lines at its end.
func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, " \t\r\n"), "\n")
	if len(lines) > n {
		lines = lines[len(lines)-n:]
	}
	if len(lines) == 1 && lines[0] == "" {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}

// nextSteps says what a person can do about an operation that did not end well.
func nextSteps(o api.Operation) []string {
	var next []string
	if i := slices.IndexFunc(o.Steps, func(s api.OperationStep) bool { return s.State == api.StepFailed && s.Node != "" }); i >= 0 {
		next = append(next, "Next: zeekfleet diag "+o.Steps[i].Node+" says more about the node.")
	}
	switch {
	case o.Kind == api.KindRestart && o.Batch > 0:
		next = append(next, fmt.Sprintf("Next: zeekfleet restart --resume %d goes on with the nodes that are left.", o.ID))
	case o.RevertedBy > 0: // the error of the operation says so
	case !o.RevertAt.IsZero() && o.Kind == api.KindDeploy:
		next = append(next, "The revision before is deployed again by itself if the nodes are not up at "+o.RevertAt.UTC().Format(time.TimeOnly)+" UTC.")
	case o.Kind == api.KindDeploy && o.Revision > 0 && o.From > 0:
		next = append(next, fmt.Sprintf("Next: zeekfleet rollback %d deploys the revision before again.", o.From))
	}
	return next
}

func capital(text string) string { return strings.ToUpper(text[:1]) + text[1:] }

// sentence ends a text with a full stop.
func sentence(text string) string { return strings.TrimRight(text, ". \n") + "." }
