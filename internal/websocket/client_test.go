package websocket_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	framing "github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/patience"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
	"github.com/zeekfleet/zeekfleet/internal/wire/wsjson"
	"github.com/zeekfleet/zeekfleet/internal/zval"
)

// scriptedServer starts a WebSocket server. It reads the topics, sends these
// messages, and then calls end.
func scriptedServer(t *testing.T, end func(*framing.Conn), messages ...string) (url string) {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := framing.Accept(w, r, nil)
		if err != nil {
			return
		}
		defer c.CloseNow()
		if _, _, err := c.Read(t.Context()); err != nil {
			return
		}
		for _, m := range messages {
			c.Write(t.Context(), framing.MessageText, []byte(m))
		}
		end(c)
	}))
	t.Cleanup(server.Close)
	return "ws" + strings.TrimPrefix(server.URL, "http")
}

const ackText = `{"type":"ack","endpoint":"it","version":"9"}`

func TestClientReceives(t *testing.T) {
	data := func(data string) string { return `{"type":"data-message","topic":"a",` + data + `}` }
	url := scriptedServer(t, func(c *framing.Conn) { c.Close(4000, "enough") },
		ackText,
		`{"type":"news"}`,
		`{"type":"error","code":"deserialization_failed","context":"failed to create Zeek event"}`,
		"no JSON",
		data(`"@data-type":"count","data":-1`),
		data(`"@data-type":"count","data":1`),
	)
	c, err := websocket.Dial(t.Context(), url, nil, websocket.Config{})
	if err != nil {
		t.Fatal(err)
	}
	if c.Endpoint() != "it" || c.Version() != "9" {
		t.Errorf("got endpoint %q and version %q", c.Endpoint(), c.Version())
	}
	_, _, err = c.Receive(t.Context())
	want := &websocket.ServerError{Code: "deserialization_failed", Context: "failed to create Zeek event"}
	if got, ok := errors.AsType[*websocket.ServerError](err); !ok || *got != *want {
		t.Errorf("got %v, want %v", err, want)
	}
	for range 2 {
		_, _, err = c.Receive(t.Context())
		if _, ok := errors.AsType[*wsjson.Error](err); !ok {
			t.Errorf("got %v, want a *wsjson.Error", err)
		}
	}
	if topic, v, err := c.Receive(t.Context()); err != nil || topic != "a" || !zval.Equal(v, zval.Count(1)) {
		t.Errorf("received %v on %q, error %v", v, topic, err)
	}
	_, _, err = c.Receive(t.Context())
	if got, ok := errors.AsType[*websocket.ServerClosed](err); !ok || got.Code != 4000 || got.Reason != "enough" {
		t.Errorf("got %v, want close code 4000", err)
	}
	if err := c.Send(t.Context(), "a", zval.Count(1)); err == nil {
		t.Error("sent to a closed connection")
	}
}

func TestClientWithoutAnAck(t *testing.T) {
	tests := map[string]struct {
		url     string
		failure websocket.DialFailure
		raw     string
		text    string
	}{
		"another message":  {scriptedServer(t, func(*framing.Conn) {}, `{"type":"news"}`), websocket.DialNoAck, `{"type":"news"}`, "server's first message is not an ack"},
		"no JSON":          {scriptedServer(t, func(*framing.Conn) {}, "hi"), websocket.DialNoAck, "hi", "byte 0"},
		"a close":          {scriptedServer(t, func(c *framing.Conn) { c.Close(1001, "Terminating") }), websocket.DialSocket, "", "closed the connection with code 1001: Terminating"},
		"the end":          {scriptedServer(t, func(*framing.Conn) {}), websocket.DialSocket, "", "closed the connection with code 1006: EOF"},
		"an ack too large": {scriptedServer(t, func(*framing.Conn) {}, `{"type":"ack","endpoint":"`+strings.Repeat("x", 1000)+`","version":""}`), websocket.DialSocket, "", "message too big"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := websocket.Dial(t.Context(), tt.url, nil, websocket.Config{MaxMessage: 1000})
			got, ok := errors.AsType[*websocket.DialError](err)
			if !ok || got.Stage != websocket.StageHandshake || got.Failure != tt.failure || got.Raw != tt.raw || !strings.Contains(err.Error(), tt.text) {
				t.Errorf("got %v %+v", err, got)
			}
		})
	}
}

func TestClientOfASilentServerGivesUpWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	url := scriptedServer(t, func(c *framing.Conn) {
		cancel(errors.New("too long"))
		c.Read(t.Context())
	})
	_, err := websocket.Dial(ctx, url, nil, websocket.Config{})
	got, ok := errors.AsType[*websocket.DialError](err)
	if !ok || got.Stage != websocket.StageHandshake || got.Failure != websocket.DialCanceled || !strings.Contains(err.Error(), "too long") {
		t.Errorf("got %v", err)
	}
}

func TestClientClosesProperly(t *testing.T) {
	closed := make(chan error, 1)
	url := scriptedServer(t, func(c *framing.Conn) {
		_, _, err := c.Read(t.Context())
		closed <- err
	}, ackText)
	c, err := websocket.Dial(t.Context(), url, nil, websocket.Config{})
	if err != nil {
		t.Fatal(err)
	}
	c.Close()
	if err := patience.Next(t, closed, "the server to see the end"); framing.CloseStatus(err) != 1000 {
		t.Errorf("the server got %v", err)
	}
	if _, _, err := c.Receive(t.Context()); err == nil {
		t.Error("received from a closed connection")
	}
	c.Close()
}

func TestClientKnowsWhatTheServerAnnounces(t *testing.T) {
	for _, said := range []string{"", "staged-deploy other"} {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if said != "" {
				w.Header().Set(websocket.ServerHeader, said)
			}
			c, err := framing.Accept(w, r, nil)
			if err != nil {
				return
			}
			defer c.CloseNow()
			c.Read(t.Context())
			c.Write(t.Context(), framing.MessageText, []byte(ackText))
			c.Read(t.Context())
		}))
		c, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(server.URL, "http"), []string{"t"}, websocket.Config{})
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Announced(); got != said {
			t.Errorf("the server announces %q, the client knows %q", said, got)
		}
		c.Close()
		server.Close()
	}
}

// A server that answers pings is waited for. One that does not is given up.
func TestAServerThatIsSilentIsGivenUp(t *testing.T) {
	goOn := make(chan struct{})
	url := scriptedServer(t, func(c *framing.Conn) { <-goOn }, ackText)
	c, err := websocket.Dial(t.Context(), url, nil, websocket.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	defer close(goOn)
	defer c.Watch(t.Context(), time.Millisecond, 50*time.Millisecond)()
	if _, _, err := c.Receive(t.Context()); !errors.Is(err, websocket.ErrSilent) {
		t.Errorf("got %v", err)
	}
}
