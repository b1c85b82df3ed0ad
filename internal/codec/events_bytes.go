package codec

import (
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// fleetBytes is the module of the events that carry bytes. Either side may send each.
const fleetBytes = "Fleet::Bytes::"

// bytesEvents are ours as well.
var bytesEvents = []event{
	message(fleetBytes+"open",
		func(f *fields) mgmt.StreamOpen {
			return mgmt.StreamOpen{
				Stream: mgmt.StreamID(f.str("stream")), Kind: mgmt.StreamKind(f.str("kind")), Parameters: f.str("parameters"), Credit: f.count("credit"),
			}
		},
		func(m mgmt.StreamOpen) []zval.Value {
			return list(stringValue(m.Stream), stringValue(m.Kind), zval.String(m.Parameters), zval.Count(m.Credit))
		}),
	message(fleetBytes+"chunk",
		func(f *fields) mgmt.StreamChunk {
			return mgmt.StreamChunk{Stream: mgmt.StreamID(f.str("stream")), Data: f.str("data")}
		},
		func(m mgmt.StreamChunk) []zval.Value { return list(stringValue(m.Stream), zval.String(m.Data)) }),
	message(fleetBytes+"end",
		func(f *fields) mgmt.StreamEnd {
			return mgmt.StreamEnd{Stream: mgmt.StreamID(f.str("stream")), Code: mgmt.StreamCode(f.str("code")), Error: f.str("error")}
		},
		func(m mgmt.StreamEnd) []zval.Value {
			return list(stringValue(m.Stream), stringValue(m.Code), zval.String(m.Error))
		}),
	message(fleetBytes+"credit",
		func(f *fields) mgmt.StreamCredit {
			return mgmt.StreamCredit{Stream: mgmt.StreamID(f.str("stream")), Chunks: f.count("chunks")}
		},
		func(m mgmt.StreamCredit) []zval.Value { return list(stringValue(m.Stream), zval.Count(m.Chunks)) }),
	message(fleetBytes+"cancel",
		func(f *fields) mgmt.StreamCancel { return mgmt.StreamCancel{Stream: mgmt.StreamID(f.str("stream"))} },
		func(m mgmt.StreamCancel) []zval.Value { return list(stringValue(m.Stream)) }),
}
