package bus_test

import (
	"bytes"
	"context"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

// FuzzWebSocketConnection sends arbitrary bytes to the server and hangs up. The
// server must neither fail nor hang, and must serve the next client.
func FuzzWebSocketConnection(f *testing.F) {
	request := upgradeText("/v1/messages/json")
	f.Add([]byte("GET / HTTP/1.1\r\n\r\n"))
	f.Add([]byte(request + maskedFrame(opText, `["a"]`) + maskedFrame(opText, eventText("a", "x"))))
	f.Add([]byte(request + maskedFrame(0x01, `[`) + maskedFrame(opPing, "x") + maskedFrame(0x80, `]`)))
	f.Add([]byte(request + maskedFrame(opClose, closePayload(1000, "bye"))))
	f.Add([]byte(request + "\x81\x02{}\xff\xff"))
	f.Add([]byte("POST /api/v1/join HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		synctest.Test(t, func(t *testing.T) {
			ln := pipeWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{HTTP: func(c bus.HTTPConn) {
				go func() {
					defer c.Close()
					got, _ := io.ReadAll(c)
					if !bytes.Equal(got, sent) {
						t.Errorf("the handler reads %q of %q", got, sent)
					}
				}()
			}})
			c := ln.dial()
			go io.Copy(io.Discard, c)
			c.SetWriteDeadline(time.Now().Add(time.Minute)) // the server may have stopped reading
			c.Write(sent)
			c.Close()
			newRawWS(t, ln.dial()).upgrade(websocket.Path)
		})
	})
}

// FuzzWebSocketMessage sends one message to a server. It must be answered with
// one of the three errors or else reach the subscription, and the next message
// must be handled after it.
func FuzzWebSocketMessage(f *testing.F) {
	f.Add(eventText("a", "x", `{"@data-type":"count","data":1}`))
	f.Add(`{"topic":"a","@data-type":"vector","data":[]}`)
	f.Add(`{"@data-type":"count","data":1}`)
	f.Add(`x`)
	f.Add("\xff")
	const endTopic = "the end of one fuzzed message"
	e := newEndpoint(f, bus.Config{})
	sub := e.Subscribe(4, "")
	f.Cleanup(sub.Close)
	ln := newPipeListener()
	background(f, func(ctx context.Context) error {
		return e.ServeWebSocket(ctx, ln, bus.WebSocketConfig{PingInterval: time.Hour})
	})
	conn := ln.dial()
	w := newRawWS(f, conn)
	w.upgrade(websocket.Path)
	w.expect(opPing, "ixwebsocket::heartbeat::3600s::0")
	w.frame(opText, "[]")
	w.text()
	next[bus.PeerAdded](f, sub)

	var contexts = []string{"failed to decode JSON object", "no topic in top-level JSON object", "failed to create Zeek event"}
	f.Fuzz(func(t *testing.T, text string) {
		w.t = t
		kind := byte(opText)
		if !utf8.ValidString(text) {
			kind = opBinary
		}
		w.frame(kind, text)
		w.frame(opText, eventText(endTopic, "end"))
		got := next[bus.Message](t, sub)
		if got.Topic != endTopic {
			if strings.HasPrefix(got.Topic, "<$>") {
				t.Errorf("a message on %q came through", got.Topic)
			}
			next[bus.Message](t, sub)
			return
		}
		answer := w.text()
		if !slices.ContainsFunc(contexts, func(c string) bool { return answer == failure("deserialization_failed", c) }) {
			t.Errorf("answer %s", answer)
		}
	})
}
