package websocket

import (
	"github.com/zeekfleet/zeekfleet/internal/wire"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// Event returns v as it travels over WebSocket: an event without an empty
// metadata element (spec websocket 7.2). It reports false if v is not an event;
// only events travel over WebSocket.
func Event(v zval.Value) (zval.Value, bool) {
	e, err := wire.ParseEvent(v)
	if err != nil {
		return zval.None(), false
	}
	if e.Meta != nil && len(e.Meta.Elems()) == 0 {
		e.Meta = nil
		return e.Value(), true
	}
	return v, true
}
