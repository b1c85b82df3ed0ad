package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/live"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// EventsRequest says which events to print.
type EventsRequest struct {
	// Since is the earliest time. The zero time means all.
	Since time.Time
	// Instance, Node and Kind are those of the events. Empty means all.
	Instance, Node, Kind string
	// Lines bounds the events from before now: the newest are printed. Zero means MaxEvents
	// if there is a Since, and else 50.
	Lines int
	// Follow goes on with events as they happen, until ctx ends.
	Follow bool
	// Pause is the time between two attempts to reach a controller that is away. Zero means
	// a second.
	Pause time.Duration
}

// MaxEvents bounds EventsRequest.Lines.
const MaxEvents = 10_000

// usualEvents is how many events are printed if nobody says how many, or since when.
const usualEvents = 50

// Events prints what has happened, oldest first: a table, or data with one event a line.
func (f Fleet) Events(ctx context.Context, req EventsRequest) int {
	status := f.ask(ctx, func(c *api.Client) error {
		q := api.EventQuery{Since: req.Since, Instance: req.Instance, Node: req.Node, Kind: req.Kind, Limit: req.Lines}
		if q.Limit == 0 {
			q.Limit = usualEvents
			if !q.Since.IsZero() {
				q.Limit = MaxEvents
			}
		}
		newest, err := c.Events(ctx, api.EventQuery{Limit: 1})
		if err != nil {
			return err
		}
		list, err := c.Events(ctx, q)
		if err != nil {
			return err
		}
		if len(list) == q.Limit && req.Lines == 0 && !q.Since.IsZero() {
			f.Log.Notice("there are more than %d events since then: these are the newest ones", MaxEvents)
		}
		out := newEventStream(f.output())
		if err := out.print(list...); err != nil || !req.Follow {
			return err
		}
		for _, e := range append(newest, list...) {
			q.After = max(q.After, e.Seq)
		}
		q.Since = time.Time{}
		return f.followEvents(ctx, c, q, out, cmp.Or(req.Pause, time.Second))
	})
	if req.Follow && ctx.Err() != nil { // the user has ended it
		return StatusDone
	}
	return status
}

// followEvents prints events as they happen. If the controller is away for a while, it goes
// on after the last event.
func (f Fleet) followEvents(ctx context.Context, c *api.Client, q api.EventQuery, out eventStream, pause time.Duration) error {
	for away := false; ; {
		for e, err := range c.StreamEvents(ctx, q) {
			switch {
			case ctx.Err() != nil:
				return nil
			case err != nil && !f.goesOn(err):
				return err
			case err != nil:
				if !away {
					f.Log.Warning("%s; the events go on when the controller is back", f.askMessage(err))
				}
				away = true
				continue // there is nothing after an error
			case away:
				away = false
				f.Log.Notice("controller %s is back", f.where())
			}
			if e.Seq > 0 {
				q.After = e.Seq
			}
			if e.Kind == "" {
				continue // the stream lives
			}
			if err := out.print(e); err != nil {
				return err
			}
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil
		}
	}
}

// goesOn reports whether a stream that has ended with err may go on later.
func (f Fleet) goesOn(err error) bool {
	_, ended := errors.AsType[*api.StreamEndedError](err)
	return ended || f.isAway(err)
}

// eventStream prints events.
type eventStream struct{ *show.Stream }

func newEventStream(out show.Settings) eventStream {
	return eventStream{show.NewStream(out, []show.Column{
		{Head: "TIME (UTC)"}, {Head: "WHAT", Least: 16, Wraps: true}, {Head: "STATE"}, {Head: "WHO", Drop: 1}, {Head: "PID", Drop: 2}, {Head: "WHY", Least: 20, Wraps: true},
	})}
}

func (s eventStream) print(events ...api.Event) error {
	return show.StreamOf(s.Stream, events, eventRow)
}

// eventRow is the line about an event.
func eventRow(e api.Event) []show.Cell {
	pid := "-"
	if e.PID != 0 {
		pid = fmt.Sprint(e.PID)
	}
	state, why := eventState(e)
	if e.Kind == api.EventNode && e.Operation != 0 {
		why = strings.TrimSpace(fmt.Sprintf("%s (operation %d)", why, e.Operation))
	}
	row := show.Row(inUTC(e.Time, toTheSecond), eventSubject(e), "", cmp.Or(e.Who, "-"), pid, cmp.Or(why, "-")+heardLate(e))
	row[2] = state
	return row
}

// stepActions are the actions with which the causes of steps begin.
var stepActions = []string{
	api.ActionNone, api.ActionStart, api.ActionStop, api.ActionRestart, api.ActionOptions, api.ActionLimits, api.ActionPause, api.ActionResume,
}

// eventState returns the state after an event, and why it has come. Operations and their
// steps have words of their own: a step that runs must not look like a node that does.
func eventState(e api.Event) (state show.Cell, why string) {
	switch e.Kind {
	case api.EventStep:
		action, because, _ := strings.Cut(e.Cause, ": ")
		if !slices.Contains(stepActions, action) {
			action, because = "", e.Cause
		}
		state = live.StateOf(api.OperationStep{Action: action, State: e.To})
		if e.To == api.StepFailed || e.To == api.StepSkipped {
			state.Text = strings.TrimSpace(action + " " + state.Text)
		}
		return state, because
	case api.EventOperation:
		text := cmp.Or(e.To, "-")
		if e.From == "" && e.To == api.OperationRunning {
			text = "begun"
		}
		return show.Cell{Text: text, Tone: stateTones[e.To]}, e.Cause
	}
	text := cmp.Or(e.To, "-")
	if e.From != "" && e.From != e.To {
		text = e.From + " → " + text
	}
	return show.Cell{Text: text, Tone: eventTone(e)}, e.Cause
}

// eventSubject says what an event is about.
func eventSubject(e api.Event) string {
	switch e.Kind {
	case api.EventNode:
		return at(e.Instance, e.Node)
	case api.EventInstance:
		return "instance " + e.Instance
	case api.EventOperation:
		return fmt.Sprintf("operation %d", e.Operation)
	case api.EventStep:
		return fmt.Sprintf("operation %d: %s", e.Operation, at(e.Instance, e.Node))
	case api.EventRevision:
		return fmt.Sprintf("revision %d", e.Revision)
	case api.EventController:
		return "controller"
	case api.EventAlert:
		return "alert " + cmp.Or(e.Alert, "(all that a silence covers)")
	}
	return cmp.Or(e.Instance, "events")
}

// eventTone says whether the state after an event is a good one.
func eventTone(e api.Event) show.Tone {
	switch e.Kind {
	case api.EventNode:
		return toneOf(e.To)
	case api.EventLost:
		return show.Bad
	case api.EventAlert:
		return alertTone(e.To, e.Severity)
	}
	return show.Plain
}

// late is the delay from which on an event says when the controller heard of it.
const late = 10 * time.Second

func heardLate(e api.Event) string {
	if e.Heard.IsZero() || e.Heard.Sub(e.Time) < late {
		return ""
	}
	return fmt.Sprintf(" (the controller heard of it at %s)", inUTC(e.Heard, toTheSecond))
}
