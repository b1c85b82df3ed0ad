package live

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// actionWords are what a step does, while it runs and when it is done.
var actionWords = map[string][2]string{
	api.ActionNone:    {"checking", "unchanged"},
	api.ActionStart:   {"starting", "started"},
	api.ActionStop:    {"stopping", "stopped"},
	api.ActionRestart: {"restarting", "restarted"},
	api.ActionPause:   {"pausing", "paused"},
	api.ActionResume:  {"resuming", "resumed"},
	api.ActionOptions: {"setting options", "got other options"},
	api.ActionLimits:  {"setting limits", "got other limits"},
}

// StateOf says how far a step is.
func StateOf(s api.OperationStep) show.Cell {
	words := actionWords[s.Action]
	switch s.State {
	case api.StepRunning:
		return show.Cell{Text: cmp.Or(words[0], "running"), Tone: show.Warning}
	case api.StepDone:
		return show.Cell{Text: cmp.Or(words[1], "done"), Tone: show.Good}
	case api.StepFailed:
		return show.Cell{Text: "FAILED", Tone: show.Bad}
	case api.StepSkipped:
		return show.Cell{Text: "not begun", Tone: show.Faint}
	}
	return show.Cell{Text: "waiting", Tone: show.Faint}
}

// nameOf returns the node of a step, or else its instance.
func nameOf(s api.OperationStep) string {
	if s.Node == "" {
		return "instance " + s.Instance
	}
	return s.Node
}

// What says what an operation does, such as "rolling restart of @workers, 2 nodes at a time".
func What(o api.Operation) string {
	text := o.Kind
	if o.Batch > 0 {
		text = "rolling " + text
	}
	if o.Of > 0 {
		text += fmt.Sprintf(" to revision %d", o.Of)
	}
	if len(o.Selectors) > 0 {
		text += " of " + few(o.Selectors)
	}
	if o.Batch > 0 {
		text += fmt.Sprintf(", %s at a time", counted(o.Batch, "node"))
	}
	if o.Resumes > 0 {
		text += fmt.Sprintf(", which goes on with operation %d", o.Resumes)
	}
	return text
}

// titleOf says what an operation does, who began it, and why.
func titleOf(o api.Operation) string {
	text := fmt.Sprintf("Operation %d: %s", o.ID, What(o))
	if o.Who != "" {
		text += ", by " + o.Who
	}
	if o.Note != "" {
		text += ": " + strconv.Quote(o.Note)
	}
	return text
}

// isWork reports whether a step is one that has something to do: a node that stays as it
// is only counts.
func isWork(s api.OperationStep) bool {
	return s.Action != api.ActionNone || s.State == api.StepFailed || s.Error != ""
}

// tally counts the steps of an operation.
type tally struct{ work, done, failed, running, waiting, skipped, unchanged int }

func tallyOf(o api.Operation) tally {
	var t tally
	for _, s := range o.Steps {
		if !isWork(s) {
			if s.Node != "" {
				t.unchanged++
			}
			continue
		}
		t.work++
		switch s.State {
		case api.StepDone:
			t.done++
		case api.StepFailed:
			t.failed++
		case api.StepRunning:
			t.running++
		case api.StepSkipped:
			t.skipped++
		default:
			t.waiting++
		}
	}
	return t
}

// idleWords say why an operation has left nodes as they are.
var idleWords = map[string]string{
	api.KindStart: "running already", api.KindStop: "stopped already", api.KindPause: "paused already", api.KindResume: "not paused",
}

// doneText says in words what an operation has done with nodes, such as "3 nodes restarted, 1
// started".
func doneText(o api.Operation) string {
	counts := map[string]int{}
	for _, s := range o.Steps {
		if s.State == api.StepDone && s.Node != "" {
			counts[s.Action]++
		}
	}
	var parts []string
	for _, action := range []string{
		api.ActionRestart, api.ActionStart, api.ActionStop, api.ActionOptions, api.ActionLimits, api.ActionPause, api.ActionResume, api.ActionNone,
	} {
		n, word := counts[action], actionWords[action][1]
		if action == api.ActionNone {
			word = cmp.Or(idleWords[o.Kind], word)
		}
		switch {
		case n == 0:
		case len(parts) == 0:
			parts = append(parts, counted(n, "node")+" "+word)
		default:
			parts = append(parts, strconv.Itoa(n)+" "+word)
		}
	}
	return strings.Join(parts, ", ")
}

// counted returns a number with what it counts.
func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// few returns a list, with the number of those that it leaves out.
func few(names []string) string {
	const most = 5
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// seconds is span for a clock that runs.
func seconds(d time.Duration) string {
	if d < time.Minute {
		return fmt.Sprintf("%ds", max(int(d.Seconds()), 0))
	}
	return span(d)
}

// span returns a time in at most two units.
func span(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < 10*time.Second:
		return fmt.Sprintf("%.1fs", d.Seconds())
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm %02ds", int(d.Minutes()), int(d.Seconds())%60)
	}
	return fmt.Sprintf("%dh %02dm", int(d.Hours()), int(d.Minutes())%60)
}
