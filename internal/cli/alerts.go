package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli/show"
)

// shownAlerts is how many alerts the status names.
const shownAlerts = 10

// Alerting has the commands about alerts.
type Alerting struct{ Fleet }

// Alerts lists alerts, those that need a person first. Unless all, it leaves out those that do
// not fire.
func (f Alerting) Alerts(ctx context.Context, q api.AlertQuery, all bool) int {
	return f.ask(ctx, func(c *api.Client) error {
		if q.State == "" && !all {
			q.State = api.AlertFiring
		}
		list, err := c.Alerts(ctx, q)
		if err != nil {
			return err
		}
		return show.Print(f.output(), append([]api.Alert{}, list...), func() show.Table { return alertsTable(list, time.Now()) })
	})
}

func alertsTable(list []api.Alert, now time.Time) show.Table {
	table := show.Table{Empty: "no alert fires", Columns: []show.Column{
		{Head: "STATE"}, {Head: "SEVERITY", Drop: 2}, {Head: "FOR", Right: true, Drop: 1}, {Head: "ID", Least: 20, Wraps: true},
		{Head: "WHAT", Least: 24, Wraps: true}, {Head: "KNOWN TO", Least: 10, Wraps: true, Optional: true},
	}}
	for _, a := range list {
		since := a.Fired
		switch a.State {
		case api.AlertPending:
			since = a.Since
		case api.AlertResolved:
			since = a.Resolved
		}
		what := a.Text
		if a.Hint != "" && a.State == api.AlertFiring {
			what += ". " + a.Hint
		}
		row := show.Row(a.State, a.Severity, ago(now, since), a.ID, what, knownTo(a))
		row[0].Tone = alertTone(a.State, a.Severity)
		table.Rows = append(table.Rows, row)
	}
	return table
}

// alertTone says how bad the state of an alert is.
func alertTone(state, severity string) show.Tone {
	switch {
	case state == api.AlertResolved:
		return show.Good
	case state != api.AlertFiring:
		return show.Faint
	case severity == api.AlertCritical:
		return show.Bad
	}
	return show.Warning
}

// knownTo says who has acknowledged an alert, or silenced it.
func knownTo(a api.Alert) string {
	switch {
	case a.Acknowledged != nil:
		return noted(a.Acknowledged.Who, a.Acknowledged.Note)
	case a.Silenced != nil:
		return noted(fmt.Sprintf("silenced by %s until %s", a.Silenced.Who, inUTC(a.Silenced.Until, toTheSecond)), a.Silenced.Note)
	}
	return ""
}

func noted(who, note string) string {
	if note == "" {
		return who
	}
	return who + ": " + note
}

// alertLine is what the status says of an alert.
func alertLine(a api.Alert, now time.Time) string {
	text := fmt.Sprintf("%s for %s: %s", a.Severity, ago(now, a.Fired), a.Text)
	if known := knownTo(a); known != "" {
		return text + " (known to " + known + ")"
	}
	if a.Hint != "" {
		text += ". " + a.Hint
	}
	return text
}

// Acknowledge says that the user knows of an alert.
func (f Alerting) Acknowledge(ctx context.Context, id, note string) int {
	return f.ask(ctx, func(c *api.Client) error {
		a, err := c.Acknowledge(ctx, api.AcknowledgeRequest{ID: id, Note: note})
		if err != nil {
			return err
		}
		return show.Print(f.output(), a, func() show.Table { return alertsTable([]api.Alert{a}, time.Now()) })
	})
}

// Silence keeps receivers from being told of some alerts.
func (f Alerting) Silence(ctx context.Context, req api.SilenceRequest) int {
	return f.ask(ctx, func(c *api.Client) error {
		s, err := c.Silence(ctx, req)
		if err != nil {
			return err
		}
		return show.Print(f.output(), s, func() show.Table { return silencesTable([]api.Silence{s}) })
	})
}

// Silences lists the silences that have not ended.
func (f Alerting) Silences(ctx context.Context) int {
	return f.ask(ctx, func(c *api.Client) error {
		list, err := c.Silences(ctx)
		if err != nil {
			return err
		}
		return show.Print(f.output(), append([]api.Silence{}, list...), func() show.Table { return silencesTable(list) })
	})
}

