package websocket_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/porttest"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func listen(t *testing.T) net.Listener {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	return ln
}

// fakeServer starts a server and returns its address. The server reads once from
// each connection, calls serve, and closes the connection.
func fakeServer(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	ln := listen(t)
	var running sync.WaitGroup
	t.Cleanup(func() {
		ln.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			c.Read(make([]byte, 4096))
			serve(c)
			c.Close()
		}
	})
	return ln.Addr().String()
}

// dialFailure is a DialError as a test expects it.
type dialFailure struct {
	stage   websocket.DialStage
	failure websocket.DialFailure
	status  int
	raw     string
	text    string // part of the message
}

func expectFailure(t *testing.T, ctx context.Context, url string, cfg websocket.Config, want dialFailure) {
	t.Helper()
	c, err := websocket.Dial(ctx, url, nil, cfg)
	if err == nil {
		c.Close()
		t.Fatal("connected")
	}
	got, ok := errors.AsType[*websocket.DialError](err)
	if !ok {
		t.Fatalf("got %T %v", err, err)
	}
	if got.URL != url || got.Stage != want.stage || got.Failure != want.failure || got.Status != want.status || got.Raw != want.raw {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if !strings.Contains(err.Error(), want.text) || strings.Contains(err.Error(), "failed to") {
		t.Errorf("got %q, want something with %q", err, want.text)
	}
}

func TestDialWithoutAServer(t *testing.T) {
	const connect = websocket.StageConnect
	for name, tt := range map[string]struct {
		url  string
		want dialFailure
	}{
		"another scheme":         {"http://127.0.0.1:1", dialFailure{connect, websocket.DialInvalid, 0, "", `scheme "http" is neither ws nor wss`}},
		"no URL":                 {"ws://[::1", dialFailure{connect, websocket.DialInvalid, 0, "", "missing ']' in host"}},
		"nobody listens":         {"ws://" + porttest.Nobody(t) + websocket.Path, dialFailure{connect, websocket.DialRefused, 0, "", "connection refused"}},
		"a host without address": {"ws://a..b" + websocket.Path, dialFailure{connect, websocket.DialName, 0, "", "no such host"}},
	} {
		t.Run(name, func(t *testing.T) { expectFailure(t, t.Context(), tt.url, websocket.Config{}, tt.want) })
	}
}

func TestDialOfAServerThatIsNoWebSocketServer(t *testing.T) {
	for name, tt := range map[string]struct {
		scheme, answer string
		failure        websocket.DialFailure
		status         int
		text           string
	}{
		"a web server":                 {"ws", "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", websocket.DialRejected, http.StatusNotFound, "server answered with HTTP status 404 Not Found"},
		"a redirect is not followed":   {"ws", "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n", websocket.DialRejected, http.StatusFound, "302 Found"},
		"a mail server":                {"ws", "220 ready\r\n", websocket.DialProtocol, 0, "not a WebSocket server"},
		"an upgrade without its key":   {"ws", "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", websocket.DialProtocol, 0, "Sec-WebSocket-Accept"},
		"a server that hangs up":       {"ws", "", websocket.DialSocket, 0, "server closed the connection during the upgrade"},
		"a TLS server, in plain text":  {"ws", "\x15\x03\x03\x00\x02\x02\x46", websocket.DialTLS, 0, "use wss instead of ws"},
		"a plain server, in TLS":       {"wss", "HTTP/1.1 400 Bad Request\r\n\r\n", websocket.DialTLS, 0, "use ws instead of wss"},
		"a TLS server without ciphers": {"wss", "\x15\x03\x03\x00\x02\x02\x28", websocket.DialTLS, 0, "anonymous ciphers"},
	} {
		t.Run(name, func(t *testing.T) {
			addr := fakeServer(t, func(c net.Conn) { io.WriteString(c, tt.answer) })
			want := dialFailure{websocket.StageConnect, tt.failure, tt.status, "", tt.text}
			expectFailure(t, t.Context(), tt.scheme+"://"+addr, websocket.Config{}, want)
		})
	}
}

func TestDialEndsWithItsContext(t *testing.T) {
	deaf := "ws://" + fakeServer(t, func(c net.Conn) { io.Copy(io.Discard, c) })
	expired, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	expectFailure(t, expired, deaf, websocket.Config{}, dialFailure{
		stage: websocket.StageConnect, failure: websocket.DialTimeout, text: "deadline exceeded",
	})
	canceled, cancelNow := context.WithCancelCause(t.Context())
	cancelNow(errors.New("changed my mind"))
	expectFailure(t, canceled, deaf, websocket.Config{}, dialFailure{
		stage: websocket.StageConnect, failure: websocket.DialCanceled, text: "changed my mind",
	})
}

// net.Dialer has a timer of its own for the deadline of its context. The timer may
// fire before the context ends.
func TestADialThatNoticesTheDeadlineFirstHasTimedOut(t *testing.T) {
	late := func(ctx context.Context, _ string) (net.Conn, error) {
		return (&net.Dialer{Deadline: time.Now().Add(-time.Second)}).DialContext(ctx, "tcp", "127.0.0.1:1")
	}
	expectFailure(t, t.Context(), "ws://127.0.0.1:1", websocket.Config{Connect: late}, dialFailure{
		stage: websocket.StageConnect, failure: websocket.DialTimeout, text: "deadline exceeded",
	})
}

func TestConfigIsChecked(t *testing.T) {
	expectFailure(t, t.Context(), "ws://127.0.0.1:1", websocket.Config{MaxMessage: -1, ReceiveQueue: -1}, dialFailure{
		stage: websocket.StageConnect, failure: websocket.DialInvalid, text: "MaxMessage is negative\nReceiveQueue is negative",
	})
}

// serveBus starts our own server and returns its address.
func serveBus(t *testing.T) string {
	t.Helper()
	e, err := bus.New(bus.Config{})
	if err != nil {
		t.Fatal(err)
	}
	ln := listen(t)
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var running sync.WaitGroup
	running.Go(func() { e.ServeWebSocket(ctx, ln, bus.WebSocketConfig{}) })
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
	return ln.Addr().String()
}

func TestDialOfOurServer(t *testing.T) {
	addr := serveBus(t)
	expectFailure(t, t.Context(), "ws://"+addr+"/v2", websocket.Config{}, dialFailure{
		stage: websocket.StageHandshake, failure: websocket.DialNoAck,
		raw:  `{"type":"error","code":"invalid_uri","context":"Invalid URI - use /v1/messages/json"}`,
		text: "server error invalid_uri: Invalid URI - use /v1/messages/json",
	})
	expectFailure(t, t.Context(), "wss://"+addr, websocket.Config{}, dialFailure{
		stage: websocket.StageConnect, failure: websocket.DialTLS, text: "use ws instead of wss",
	})
}
