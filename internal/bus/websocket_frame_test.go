package bus_test

import (
	"context"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// frameTestMax is the server's MaxMessage in TestFrames. fullMessage is an event of
// that length.
const frameTestMax = 2000

var fullMessage = eventText("a", strings.Repeat("x", frameTestMax-len(eventText("a", ""))))

// frameTests are what a client sends, and how the server answers.
var frameTests = map[string]struct {
	sent  string // raw bytes
	check func(*rawWS)
}{
	"a ping is answered with its payload": {
		maskedFrame(opPing, "are you there"),
		func(w *rawWS) { w.expect(opPong, "are you there") },
	},
	"a close is echoed with code and reason": {
		maskedFrame(opClose, closePayload(4321, "bye")),
		func(w *rawWS) { w.expect(opClose, closePayload(4321, "bye")); w.expectEnd() },
	},
	"an empty close is echoed empty": {
		maskedFrame(opClose, ""),
		func(w *rawWS) { w.expect(opClose, ""); w.expectEnd() },
	},
	"a message of the greatest length is taken": {
		maskedFrame(opText, fullMessage) + maskedFrame(opPing, "1"),
		func(w *rawWS) { w.expect(opPong, "1") },
	},
	"a longer message ends the connection": {
		maskedFrame(opText, fullMessage+" "),
		func(w *rawWS) { w.expectClose(1009, "Message too big: more than 2000 bytes") },
	},
	"fragments that are longer together end the connection": {
		maskedFrame(0x01, fullMessage[:1000]) + maskedFrame(0x80, fullMessage[1000:]+" "),
		func(w *rawWS) { w.expectClosed(1009) },
	},
	"a message may come in fragments with a ping between them": {
		maskedFrame(0x01, "{") + maskedFrame(opPing, "1") + maskedFrame(0x80, "}"),
		func(w *rawWS) {
			w.expect(opPong, "1")
			w.expect(opText, failure("deserialization_failed", "failed to decode JSON object"))
		},
	},
	"text that is not UTF-8 ends the connection": {
		maskedFrame(opText, "\"\xff\""),
		func(w *rawWS) { w.expectClose(1007, "Invalid frame payload data") },
	},
	"binary that is not UTF-8 is like any other text": {
		maskedFrame(opBinary, "\"\xff\""),
		func(w *rawWS) { w.expect(opText, failure("deserialization_failed", "failed to decode JSON object")) },
	},
	"an unmasked frame ends the connection": {
		"\x81\x02{}",
		func(w *rawWS) { w.expectClosed(1002) },
	},
	"a reserved bit ends the connection": {
		maskedFrame(0xc1, "{}"),
		func(w *rawWS) { w.expectClosed(1002) },
	},
	"an unknown opcode ends the connection": {
		maskedFrame(0x83, "{}"),
		func(w *rawWS) { w.expectClosed(1002) },
	},
	"a continuation of nothing ends the connection": {
		maskedFrame(0x80, "{}"),
		func(w *rawWS) { w.expectClosed(1002) },
	},
	"a ping in fragments ends the connection": {
		maskedFrame(0x09, "x"),
		func(w *rawWS) { w.expectClosed(1002) },
	},
	"a close code that must not be sent ends the connection": {
		maskedFrame(opClose, closePayload(1005, "")),
		func(w *rawWS) { w.expectClosed(1002) },
	},
	"a close whose reason is not UTF-8 is answered so": {
		maskedFrame(opClose, closePayload(1000, "bye \xff")),
		func(w *rawWS) { w.expectClose(1007, "Invalid frame payload data") },
	},
	"a close whose reason is other text than ASCII is echoed": {
		maskedFrame(opClose, closePayload(1000, "é")),
		func(w *rawWS) { w.expect(opClose, closePayload(1000, "é")); w.expectEnd() },
	},
	"half a close code ends the connection": {
		maskedFrame(opClose, "\x03"),
		func(w *rawWS) { w.expectClosed(1002) },
	},
}

func TestFrames(t *testing.T) {
	e := newEndpoint(t, bus.Config{})
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{MaxMessage: frameTestMax})
	bystander := dialWebSocket(t, addr, "a")
	for name, tt := range frameTests {
		t.Run(name, func(t *testing.T) {
			w := rawClient(t, addr, "[]")
			w.write(tt.sent)
			tt.check(w)
		})
	}
	e.Publish("a/still", event("here"))
	expectAfterOthers(t, bystander, "a/still", plainEvent("here"))
}

// expectAfterOthers passes over events on other topics. The event on topic must be v.
func expectAfterOthers(t *testing.T, c *websocket.Client, topic string, v zval.Value) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for {
		gotTopic, got, err := c.Receive(ctx)
		switch {
		case err != nil:
			t.Fatalf("another client suffered: %v", err)
		case gotTopic != topic:
			continue
		case !zval.Equal(got, v):
			t.Errorf("got %v", got)
		}
		return
	}
}

// expectClosed reads a close frame with this code and any reason, and then the end of the
// connection.
func (w *rawWS) expectClosed(code uint16) {
	w.t.Helper()
	first, payload, err := w.next()
	if err != nil || first != opClose || !strings.HasPrefix(payload, closePayload(code, "")) {
		w.t.Fatalf("got frame %#x %q, error %v; want close code %d", first, payload, err, code)
	}
	w.expectEnd()
}

func TestFramesThatComeWithTheUpgradeRequest(t *testing.T) {
	e := newEndpoint(t, bus.Config{})
	sub := subscribe(t, e, "")
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{})
	w := rawDial(t, addr)
	// The client sends everything at once and closes. No event may be lost.
	var sent strings.Builder
	sent.WriteString(upgradeText("/v1/messages/json") + maskedFrame(opText, `["a"]`))
	names := []string{"one", "two", "three"}
	for _, name := range names {
		sent.WriteString(maskedFrame(opText, eventText("b", name)))
	}
	w.write(sent.String() + maskedFrame(opClose, closePayload(1000, "")))
	next[bus.PeerAdded](t, sub)
	for _, name := range names {
		if got := next[bus.Message](t, sub); !zval.Equal(got.Value, plainEvent(name)) {
			t.Errorf("got %v, want event %s", got.Value, name)
		}
	}
	next[bus.PeerLost](t, sub)
}

func TestEventsBeforeTheAckAreHandledAfterIt(t *testing.T) {
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{})
	other := dialWebSocket(t, addr, "b")
	w := rawUpgrade(t, addr, "/v1/messages/json")
	w.write(maskedFrame(opText, `["a"]`) + maskedFrame(opText, eventText("b", "one")) +
		maskedFrame(opText, `{}`) + maskedFrame(opText, eventText("b", "two")))
	if got := w.text(); !strings.HasPrefix(got, `{"type":"ack",`) {
		t.Errorf("got %s first, want an ack", got)
	}
	if got := w.text(); got != failure("deserialization_failed", "failed to decode JSON object") {
		t.Errorf("got %s", got)
	}
	expectMessage(t, other, "b", plainEvent("one"))
	expectMessage(t, other, "b", plainEvent("two"))
}
