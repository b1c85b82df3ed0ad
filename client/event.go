package client

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Event is an event on the topic of the controller's API: a request of another client,
// or an answer to it.
type Event struct {
	Topic string
	Name  string // with its module, such as "Management::Controller::API::deploy_request"
	Args  []EventArg
}

// EventArg is an argument of an event.
type EventArg struct {
	// Type is the type of the value in Zeek's JSON encoding, such as "string" or "set".
	Type string
	// JSON is the value. Sets and vectors are lists. A table is a list of pairs. An enum,
	// an address, a subnet, a port, a time and an interval are texts.
	JSON json.RawMessage
}

// NoEventError says that something arrived that is no event of Zeek. The connection goes
// on.
type NoEventError struct{ Err error }

// Error returns the text of Err.
func (e *NoEventError) Error() string { return e.Err.Error() }

// Unwrap returns Err.
func (e *NoEventError) Unwrap() error { return e.Err }

// Receive returns the next event on the topic of the API. Events that arrive during a
// request, and before the first Receive after a request, are lost. Without Config.Listen
// those before the first Receive after Dial are lost, too.
//
// The error is a *TimeoutError if no event arrives for Config.RequestTimeout, and a
// *NoEventError; after both the connection goes on. Other errors are those of a request.
func (c *Client) Receive(ctx context.Context) (Event, error) {
	within, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	if c.lost { // a connection that has ended may still have events in its queue
		if err := c.renew(ctx); err != nil {
			return Event{}, err
		}
	}
	c.conn.Keep()
	topic, v, err := c.conn.Receive(within)
	switch {
	case err != nil && ctx.Err() == nil && within.Err() != nil:
		return Event{}, &TimeoutError{Address: c.cfg.Address}
	case isMalformed(err):
		return Event{}, &NoEventError{err}
	case err != nil:
		return Event{}, c.fail(ctx, err)
	}
	e, err := wire.ParseEvent(v)
	if err != nil {
		return Event{}, &NoEventError{err}
	}
	ev := Event{Topic: topic, Name: e.Name}
	for _, arg := range e.Args {
		ev.Args = append(ev.Args, EventArg{arg.Kind().String(), appendJSON(nil, arg)})
	}
	return ev, nil
}

// appendJSON appends the JSON form that EventArg describes.
func appendJSON(b []byte, v zval.Value) []byte {
	switch v.Kind() {
	case zval.KindNone:
		return append(b, "null"...)
	case zval.KindBool:
		is, _ := v.Bool()
		return strconv.AppendBool(b, is)
	case zval.KindCount:
		n, _ := v.Count()
		return strconv.AppendUint(b, n, 10)
	case zval.KindInt:
		n, _ := v.Int()
		return strconv.AppendInt(b, n, 10)
	case zval.KindReal:
		f, _ := v.Real()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return append(b, "null"...)
		}
		return strconv.AppendFloat(b, f, 'g', -1, 64)
	case zval.KindSet, zval.KindVector:
		return appendList(b, v.Elems())
	case zval.KindTable:
		pairs := v.Elems()
		b = append(b, '[')
		for i := 0; i+1 < len(pairs); i += 2 {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendList(b, pairs[i:i+2])
		}
		return append(b, ']')
	}
	text, err := json.Marshal(textOf(v))
	if err != nil {
		panic("client: " + err.Error()) // it is a string
	}
	return append(b, text...)
}

func appendList(b []byte, list []zval.Value) []byte {
	b = append(b, '[')
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendJSON(b, v)
	}
	return append(b, ']')
}

// textOf returns the text of a value whose JSON form is a text.
func textOf(v zval.Value) string {
	switch v.Kind() {
	case zval.KindAddr:
		a, _ := v.Addr()
		return a.String()
	case zval.KindSubnet:
		p, _ := v.Subnet()
		return p.String()
	case zval.KindPort:
		number, proto, _ := v.Port()
		return fmt.Sprintf("%d/%v", number, proto)
	case zval.KindTime:
		nanos, _ := v.Time()
		return time.Unix(0, nanos).UTC().Format(time.RFC3339Nano)
	case zval.KindSpan:
		d, _ := v.Span()
		return d.String()
	}
	return v.Text() // a string, or the name of an enum
}
