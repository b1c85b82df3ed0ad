package codec

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// The table of events, by the type of the message and by the event's name.
var eventsByType, eventsByName = indexEvents(slices.Concat(controllerEvents, agentEvents, nodeEvents, fleetEvents, bytesEvents))

func indexEvents(events []event) (map[reflect.Type]event, map[string]event) {
	byType, byName := map[reflect.Type]event{}, map[string]event{}
	for _, e := range events {
		if _, known := byType[e.of]; known || byName[e.name].read != nil {
			panic(fmt.Sprintf("codec: the table has %v or the event %s twice", e.of, e.name))
		}
		byType[e.of], byName[e.name] = e, e
	}
	return byType, byName
}

// Name returns the name of the event that carries m. It panics if no event does.
func Name(m mgmt.Message) string { return eventOf(m).name }

// Encode returns m as the event that Zeek's Broker::publish would send: in its
// full current form, with empty metadata. Fields that have a default are never
// sent unset. Data that cannot be sent (mgmt.BadData) is left unset. Encode panics
// if no event carries m.
func Encode(m mgmt.Message) zval.Value {
	e := eventOf(m)
	return wire.Event{Name: e.name, Args: e.write(m), Meta: new(zval.Vector())}.Value()
}

func eventOf(m mgmt.Message) event {
	e, ok := eventsByType[reflect.TypeOf(m)]
	if !ok {
		panic(fmt.Sprintf("codec: no event carries %T", m))
	}
	return e
}

// Decode returns the message that v carries. It returns an error of
// wire.ParseEvent if v is no event, and an *Error if the event is unknown or its
// arguments are not the message's. Data of the wrong type in a mgmt.Result is no
// error: it becomes mgmt.BadData, so that the answer is not lost.
func Decode(v zval.Value) (mgmt.Message, error) { return decode(v, nil) }

// A Memory remembers the latest large configuration that was decoded with it. A controller sends an
// agent the same configuration to prepare and to deploy, and often the next time as well: it is
// decoded once, and takes memory once. The zero Memory remembers nothing yet. It is for one
// goroutine.
type Memory struct {
	encoding string // of config; empty: none was decoded
	config   mgmt.Configuration
}

// Decode is Decode, for messages that may have the same configuration as an earlier one. Nobody may
// change a configuration that it returns.
func (m *Memory) Decode(v zval.Value) (mgmt.Message, error) { return decode(v, m) }

func decode(v zval.Value, known *Memory) (mgmt.Message, error) {
	e, err := wire.ParseEvent(v)
	if err != nil {
		return nil, err
	}
	row, ok := eventsByName[e.Name]
	if !ok {
		return nil, &Error{Event: e.Name, Index: -1, Reason: "unknown event"}
	}
	d := newDecoder(e.Args)
	d.known = known
	m := row.read(&d.args)
	if want := d.args.next; d.err == nil && len(e.Args) > want {
		d.err = &Error{Index: -1, Reason: fmt.Sprintf("got %d arguments, want %d", len(e.Args), want)}
	}
	if d.err != nil {
		d.err.Event = e.Name
		return nil, d.err
	}
	return m, nil
}
