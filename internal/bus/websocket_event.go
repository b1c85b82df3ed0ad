package bus

import (
	"errors"
	"fmt"
	"strings"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// refusedEvent is a client's event that is dropped. The client is told so in Zeek's
// words. The log says why.
type refusedEvent struct {
	context     string // what the client is told
	topic, name string // of the event; empty if they could not be parsed
	err         error
}

var (
	errReserved = errors.New("topic is reserved")
	errNoEvent  = errors.New("value is not an event")
)

// parseEvent parses the event that a client has sent. If the event is refused,
// parseEvent returns why (spec websocket 7.3).
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
