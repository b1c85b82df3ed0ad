package api

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// ContentEventStream is the media type of server-sent events.
const ContentEventStream = "text/event-stream"

// Event is something that has happened in the cluster.
type Event struct {
	Seq       uint64    `json:"seq" doc:"Its number among the events of the controller. A later one has a greater number."`
	Time      time.Time `json:"time" doc:"When it happened, by the clock of the host that saw it."`
	Heard     time.Time `json:"heard,omitzero" doc:"When the controller heard of it. That is much later if the host was not connected."`
	Kind      string    `json:"kind" enum:"node,instance,operation,step,revision,alert,controller,lost"`
	Instance  string    `json:"instance,omitempty"`
	Node      string    `json:"node,omitempty"`
	Operation uint64    `json:"operation,omitempty"`
	Revision  uint64    `json:"revision,omitempty"`
	From      string    `json:"from,omitempty" doc:"The state before: of the node, of the instance, of the operation, of its step, or of the alert."`
	To        string    `json:"to,omitempty" doc:"The state after."`
	Cause     string    `json:"cause,omitempty" doc:"Why it happened, for people."`
	Who       string    `json:"who,omitempty" doc:"The user who caused it."`
	PID       int64     `json:"pid,omitempty" doc:"The process of the node."`
	Alert     string    `json:"alert,omitempty" doc:"The ID of the alert that has another state."`
	Severity  string    `json:"severity,omitempty" enum:"critical,warning" doc:"The severity of the alert."`
}

// The kinds of an Event.
const (
	EventNode       = "node"
	EventInstance   = "instance"
	EventOperation  = "operation"
	EventStep       = "step"
	EventRevision   = "revision"
	EventAlert      = "alert"
	EventController = "controller"
	EventLost       = "lost"
)

// EventQuery says which events to return. Its zero value means the newest ones.
type EventQuery struct {
	// Since is the earliest Time of an event. The zero time means all.
	Since time.Time
	// After is the Seq after which to begin. Zero means all.
	After uint64
	// Instance, Node and Kind are those of the events. Empty means all.
	Instance, Node, Kind string
	// Limit bounds the events. Without After it keeps the newest ones. Zero means 1000.
	Limit int
}

func (q EventQuery) values() url.Values {
	v := url.Values{}
	set := func(key, value string) {
		if value != "" {
			v.Set(key, value)
		}
	}
	if !q.Since.IsZero() {
		v.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	if q.After > 0 {
		v.Set("after", strconv.FormatUint(q.After, 10))
	}
	set("instance", q.Instance)
	set("node", q.Node)
	set("kind", q.Kind)
	return v
}

// EventPage is a part of the events, oldest first. The controller searches only so many for one
// request: Items may be few or none although there are more.
type EventPage struct {
	Items []Event `json:"items" nullable:"false"`
	Next  string  `json:"next,omitempty" doc:"The value of the parameter after with which to go on. Absent if there are no more."`
	Older string  `json:"older,omitempty" doc:"The value of the parameter before with which to go on among older events. Absent if all were searched, or limit was reached."`
}

// Events returns events, oldest first. It asks as often as is needed.
func (c *Client) Events(ctx context.Context, q EventQuery) ([]Event, error) {
	query, limit := q.values(), cmp.Or(q.Limit, 1000)
	var all []Event
	for {
		query.Set("limit", strconv.Itoa(limit-len(all)))
		var page EventPage
		err := c.do(ctx, request{method: http.MethodGet, path: PathEvents, query: query}, &page)
		if err != nil {
			return nil, err
		}
		switch {
		case page.Older != "" && q.After == 0:
			all = append(page.Items, all...)
			query.Set("before", page.Older)
		case page.Next != "" && q.After > 0:
			all = append(all, page.Items...)
			query.Set("after", page.Next)
		case q.After == 0:
			return append(page.Items, all...), nil
		default:
			return append(all, page.Items...), nil
		}
		if len(all) >= limit {
			return all, nil
		}
	}
}

// StreamEndedError says why the controller has ended a stream of events. The stream can go on
// after the event that came last.
type StreamEndedError struct{ Reason string }

// Error returns a sentence for people.
func (e *StreamEndedError) Error() string { return "the controller has ended the stream: " + e.Reason }

// StreamEvents returns events as they happen: those after q.After, or else since q.Since, or
// else from now on. Limit does not count. Each comes with the number to go on after; an Event
// without a Kind has only that. After an error there is nothing more. The error is a
// *StreamEndedError if the controller has said why, and a *Problem if it refuses the stream.
func (c *Client) StreamEvents(ctx context.Context, q EventQuery) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		err := c.stream(ctx, q, func(e Event) bool { return yield(e, nil) })
		if err != nil {
			yield(Event{}, err)
		}
	}
}

// streamSilence is how long a controller may say nothing. It says that it lives much more
// often.
const streamSilence = time.Minute

// maxEventLine bounds a line of a stream, in bytes.
const maxEventLine = 64 << 10

// stream calls each for each event until it returns false.
func (c *Client) stream(ctx context.Context, q EventQuery, each func(Event) bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	silent := fmt.Errorf("the controller at %s has said nothing for %s", c.Address(), streamSilence)
	alarm := time.AfterFunc(streamSilence, func() { cancel(silent) })
	defer alarm.Stop()
	answer, err := c.open(ctx, PathEventStream, q.values())
	if err != nil {
		return c.noAnswer(ctx, err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(answer.Body, maxEventLine)) // what has come is the best there is
		return readProblem(answer, text)
	}
	events := eventReader{lines: bufio.NewScanner(&restartingReader{answer.Body, alarm})}
	events.lines.Buffer(nil, maxEventLine)
	for {
		e, err := events.next()
		switch {
		case err != nil && ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, io.EOF):
			return &StreamEndedError{"the connection was closed"}
		case err != nil:
			return err
		case !each(e):
			return nil
		}
	}
}

// open asks for a stream.
func (c *Client) open(ctx context.Context, path string, query url.Values) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path+"?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", ContentEventStream)
	if c.cfg.Bearer != "" {
		req.Header.Set("Authorization", "Bearer "+c.cfg.Bearer)
	}
	return c.http.Do(req)
}

// restartingReader restarts an alarm whenever something comes.
type restartingReader struct {
	io.Reader
	alarm *time.Timer
}

func (r *restartingReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.alarm.Reset(streamSilence)
	return n, err
}

// eventReader reads server-sent events.
type eventReader struct{ lines *bufio.Scanner }

// next returns the next event. An event that only has a number has no Kind.
func (r eventReader) next() (Event, error) {
	var e Event
	var name, data string
	for r.lines.Scan() {
		line := r.lines.Text()
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "" && name == "end":
			var why struct {
				Reason string `json:"reason"`
			}
			if err := json.Unmarshal([]byte(data), &why); err != nil {
				return e, fmt.Errorf("read the end of the stream: %v", err)
			}
			return e, &StreamEndedError{why.Reason}
		case line == "" && data != "":
			err := json.Unmarshal([]byte(data), &e)
			if err != nil {
				err = fmt.Errorf("read an event of the stream: %v", err)
			}
			return e, err
		case line == "" && e.Seq > 0:
			return e, nil
		case field == "event":
			name = value
		case field == "data":
			data += value
		case field == "id":
			var err error
			if e.Seq, err = strconv.ParseUint(value, 10, 64); err != nil {
				return e, fmt.Errorf("read the number of an event: %v", err)
			}
		}
	}
	return e, cmp.Or(r.lines.Err(), io.EOF)
}
