package bus_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// fakeServer answers each connection as serve does, after the bytes that come
// first, and returns its address.
func fakeServer(t *testing.T, serve func(c net.Conn)) string {
	t.Helper()
	ln := listen(t)
	background(t, func(ctx context.Context) error {
		stop := context.AfterFunc(ctx, func() { ln.Close() })
		defer stop()
		for {
			c, err := ln.Accept()
			if err != nil {
				return err
			}
			c.Read(make([]byte, 4096))
			serve(c)
			c.Close()
		}
	})
	return ln.Addr().String()
}

func answer(text string) func(net.Conn) {
	return func(c net.Conn) { io.WriteString(c, text) }
}

func TestDialFailures(t *testing.T) {
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{})
	free := listen(t)
	free.Close()
	deaf := fakeServer(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	expired, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	canceled, cancelNow := context.WithCancelCause(t.Context())
	cancelNow(errors.New("changed my mind"))

	tests := map[string]struct {
		ctx     context.Context
		url     string
		stage   bus.DialStage
		failure bus.DialFailure
		status  int
		raw     string
		text    string
	}{
		"another scheme": {
			url: "http://" + addr, stage: bus.StageConnect, failure: bus.DialInvalid, text: `scheme "http" is neither ws nor wss`,
		},
		"no URL": {
			url: "ws://[::1", stage: bus.StageConnect, failure: bus.DialInvalid, text: "missing ']' in host",
		},
		"nobody listens": {
			url: "ws://" + free.Addr().String() + "/v1/messages/json", stage: bus.StageConnect, failure: bus.DialRefused, text: "connection refused",
		},
		"a host without address": {
			url: "ws://a..b/v1/messages/json", stage: bus.StageConnect, failure: bus.DialName, text: "no such host",
		},
		"another path of our server": {
			url: "ws://" + addr + "/v2", stage: bus.StageHandshake, failure: bus.DialNoAck,
			raw:  failure("invalid_uri", "Invalid URI - use /v1/messages/json"),
			text: "server error invalid_uri: Invalid URI - use /v1/messages/json",
		},
		"a web server": {
			url: "ws://" + fakeServer(t, answer("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")), stage: bus.StageConnect,
			failure: bus.DialRejected, status: http.StatusNotFound, text: "server answered with HTTP status 404 Not Found",
		},
		"a redirect is not followed": {
			url: "ws://" + fakeServer(t, answer("HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")), stage: bus.StageConnect,
			failure: bus.DialRejected, status: http.StatusFound, text: "302 Found",
		},
		"a mail server": {
			url: "ws://" + fakeServer(t, answer("220 ready\r\n")), stage: bus.StageConnect, failure: bus.DialProtocol, text: "not a WebSocket server",
		},
		"an upgrade without its key": {
			url:   "ws://" + fakeServer(t, answer("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")),
			stage: bus.StageConnect, failure: bus.DialProtocol, text: "Sec-WebSocket-Accept",
		},
		"a server that hangs up": {
			url: "ws://" + fakeServer(t, answer("")), stage: bus.StageConnect, failure: bus.DialSocket,
			text: "server closed the connection during the upgrade",
		},
		"a TLS server that is spoken to in plain text": {
			url: "ws://" + fakeServer(t, answer("\x15\x03\x03\x00\x02\x02\x46")), stage: bus.StageConnect, failure: bus.DialTLS, text: "use wss instead of ws",
		},
		"a plain server that is spoken to in TLS": {
			url: "wss://" + fakeServer(t, answer("HTTP/1.1 400 Bad Request\r\n\r\n")), stage: bus.StageConnect, failure: bus.DialTLS, text: "use ws instead of wss",
		},
		"a TLS server with anonymous ciphers alone": {
			url: "wss://" + fakeServer(t, answer("\x15\x03\x03\x00\x02\x02\x28")), stage: bus.StageConnect, failure: bus.DialTLS, text: "anonymous ciphers",
		},
		"our plain server, spoken to in TLS": {
			url: "wss://" + addr, stage: bus.StageConnect, failure: bus.DialTLS, text: "use ws instead of wss",
		},
		"a server that says nothing": {
			ctx: expired, url: "ws://" + deaf, stage: bus.StageConnect, failure: bus.DialTimeout, text: "deadline exceeded",
		},
		"a caller that has given up": {
			ctx: canceled, url: "ws://" + deaf, stage: bus.StageConnect, failure: bus.DialCanceled, text: "changed my mind",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			ctx := tt.ctx
			if ctx == nil {
				ctx = t.Context()
			}
			c, err := bus.DialWebSocket(ctx, tt.url, nil, bus.WebSocketClientConfig{})
			if err == nil {
				c.Close()
				t.Fatal("connected")
			}
			got, ok := errors.AsType[*bus.DialError](err)
			if !ok {
				t.Fatalf("got %T %v", err, err)
			}
			if got.URL != tt.url || got.Stage != tt.stage || got.Failure != tt.failure || got.Status != tt.status || got.Raw != tt.raw {
				t.Errorf("got %+v", got)
			}
			if !strings.Contains(err.Error(), tt.text) || strings.Contains(err.Error(), "failed to") {
				t.Errorf("got %q, want something with %q", err, tt.text)
			}
		})
	}
}