func silencesTable(list []api.Silence) show.Table {
	table := show.Table{Empty: "nothing is silenced", Columns: []show.Column{
		{Head: "ID", Right: true}, {Head: "ALERTS", Least: 20, Wraps: true}, {Head: "UNTIL (UTC)"}, {Head: "BY"}, {Head: "NOTE", Least: 10, Wraps: true, Optional: true},
	}}
	for _, s := range list {
		var of []string
		for _, part := range [][2]string{{"rule", s.Rule}, {"instance", s.Instance}, {"node", s.Node}, {"subject", s.Subject}} {
			if part[1] != "" {
				of = append(of, part[0]+" "+part[1])
			}
		}
		table.Rows = append(table.Rows, show.Row(fmt.Sprint(s.ID), cmp.Or(strings.Join(of, ", "), "-"), inUTC(s.Until, toTheSecond), s.Who, s.Note))
	}
	return table
}

// EndSilence ends a silence.
func (f Alerting) EndSilence(ctx context.Context, id uint64) int {
	return f.ask(ctx, func(c *api.Client) error { return c.EndSilence(ctx, id) })
}

// AlertReceivers lists the receivers of alerts, and how they are.
func (f Alerting) AlertReceivers(ctx context.Context) int {
	return f.ask(ctx, func(c *api.Client) error {
		list, err := c.AlertReceivers(ctx)
		if err != nil {
			return err
		}
		return show.Print(f.output(), append([]api.AlertReceiver{}, list...), func() show.Table { return receiversTable(list) })
	})
}

func receiversTable(list []api.AlertReceiver) show.Table {
	table := show.Table{Empty: "the controller's settings have no receivers of alerts", Columns: []show.Column{
		{Head: "NAME"}, {Head: "KIND"}, {Head: "TARGET", Least: 16, Wraps: true}, {Head: "STATE"}, {Head: "WAITING", Right: true},
		{Head: "DELIVERED", Right: true}, {Head: "LOST", Right: true}, {Head: "WHY", Least: 16, Wraps: true, Optional: true},
	}}
	for _, r := range list {
		state, tone := "well", show.Good
		if r.Failing {
			state, tone = "failing", show.Bad
		}
		row := show.Row(r.Name, r.Kind, r.Target, state, fmt.Sprint(r.Waiting), fmt.Sprint(r.Delivered), fmt.Sprint(r.Lost), r.Error)
		row[3].Tone = tone
		table.Rows = append(table.Rows, row)
	}
	return table
}

// TestReceiver sends a test to a receiver.
func (f Alerting) TestReceiver(ctx context.Context, name string) int {
	return f.ask(ctx, func(c *api.Client) error {
		if err := c.TestReceiver(ctx, name); err != nil {
			return err
		}
		f.Log.Notice("receiver %s has taken the test", name)
		return nil
	})
}

// Alerts returns the IDs of the alerts that fire.
func (w Words) Alerts(ctx context.Context) []Word {
	return w.ask(ctx, func(client *api.Client) (words []Word, err error) {
		list, err := client.Alerts(ctx, api.AlertQuery{State: api.AlertFiring})
		for _, a := range list {
			words = append(words, Word{a.ID, a.Text})
		}
		return words, err
	})
}

// Silences returns the numbers of the silences.
func (w Words) Silences(ctx context.Context) []Word {
	return w.ask(ctx, func(client *api.Client) (words []Word, err error) {
		list, err := client.Silences(ctx)
		for _, s := range list {
			words = append(words, Word{fmt.Sprint(s.ID), noted("by "+s.Who, s.Note)})
		}
		return words, err
	})
}

// Receivers returns the names of the receivers.
func (w Words) Receivers(ctx context.Context) []Word {
	return w.ask(ctx, func(client *api.Client) (words []Word, err error) {
		list, err := client.AlertReceivers(ctx)
		for _, r := range list {
			words = append(words, Word{r.Name, r.Kind + " " + r.Target})
		}
		return words, err
	})
}
