package web

import (
	"context"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/happenings"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
)

// registerEvents adds what has happened, and what happens.
func (a *routes) registerEvents() {
	register(a, operation{
		id: "list-events", method: http.MethodGet, path: api.PathEvents, may: rowOf(mgmt.GetNodesRequest{}),
		summary: "List what has happened, the oldest first",
		details: "Without after, and if there are more than limit, it is the newest ones. One request searches only so many events: " +
			"the answer may have few or none, and say with which number to go on.",
		errors: []int{http.StatusNotImplemented},
	}, a.s.listEvents)
	register(a, operation{
		id: "stream-events", method: http.MethodGet, path: api.PathEventStream, may: rowOf(mgmt.GetNodesRequest{}),
		summary: "Tell what happens, as it happens",
		details: "The stream begins after the event in Last-Event-ID or in after, or else since the time in since, or else now. " +
			"It never ends by itself: an event named end says why it ends, and it can go on with Last-Event-ID.",
		stream: "Server-sent events. Each has the JSON of an Event and its number. A number without an event says that the stream lives.",
		errors: []int{http.StatusNotImplemented, http.StatusTooManyRequests, http.StatusServiceUnavailable},
	}, a.s.streamEvents)
}

// EventFilter says which events are wanted.
type EventFilter struct {
	Since    string `query:"since" maxLength:"60" example:"2h" doc:"Show what happened since then: a time (RFC 3339), or how long ago (2h30m)."`
	After    uint64 `query:"after" doc:"Show the events after the one with this number."`
	Instance string `query:"instance" maxLength:"300" doc:"Show the events of this instance."`
	Node     string `query:"node" maxLength:"300" doc:"Show the events of this node."`
	Kind     string `query:"kind" enum:"node,instance,operation,step,revision,alert,controller,lost" doc:"Show the events of this kind."`
}

// query returns what is to be read.
func (f EventFilter) query(now time.Time) (happenings.Query, error) {
	q := happenings.Query{
		After: f.After, Instance: mgmt.InstanceName(f.Instance), Node: mgmt.NodeName(f.Node), Kind: mgmt.HappeningKind(f.Kind),
	}
	var err error
	q.Since, err = timeOf("since", f.Since, now)
	return q, err
}

// timeOf returns the time that a parameter says, as a time or as how long ago. It is zero if
// the text is empty.
func timeOf(name, text string, now time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if ago, err := time.ParseDuration(text); err == nil && ago >= 0 {
		return now.Add(-ago), nil
	}
	at, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		return at, problem(http.StatusUnprocessableEntity,
			fmt.Sprintf("%s is %q: write a time like %s, or how long ago, like 2h30m", name, text, now.UTC().Format(time.RFC3339)))
	}
	return at, nil
}

var errNoEvents = problem(http.StatusNotImplemented, "this controller keeps no events")

type eventsInput struct {
	EventFilter
	Before uint64 `query:"before" doc:"Show the events before the one with this number. It goes with no after."`
	Limit  int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"How many events to show at most."`
}

func (s *Server) listEvents(_ context.Context, in *eventsInput) (*bodyOutput[api.EventPage], error) {
	if s.cfg.Happenings == nil {
		return nil, errNoEvents
	}
	q, err := in.query(time.Now())
	if err != nil {
		return nil, err
	}
	q.Limit, q.Latest, q.Before = in.Limit, in.After == 0, in.Before
	if in.After > 0 && in.Before > 0 {
		return nil, problem(http.StatusUnprocessableEntity, "after and before do not go together")
	}
	found, rest, err := s.cfg.Happenings.Search(q)
	if err != nil {
		return nil, problem(http.StatusInternalServerError, err.Error())
	}
	page := api.EventPage{Items: make([]api.Event, 0, len(found))}
	for _, r := range found {
		page.Items = append(page.Items, eventOf(r))
	}
	switch {
	case rest == 0:
	case q.Latest:
		page.Older = strconv.FormatUint(rest, 10)
	default:
		page.Next = strconv.FormatUint(rest, 10)
	}
	return &bodyOutput[api.EventPage]{page}, nil
}

func eventOf(r happenings.Record) api.Event {
	return api.Event{
		Seq: r.Seq, Time: utc(r.Time), Heard: utc(r.Heard), Kind: string(r.Kind), Instance: string(r.Instance), Node: string(r.Node),
		Operation: uint64(r.Operation), Revision: r.Revision, From: r.From, To: r.To, Cause: r.Cause, Who: r.Who, PID: r.PID,
		Alert: r.Alert, Severity: string(r.Severity),
	}
}

type streamInput struct {
	EventFilter
	LastEventID string `header:"Last-Event-ID" maxLength:"20" doc:"The number of the event after which the stream goes on. It counts in place of after."`
}

func (s *Server) streamEvents(ctx context.Context, in *streamInput) (*huma.StreamResponse, error) {
	if s.cfg.Happenings == nil {
		return nil, errNoEvents
	}
	q, err := in.query(time.Now())
	if err != nil {
		return nil, err
	}
	newest := s.cfg.Happenings.Newest()
	switch {
	case in.LastEventID != "":
		if q.After, err = strconv.ParseUint(in.LastEventID, 10, 64); err != nil {
			return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("Last-Event-ID is %q, which is not the number of an event", in.LastEventID))
		}
	case in.After == 0 && in.Since == "":
		q.After = newest
	}
	if q.After > newest {
		q.After = 0 // of a log that is gone: this one has begun anew
	}
	who := askerOf(ctx)
	one, why := s.streams.enter(who.Name)
	if why != nil {
		return nil, why
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer s.streams.leave(one)
		s.stream(ctx, who, one, q)
	}}, nil
}
