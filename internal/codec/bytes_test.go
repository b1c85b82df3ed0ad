package codec_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/codec"
	"github.com/zeekfleet/zeekfleet/internal/mgmt"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

func TestStreamsTravelAsScalars(t *testing.T) {
	for name, tt := range map[string]struct {
		sent zval.Value
		want mgmt.Message
	}{
		"a stream is opened": {
			send("Fleet::Bytes::open", str("s"), str("logs"), str("{}"), zval.Count(8)),
			mgmt.StreamOpen{Stream: "s", Kind: mgmt.StreamLogs, Parameters: "{}", Credit: 8},
		},
		"a chunk of any bytes": {
			send("Fleet::Bytes::chunk", str("s"), str("\x00\xff")),
			mgmt.StreamChunk{Stream: "s", Data: "\x00\xff"},
		},
		"more chunks are wanted": {
			send("Fleet::Bytes::credit", str("s"), zval.Count(4)),
			mgmt.StreamCredit{Stream: "s", Chunks: 4},
		},
		"no more chunks are wanted": {
			send("Fleet::Bytes::cancel", str("s")),
			mgmt.StreamCancel{Stream: "s"},
		},
		"a stream ends": {
			send("Fleet::Bytes::end", str("s"), str("not-found"), str("no such node")),
			mgmt.StreamEnd{Stream: "s", Code: mgmt.StreamNotFound, Error: "no such node"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := codec.Decode(tt.sent); err != nil || got != tt.want {
				t.Errorf("decoded: %v, %v", got, err)
			}
			if got, err := codec.Decode(codec.Encode(tt.want)); err != nil || got != tt.want {
				t.Errorf("encoded and decoded: %v, %v", got, err)
			}
		})
	}
}
