package wire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

var (
	idA = wire.ID([]byte("\x11\x11\x11\x11\x22\x22\x43\x33\x84\x44\x55\x55\x55\x55\x55\x55"))
	idB = wire.ID([]byte("\xaa\xaa\xaa\xaa\xbb\xbb\x4c\xcc\x8d\xdd\xee\xee\xee\xee\xee\xee"))
)

// The frames are the examples of spec broker-wire section 4.
var frames = map[string]struct {
	message wire.Message
	hex     string
}{
	"data": {
		wire.Message{Sender: idA, Type: wire.TypeData, TTL: 16, Topic: []byte("test"), Payload: []byte("\x05\x02hi")},
		`0000002d 11111111222243338444555555555555 00000000000000000000000000000000
		 01 0010 0004 74657374 05026869`,
	},
	"routing update": {
		wire.Message{
			Sender: idA, Receiver: idB, Type: wire.TypeRoutingUpdate, TTL: 16, Topic: []byte("<$>"),
			Payload: []byte("\x02\x04app/\x0bzeek/event/"),
		},
		`0000003a 11111111222243338444555555555555 aaaaaaaabbbb4ccc8dddeeeeeeeeeeee
		 03 0010 0003 3c243e 02 04 6170702f 0b 7a65656b2f6576656e742f`,
	},
	"ping": {
		wire.Message{Sender: idA, Receiver: idB, Type: wire.TypePing, TTL: 16, Topic: []byte("<$>"), Payload: []byte("foo")},
		`0000002b 11111111222243338444555555555555 aaaaaaaabbbb4ccc8dddeeeeeeeeeeee
		 04 0010 0003 3c243e 666f6f`,
	},
	"unknown type, other ttl, nothing else": {
		wire.Message{Sender: idB, Type: 200, TTL: 3, Topic: []byte{}, Payload: []byte{}},
		`00000025 aaaaaaaabbbb4ccc8dddeeeeeeeeeeee 00000000000000000000000000000000 c8 0003 0000`,
	},
}

func TestMessagesThereAndBack(t *testing.T) {
	for name, c := range frames {
		t.Run(name, func(t *testing.T) {
			frame := unhex(t, c.hex)
			got, err := wire.DecodeMessage(frame[4:])
			if diff := cmp.Diff(c.message, got); diff != "" || err != nil {
				t.Errorf("decoded: %v\n%s", err, diff)
			}
			if got := wire.AppendMessage(nil, c.message); !bytes.Equal(got, frame) {
				t.Errorf("encoded:\n%x, want\n%x", got, frame)
			}
		})
	}
}

func TestFramesMadeOfParts(t *testing.T) {
	payload := []byte("\x05\x02hi")
	data := append(wire.AppendDataHeader(nil, idA, "test", len(payload)), payload...)
	if want := unhex(t, frames["data"].hex); !bytes.Equal(data, want) || wire.DataFrameSize("test", 4) != len(want) {
		t.Errorf("data frame %x of size %d", data, wire.DataFrameSize("test", 4))
	}
	update := wire.AppendRoutingUpdate(nil, idA, idB, wire.NewFilter("zeek/event/", "app/"))
	if !bytes.Equal(update, unhex(t, frames["routing update"].hex)) {
		t.Errorf("routing update %x", update)
	}
	ping := wire.AppendPing(nil, idA, idB, []byte("foo"))
	if !bytes.Equal(ping, unhex(t, frames["ping"].hex)) {
		t.Errorf("ping %x", ping)
	}
	pong := wire.AppendPong(nil, idB, frames["ping"].message)
	want := unhex(t, `0000002b aaaaaaaabbbb4ccc8dddeeeeeeeeeeee 11111111222243338444555555555555 05 0010 0003 3c243e 666f6f`)
	if !bytes.Equal(pong, want) {
		t.Errorf("pong %x", pong)
	}
	if bye := wire.ByePayload(7); string(bye) != "BYE\x07\x00\x00\x00\x00\x00\x00\x00" {
		t.Errorf("bye %x", bye)
	}
}

func TestMalformedMessages(t *testing.T) {
	whole := unhex(t, frames["data"].hex)[4:]
	for name, c := range map[string]struct {
		buf  []byte
		want string
	}{
		"nothing":                         {nil, "0 bytes"},
		"one byte less than a header":     {whole[:36], "36 bytes"},
		"a topic that ends after the end": {whole[:40], "topic of 4 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := wire.DecodeMessage(c.buf)
			if _, ok := errors.AsType[*wire.ProtocolError](err); !ok || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want a protocol error with %q", err, c.want)
			}
		})
	}
}

func FuzzMessage(f *testing.F) {
	for _, c := range frames {
		f.Add(unhex(f, c.hex)[4:])
	}
	f.Fuzz(func(t *testing.T, buf []byte) {
		m, err := wire.DecodeMessage(buf)
		if err != nil {
			return
		}
		if again := wire.AppendMessage(nil, m)[4:]; !bytes.Equal(again, buf) {
			t.Fatalf("%x became %x", buf, again)
		}
	})
}
