package wire_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/zeekfleet/zeekfleet/internal/wire"
)

// The frames are the examples of spec broker-wire section 3.
var handshakeFrames = map[string]struct {
	message wire.HandshakeMessage
	hex     string
}{
	"probe": {wire.Probe{}, "00000005 07 5a45454b"},
	"hello": {wire.Hello{ID: idA, MinVersion: 1, MaxVersion: 1}, "00000017 06 5a45454b 11111111222243338444555555555555 01 01"},
	"version_select": {
		wire.VersionSelect{ID: idA, Version: 1},
		"00000016 08 5a45454b 11111111222243338444555555555555 01",
	},
	"drop_conn": {
		wire.DropConn{ID: idA, Code: wire.DropRedundant, Text: "redundant connection"},
		"0000002b 09 5a45454b 11111111222243338444555555555555 27 14 726564756e64616e7420636f6e6e656374696f6e",
	},
	"originator_syn": {
		wire.OriginatorSyn{Prefixes: []string{"zeek/event/", "zeek/logs/"}},
		"00000019 0a 02 0b 7a65656b2f6576656e742f 0a 7a65656b2f6c6f67732f",
	},
	"responder_syn_ack": {wire.ResponderSynAck{Prefixes: []string{"app/"}}, "00000007 0b 01 04 6170702f"},
	"an empty filter":   {wire.OriginatorSyn{}, "00000002 0a 00"},
	"originator_ack":    {wire.OriginatorAck{}, "00000001 0c"},
}

func TestHandshakeMessagesThereAndBack(t *testing.T) {
	for name, c := range handshakeFrames {
		t.Run(name, func(t *testing.T) {
			frame := unhex(t, c.hex)
			if got := wire.AppendHandshake(nil, c.message); !bytes.Equal(got, frame) {
				t.Errorf("encoded %x, want %x", got, frame)
			}
			for what, buf := range map[string][]byte{"alone": frame[4:], "with bytes after it": append(frame[4:], 0xff, 0)} {
				got, err := wire.DecodeHandshake(buf)
				if diff := cmp.Diff(c.message, got); diff != "" || err != nil {
					t.Errorf("decoded %s: %v\n%s", what, err, diff)
				}
			}
		})
	}
}

func TestMalformedHandshakeMessages(t *testing.T) {
	for name, c := range map[string]struct {
		hex  string
		code wire.DropCode
		want string
	}{
		"nothing":                  {"", wire.DropNone, "empty"},
		"a node message's type":    {"01", wire.DropInvalidMessage, "unknown message type 1"},
		"an unknown type":          {"0d", wire.DropInvalidMessage, "unknown message type 13"},
		"a wrong magic number":     {"07 5a45454c", wire.DropWrongMagic, "wrong magic number 0x5a45454c"},
		"half a magic number":      {"07 5a45", wire.DropInvalidMessage, "3 bytes"},
		"a hello without versions": {"06 5a45454b 11111111222243338444555555555555 01", wire.DropInvalidMessage, "hello"},
		"half an id":               {"08 5a45454b 1111", wire.DropInvalidMessage, "version_select"},
		"a drop text cut off":      {"09 5a45454b 11111111222243338444555555555555 27 05 61", wire.DropInvalidMessage, "cut off"},
		"a filter cut off":         {"0a 02 0161", wire.DropInvalidMessage, "prefix 2 of 2"},
		"a filter without number":  {"0b", wire.DropInvalidMessage, "number of prefixes"},
		"a filter too large":       {"0b ffffff7f", wire.DropInvalidMessage, "at most 1024"},
	} {
		t.Run(name, func(t *testing.T) {
			m, err := wire.DecodeHandshake(unhex(t, c.hex))
			pe, ok := errors.AsType[*wire.ProtocolError](err)
			if !ok || pe.Code != c.code || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, %v (code %v)", m, err, pe)
			}
		})
	}
}

func TestDropCodesHaveNames(t *testing.T) {
	for code, want := range map[wire.DropCode]string{0: "none", 2: "peer_incompatible", 39: "redundant_connection", 41: "invalid_json", 42: "code 42", 255: "code 255"} {
		if got := code.String(); got != want {
			t.Errorf("code %d is %q, want %q", uint8(code), got, want)
		}
	}
}

func FuzzHandshakeMessage(f *testing.F) {
	for _, c := range handshakeFrames {
		f.Add(unhex(f, c.hex)[4:])
	}
	f.Fuzz(func(t *testing.T, buf []byte) {
		m, err := wire.DecodeHandshake(buf)
		if err != nil {
			return
		}
		if again := wire.AppendHandshake(nil, m)[4:]; !bytes.HasPrefix(buf, again) {
			t.Fatalf("%x became %x", buf, again)
		}
	})
}
