package codec

import (
	"errors"

	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// ErrNotEvent is the error of a well-formed Zeek message that is no event: a
// log record, an identifier update, a batch (spec broker-wire 7.1).
var ErrNotEvent = errors.New("not an event")

// The numbers at the start of Zeek's messages (spec broker-wire 7.1).
const (
	messageFormat = 1
	typeEvent     = 1
	lastType      = 5
)

// metaTimestamp is the metadata that must be a timestamp (spec broker-wire 7.2).
const metaTimestamp = 1

// Envelope is an event as it travels.
type Envelope struct {
	Name string
	Args []zval.Value
	// Meta is the event's metadata, a vector of pairs; nil if the event has no
	// third element. Zeek's Broker::publish sends an empty vector, its
	// Supervisor nothing.
	Meta *zval.Value
}

// Parse takes an event apart. It returns ErrNotEvent for Zeek's other messages
// and an *Error for what is malformed. The envelope shares v's memory.
func Parse(v zval.Value) (Envelope, error) {
	outer, ok := v.Vector()
	if !ok || len(outer) < 3 {
		return Envelope{}, malformed("", "message is not a vector of format, type and content")
	}
	if format, ok := outer[0].Count(); !ok || format != messageFormat {
		return Envelope{}, malformed("", "message format is not count 1")
	}
	kind, ok := outer[1].Count()
	switch {
	case !ok || kind < typeEvent || kind > lastType:
		return Envelope{}, malformed("", "message type is not a count from 1 to 5")
	case kind != typeEvent:
		return Envelope{}, ErrNotEvent
	}
	return parseContent(outer[2])
}

func parseContent(v zval.Value) (Envelope, error) {
	content, ok := v.Vector()
	if !ok || len(content) < 2 {
		return Envelope{}, malformed("", "content is not a vector of name and arguments")
	}
	var e Envelope
	if e.Name, ok = content[0].Str(); !ok {
		return Envelope{}, malformed("", "name is not a string")
	}
	if e.Args, ok = content[1].Vector(); !ok {
		return Envelope{}, malformed(e.Name, "arguments are not a vector")
	}
	if len(content) > 2 {
		if !validMeta(content[2]) {
			return Envelope{}, malformed(e.Name, "metadata is not a vector of pairs of count and value")
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

// Value returns the event as a value that can be sent.
func (e Envelope) Value() zval.Value {
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
