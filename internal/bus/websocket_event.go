package bus

import (
	"errors"
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// What Zeek puts around an event (spec broker-wire 7.1).
var (
	messageFormat = zval.Count(1)
	eventMessage  = zval.Count(1)
)

// eventContent returns the content of an event message, that is, name,
// arguments and perhaps metadata. It reports false for other messages and for
// events that Zeek would not take apart (spec broker-wire 7.2). Further elements
// are ignored, as in Zeek.
func eventContent(v zval.Value) ([]zval.Value, bool) {
	outer, ok := v.Vector()
	if !ok || len(outer) < 3 || !zval.Equal(outer[0], messageFormat) || !zval.Equal(outer[1], eventMessage) {
		return nil, false
	}
	content, ok := outer[2].Vector()
	if !ok || len(content) < 2 {
		return nil, false
	}
	_, named := content[0].Str()
	_, listed := content[1].Vector()
	return content, named && listed && (len(content) == 2 || isMetadata(content[2]))
}

// isMetadata reports whether v is a vector of pairs that begin with a count. The
// second of a pair that begins with 1 is a timestamp.
func isMetadata(v zval.Value) bool {
	pairs, ok := v.Vector()
	for _, p := range pairs {
		pair, _ := p.Vector()
		if len(pair) != 2 {
			return false
		}
		id, isCount := pair[0].Count()
		if !isCount || id == 1 && pair[1].Kind() != zval.KindTime {
			return false
		}
	}
	return ok
}

// clientEvent returns v as WebSocket clients see it: an event without an empty
// metadata element (spec websocket 7.2). They see nothing but events.
func clientEvent(v zval.Value) (zval.Value, bool) {
	content, ok := eventContent(v)
	if !ok {
		return zval.None(), false
	}
	if len(content) > 2 && len(content[2].Elems()) == 0 {
		return zval.Vector(messageFormat, eventMessage, zval.Vector(content[:2:2]...)), true
	}
	return v, true
}

// refusedEvent is why a client's event goes nowhere. What the client is told is
// Zeek's words; what is wrong with it is for the log.
type refusedEvent struct {
	context     string // of the error message that answers it
	topic, name string // as far as they could be read
	err         error
}

var (
	errReserved = errors.New("topic is reserved")
	errNoEvent  = errors.New("value is not an event")
)

// parseEvent returns the event that a client sent, or else why it is refused
// (spec websocket 7.3).
func parseEvent(text []byte, admit func(string, zval.Value) error) (topic string, v zval.Value, refused *refusedEvent) {
	topic, v, err := wsjson.ParseMessage(text, wsjson.Limits{})
	if err != nil {
		return "", v, &refusedEvent{context: errorContext(err), err: err}
	}
	if strings.HasPrefix(topic, wire.ReservedPrefix) {
		return "", v, &refusedEvent{wsjson.ContextTopic, topic, "", errReserved}
	}
	content, ok := eventContent(v)
	if !ok {
		return "", v, &refusedEvent{wsjson.ContextEvent, topic, "", fmt.Errorf("%w but a %s", errNoEvent, v.Kind())}
	}
	if err := admit(topic, v); err != nil {
		return "", v, &refusedEvent{wsjson.ContextEvent, topic, content[0].Text(), err}
	}
	return topic, v, nil
}
