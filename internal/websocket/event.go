package websocket

import "github.com/zeekfleet/zeekfleet/internal/zval"

// The first two elements of Zeek's event message (spec broker-wire 7.1).
var (
	messageFormat = zval.Count(1)
	eventMessage  = zval.Count(1)
)

// EventContent returns the content of an event message: name, arguments and
// perhaps metadata. It reports false for other messages, and for events that
// Zeek would not read (spec broker-wire 7.2). Further elements are ignored, as
// by Zeek.
func EventContent(v zval.Value) ([]zval.Value, bool) {
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

// Event returns v as it travels over WebSocket: an event without an empty
// metadata element (spec websocket 7.2). It reports false if v is not an event;
// only events travel over WebSocket.
func Event(v zval.Value) (zval.Value, bool) {
	content, ok := EventContent(v)
	if !ok {
		return zval.None(), false
	}
	if len(content) > 2 && len(content[2].Elems()) == 0 {
		return zval.Vector(messageFormat, eventMessage, zval.Vector(content[:2:2]...)), true
	}
	return v, true
}
