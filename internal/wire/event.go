package wire

import (
	"errors"
	"fmt"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Event is an event without its envelope (spec broker-wire 7.1). Native peers and
// WebSocket clients use the same envelope.
type Event struct {
	Name string
	Args []zval.Value
	// Meta is the event's metadata, a vector of pairs. It is nil if the event has no
	// third element. Zeek's Broker::publish sends an empty vector, Zeek's
	// Cluster::publish sends nothing.
	Meta *zval.Value
}

// ErrNotEvent means that a value is one of Zeek's other messages: a log record, an
// identifier update, a batch (spec broker-wire 7.1).
var ErrNotEvent = errors.New("not an event")

// The errors for a value without the name of an event.
var (
	errNoMessage = errors.New("event: message is not a vector of format, type and content")
	errFormat    = errors.New("event: message format is not count 1")
	errType      = errors.New("event: message type is not a count from 1 to 5")
	errContent   = errors.New("event: content is not a vector of name and arguments")
	errName      = errors.New("event: name is not a string")
)

// The numbers at the start of Zeek's messages (spec broker-wire 7.1).
const (
	messageFormat = 1
	typeEvent     = 1
	lastType      = 5
)

// metaTimestamp is the metadata that must be a timestamp (spec broker-wire 7.2).
const metaTimestamp = 1

// ParseEvent takes an event apart. It returns ErrNotEvent for Zeek's other
// messages, and another error for a value that Zeek would not take apart (spec
// broker-wire 7.2). Like Zeek, it ignores further elements at the end. The event
// shares v's memory.
func ParseEvent(v zval.Value) (Event, error) {
	outer, ok := v.Vector()
	if !ok || len(outer) < 3 {
		return Event{}, errNoMessage
	}
	if format, ok := outer[0].Count(); !ok || format != messageFormat {
		return Event{}, errFormat
	}
	kind, ok := outer[1].Count()
	switch {
	case !ok || kind < typeEvent || kind > lastType:
		return Event{}, errType
	case kind != typeEvent:
		return Event{}, ErrNotEvent
	}
	return parseContent(outer[2])
}

func parseContent(v zval.Value) (Event, error) {
	content, ok := v.Vector()
	if !ok || len(content) < 2 {
		return Event{}, errContent
	}
	var e Event
	if e.Name, ok = content[0].Str(); !ok {
		return Event{}, errName
	}
	if e.Args, ok = content[1].Vector(); !ok {
		return Event{}, fmt.Errorf("event %s: arguments are not a vector", e.Name)
	}
	if len(content) > 2 {
		if !validMeta(content[2]) {
			return Event{}, fmt.Errorf("event %s: metadata is not a vector of pairs of count and value", e.Name)
		}
		e.Meta = &content[2]
	}
	return e, nil
}

func validMeta(v zval.Value) bool {
	pairs, ok := v.Vector()
	for _, p := range pairs {
		pair, _ := p.Vector()
		if len(pair) != 2 {
			return false
		}
		id, isCount := pair[0].Count()
		if !isCount || id == metaTimestamp && pair[1].Kind() != zval.KindTime {
			return false
		}
	}
	return ok
}

// Value returns the event as a value that can be sent. It shares the memory of
// e.Args.
func (e Event) Value() zval.Value {
	content := 2
	if e.Meta != nil {
		content = 3
	}
	both := make([]zval.Value, 3+content) // one allocation for two vectors
	outer, inner := both[:3:3], both[3:]
	inner[0], inner[1] = zval.String(e.Name), zval.Vector(e.Args...)
	if e.Meta != nil {
		inner[2] = *e.Meta
	}
	outer[0], outer[1], outer[2] = zval.Count(messageFormat), zval.Count(typeEvent), zval.Vector(inner...)
	return zval.Vector(outer...)
}