// scriptedServer is a WebSocket server that reads the topics, sends these
// messages, and then does what end does.
func scriptedServer(t *testing.T, end func(*websocket.Conn), messages ...string) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		if _, _, err := c.Read(t.Context()); err != nil {
			return
		}
		for _, m := range messages {
			c.Write(t.Context(), websocket.MessageText, []byte(m))
		}
		end(c)
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

const ackText = `{"type":"ack","endpoint":"it","version":"9"}`

func TestClientReceives(t *testing.T) {
	data := func(data string) string { return `{"type":"data-message","topic":"a",` + data + `}` }
	url := scriptedServer(t, func(c *websocket.Conn) { c.Close(4000, "enough") },
		ackText,
		`{"type":"news"}`,
		failure("deserialization_failed", "failed to create Zeek event"),
		"no JSON",
		data(`"@data-type":"count","data":-1`),
		data(`"@data-type":"count","data":1`),
	)
	c, err := bus.DialWebSocket(t.Context(), url, nil, bus.WebSocketClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Endpoint() != "it" || c.Version() != "9" {
		t.Errorf("got endpoint %q and version %q", c.Endpoint(), c.Version())
	}
	_, _, err = c.Receive(t.Context())
	want := &bus.ServerError{Code: "deserialization_failed", Context: "failed to create Zeek event"}
	if got, ok := errors.AsType[*bus.ServerError](err); !ok || *got != *want {
		t.Errorf("got %v, want %v", err, want)
	}
	for range 2 {
		_, _, err = c.Receive(t.Context())
		if _, ok := errors.AsType[*wsjson.Error](err); !ok {
			t.Errorf("got %v, want a *wsjson.Error", err)
		}
	}
	expectMessage(t, c, "a", zval.Count(1))
	_, _, err = c.Receive(t.Context())
	if got, ok := errors.AsType[*bus.ServerClosed](err); !ok || got.Code != 4000 || got.Reason != "enough" {
		t.Errorf("got %v, want close code 4000", err)
	}
	if err := c.Send(t.Context(), "a", zval.Count(1)); err == nil {
		t.Error("sent to a closed connection")
	}
}

func TestClientWithoutAnAck(t *testing.T) {
	tests := map[string]struct {
		url     string
		failure bus.DialFailure
		raw     string
		text    string
	}{
		"another message":  {scriptedServer(t, func(*websocket.Conn) {}, `{"type":"news"}`), bus.DialNoAck, `{"type":"news"}`, "server's first message is not an ack"},
		"no JSON":          {scriptedServer(t, func(*websocket.Conn) {}, "hi"), bus.DialNoAck, "hi", "byte 0"},
		"a close":          {scriptedServer(t, func(c *websocket.Conn) { c.Close(1001, "Terminating") }), bus.DialSocket, "", "closed the connection with code 1001: Terminating"},
		"the end":          {scriptedServer(t, func(*websocket.Conn) {}), bus.DialSocket, "", "closed the connection with code 1006: EOF"},
		"an ack too large": {scriptedServer(t, func(*websocket.Conn) {}, `{"type":"ack","endpoint":"`+strings.Repeat("x", 1000)+`","version":""}`), bus.DialSocket, "", "message too big"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := bus.DialWebSocket(t.Context(), tt.url, nil, bus.WebSocketClientConfig{MaxMessage: 1000})
			got, ok := errors.AsType[*bus.DialError](err)
			if !ok || got.Stage != bus.StageHandshake || got.Failure != tt.failure || got.Raw != tt.raw || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v %+v", err, got)
			}
		})
	}
}

func TestClientOfASilentServerGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	url := scriptedServer(t, func(c *websocket.Conn) {
		cancel(errors.New("too long"))
		c.Read(t.Context())
	})
	_, err := bus.DialWebSocket(ctx, url, nil, bus.WebSocketClientConfig{})
	got, ok := errors.AsType[*bus.DialError](err)
	if !ok || got.Stage != bus.StageHandshake || got.Failure != bus.DialCanceled || !strings.Contains(err.Error(), "too long") {
		t.Errorf("got %v", err)
	}
}

func TestClientClosesProperly(t *testing.T) {
	closed := make(chan error, 1)
	url := scriptedServer(t, func(c *websocket.Conn) {
		_, _, err := c.Read(t.Context())
		closed <- err
	}, ackText)
	c, err := bus.DialWebSocket(t.Context(), url, nil, bus.WebSocketClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := <-closed; websocket.CloseStatus(err) != 1000 {
		t.Errorf("the server got %v", err)
	}
	if _, _, err := c.Receive(t.Context()); err == nil {
		t.Error("received from a closed connection")
	}
	c.Close()
}
