package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newEventsCommand(s streams) *cobra.Command {
	var req cli.EventsRequest
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show what has happened, and what happens",
		Long: "Show what has happened: to nodes and instances, with operations and revisions, and\n" +
			"why. The oldest comes first. Hosts that were not connected tell later what happened\n" +
			"there meanwhile, each with its own time.",
		Args: wantArgs(0, 0),
	}
	fs := cmd.Flags()
	fs.Var((*sinceTime)(&req.Since), "since", "show what happened since `TIME`: how long ago (2h, 7d), or a time in UTC (14:00, 2026-11-30T14:00:00Z)")
	fs.BoolVarP(&req.Follow, "follow", "f", false, "go on with events as they happen, until Ctrl-C")
	fs.StringVar(&req.Node, "node", "", "show the events of the node `NAME`")
	fs.StringVar(&req.Instance, "instance", "", "show the events of the instance `NAME`")
	fs.Var((*eventKind)(&req.Kind), "kind", "show the events of one `KIND`: "+strings.Join(eventKinds, ", "))
	lines := fs.Uint16("lines", 0, fmt.Sprintf("show at most the newest `NUMBER` from before now, up to %d (default: 50, or all with --since)", cli.MaxEvents))
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, _ []string) int {
		req.Lines = min(int(*lines), cli.MaxEvents)
		return f.Events(ctx, req)
	})
}

// eventKinds are the kinds of events that a user can name.
var eventKinds = []string{
	api.EventNode, api.EventInstance, api.EventOperation, api.EventStep, api.EventRevision, api.EventAlert, api.EventController, api.EventLost,
}

// eventKind is the value of --kind.
type eventKind string

// String implements pflag.Value.
func (k *eventKind) String() string { return string(*k) }

// Type implements pflag.Value.
func (k *eventKind) Type() string { return "KIND" }

// Set implements pflag.Value.
func (k *eventKind) Set(text string) error {
	if !slices.Contains(eventKinds, text) {
		return fmt.Errorf("not a kind of event: %s", strings.Join(eventKinds, ", "))
	}
	*k = eventKind(text)
	return nil
}

// sinceTime is the value of --since.
type sinceTime time.Time

// String implements pflag.Value.
func (t *sinceTime) String() string { return "" }

// Type implements pflag.Value.
func (t *sinceTime) Type() string { return "TIME" }

// Set implements pflag.Value.
func (t *sinceTime) Set(text string) error {
	at, err := parseSince(text, time.Now())
	*t = sinceTime(at)
	return err
}

// parseSince returns the time that a user means. A time without a zone is in UTC, as events
// prints it. A time of day is the latest one that is not after now.
func parseSince(text string, now time.Time) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	for _, layout := range []string{time.TimeOnly, "15:04"} {
		clock, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		now = now.UTC()
		at := time.Date(now.Year(), now.Month(), now.Day(), clock.Hour(), clock.Minute(), clock.Second(), 0, time.UTC)
		if at.After(now) {
			at = at.AddDate(0, 0, -1)
		}
		return at, nil
	}
	ago, err := cli.ParseTTL(text)
	if err != nil {
		return time.Time{}, errors.New("neither how long ago, such as 30m, 2h or 7d, nor a time in UTC, such as 14:00, 14:00:30, \"2026-11-30 14:00:30\" or 2026-11-30T14:00:00Z")
	}
	return now.Add(-ago), nil
}
