package bus

import (
	"errors"
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

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
	e, err := wire.ParseEvent(v)
	if err != nil {
		return "", v, &refusedEvent{wsjson.ContextEvent, topic, "", fmt.Errorf("%w but a %s", errNoEvent, v.Kind())}
	}
	if err := admit(topic, v); err != nil {
		return "", v, &refusedEvent{wsjson.ContextEvent, topic, e.Name, err}
	}
	return topic, v, nil
}
