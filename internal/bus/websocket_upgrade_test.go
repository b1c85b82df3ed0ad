package bus_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

func TestUpgradeRefusals(t *testing.T) {
	const (
		line    = "GET /v1/messages/json HTTP/1.1\r\n"
		key     = "Sec-WebSocket-Key: v9YvOiCOyjoQ6asuVSfY5g==\r\n"
		upgrade = "Upgrade: websocket\r\n"
		version = "Sec-WebSocket-Version: 13\r\n"
	)
	tests := map[string]struct{ request, reason string }{
		"another method is refused":     {"POST / HTTP/1.1\r\n\r\n", "Invalid HTTP method, need GET, got POST"},
		"methods are case-sensitive":    {"get / HTTP/1.1\r\n\r\n", "Invalid HTTP method, need GET, got get"},
		"another version is refused":    {"GET / HTTP/1.0\r\n\r\n", "Invalid HTTP version, need HTTP/1.1, got: HTTP/1.0"},
		"a version must be there":       {"GET /\r\n\r\n", "Invalid HTTP version, need HTTP/1.1, got: "},
		"a header must have a colon":    {line + "nonsense\r\n\r\n", "Error parsing HTTP headers"},
		"headers have a limit":          {line + "X: " + strings.Repeat("x", 16<<10), "Error parsing HTTP headers"},
		"a key must be there":           {line + upgrade + version + "\r\n", "Missing Sec-WebSocket-Key value"},
		"an upgrade must be asked for":  {line + key + version + "\r\n", "Missing Upgrade header"},
		"the upgrade must be websocket": {line + key + version + "Upgrade: h2c\r\n\r\n", "Invalid Upgrade header, need WebSocket, got h2c"},
		"a version must be asked for":   {line + key + upgrade + "\r\n", "Missing Sec-WebSocket-Version value"},
		"that version is 13":            {line + key + upgrade + "Sec-WebSocket-Version: 8\r\n\r\n", "Invalid Sec-WebSocket-Version, need 13, got 8"},
		"what comes back is printable": {"G\x01\xffT" + strings.Repeat("x", 100) + " / HTTP/1.1\r\n\r\n",
			"Invalid HTTP method, need GET, got G??T" + strings.Repeat("x", 60)},
	}
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := rawDial(t, addr)
			w.write(tt.request)
			resp := w.response()
			body, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatalf("read body: %v", err)
			}
			if got := strings.TrimSuffix(resp.Status, " "); got != strings.TrimSuffix("400 "+tt.reason, " ") {
				t.Errorf("got status %q, want 400 %s", got, tt.reason)
			}
			if string(body) != tt.reason+"\n" {
				t.Errorf("got body %q", body)
			}
			w.expectEnd()
		})
	}
}

func TestUpgradeAccepts(t *testing.T) {
	tests := map[string]struct{ request, accept string }{
		"what zeek-client sends": {
			upgradeText("/v1/messages/json"), "eckrxkGlFQMrC/AZEr9kYsjnr4A=",
		},
		"requests without Connection, Host and Origin": {
			"GET /v1/messages/json HTTP/1.1\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: v9YvOiCOyjoQ6asuVSfY5g==\r\n\r\n",
			"eckrxkGlFQMrC/AZEr9kYsjnr4A=",
		},
		"a key that is no key": {
			"GET /v1/messages/json HTTP/1.1\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: x\r\n\r\n",
			"JVxkmtKFjDcI/Pm/AGPEKSN6wT8=",
		},
		"the one other value of Upgrade": {
			"GET /v1/messages/json HTTP/1.1\r\nUpgrade: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: v9YvOiCOyjoQ6asuVSfY5g==\r\n\r\n",
			"eckrxkGlFQMrC/AZEr9kYsjnr4A=",
		},
		"repeated headers, of which the last counts": {
			upgradeText("/v1/messages/json", "Sec-WebSocket-Version: 13", "Upgrade: websocket", "Sec-WebSocket-Key: x"),
			"JVxkmtKFjDcI/Pm/AGPEKSN6wT8=",
		},
		"offers of compression and subprotocols, which it ignores": {
			upgradeText("/v1/messages/json", "Sec-WebSocket-Extensions: permessage-deflate", "Sec-WebSocket-Protocol: zeek"),
			"eckrxkGlFQMrC/AZEr9kYsjnr4A=",
		},
	}
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := rawDial(t, addr)
			w.write(tt.request)
			resp := w.response()
			if resp.StatusCode != http.StatusSwitchingProtocols {
				t.Fatalf("got %s", resp.Status)
			}
			for header, want := range map[string]string{
				"Sec-WebSocket-Accept": tt.accept, "Upgrade": "websocket", "Connection": "Upgrade",
				"Sec-WebSocket-Protocol": "", "Sec-WebSocket-Extensions": "",
			} {
				if got := resp.Header.Get(header); got != want {
					t.Errorf("%s: got %q, want %q", header, got, want)
				}
			}
			w.expect(opPing, "ixwebsocket::heartbeat::5s::0")
		})
	}
}

func TestAdmissionAfterTheUpgrade(t *testing.T) {
	const badURI, badApp = "Invalid URI - use /v1/messages/json", "Invalid X-Application-Name"
	tests := map[string]struct {
		target string
		app    string
		code   string // empty: admitted
		reason string
	}{
		"the path":                             {"/v1/messages/json", "zeekctl/2.5:a=b*c@d_e-f.g", "", ""},
		"an empty application name":            {"/v1/messages/json", "", "", ""},
		"an application name with a space":     {"/v1/messages/json", "a b", "invalid_application_name", badApp},
		"an application name beyond ASCII":     {"/v1/messages/json", "z\xc3\xa9", "invalid_application_name", badApp},
		"the root":                             {"/", "", "invalid_uri", badURI},
		"a trailing slash":                     {"/v1/messages/json/", "", "invalid_uri", badURI},
		"a query":                              {"/v1/messages/json?", "", "invalid_uri", badURI},
		"percent-encoding":                     {"/v1/messages/%6ason", "", "invalid_uri", badURI},
		"percent-encoding that is none":        {"/v1/messages/json%zz", "", "invalid_uri", badURI},
		"an absolute target":                   {"http://h/v1/messages/json", "", "invalid_uri", badURI},
		"another version":                      {"/v2/messages/json", "", "invalid_uri", badURI},
		"capitals":                             {"/V1/messages/json", "", "invalid_uri", badURI},
		"a wrong path before a wrong app name": {"/x", "a b", "invalid_uri", badURI},
	}
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{})
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			w := rawUpgrade(t, addr, tt.target, "X-Application-Name: "+tt.app)
			if tt.code == "" {
				w.frame(opText, "[]")
				if got := w.text(); !strings.HasPrefix(got, `{"type":"ack",`) {
					t.Fatalf("got %s, want an ack", got)
				}
				return
			}
			w.frame(opText, "[]") // dropped
			if got := w.text(); got != failure(tt.code, tt.reason) {
				t.Errorf("got %s, want error %s", got, tt.code)
			}
			w.expectClose(1008, tt.reason)
		})
	}
}

// recordedMessage is one message of a recorded conversation of zeek-client.
type recordedMessage struct{ From, HTTP, Opcode, Text string }

func TestRecordedHandshakes(t *testing.T) {
	var recorded struct {
		Conversations []struct {
			Command  string
			Messages []recordedMessage
		}
	}
	raw, err := os.ReadFile("../../testdata/vectors/zeek-client.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &recorded); err != nil {
		t.Fatal(err)
	}
	if len(recorded.Conversations) == 0 {
		t.Fatal("no conversations")
	}
	e := newEndpoint(t, bus.Config{})
	sub := subscribe(t, e, "zeek/management/controller")
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{Version: "8.2.2"})
	for _, conv := range recorded.Conversations {
		t.Run(conv.Command, func(t *testing.T) {
			w := rawDial(t, addr)
			events := w.playRecorded(e.ID(), conv.Messages)
			next[bus.PeerAdded](t, sub)
			for range events {
				if got := next[bus.Message](t, sub); got.Topic != "zeek/management/controller" {
					t.Errorf("got a message on %q", got.Topic)
				}
			}
			w.c.Close() // as zeek-client: without a close frame
			next[bus.PeerLost](t, sub)
		})
	}
}

// playRecorded sends what the client has sent, and checks what the server says
// up to the ack. It returns how many events it has sent.
func (w *rawWS) playRecorded(id bus.ID, messages []recordedMessage) (events int) {
	w.t.Helper()
	uuid := regexp.MustCompile(`"endpoint":"[0-9a-f-]{36}`)
	acked := false
	for _, m := range messages {
		switch {
		case m.From == "client" && m.HTTP != "":
			w.write(m.HTTP + "\r\n\r\n")
		case m.HTTP != "":
			accept := "Sec-WebSocket-Accept: " + w.response().Header.Get("Sec-WebSocket-Accept")
			if !strings.Contains(m.HTTP, accept) {
				w.t.Errorf("got %q, Zeek answered %q", accept, m.HTTP)
			}
			w.expect(opPing, "ixwebsocket::heartbeat::5s::0")
		case m.From == "client" && m.Opcode == "pong":
			w.frame(opPong, m.Text)
		case m.From == "client" && m.Opcode == "text":
			w.frame(opText, m.Text)
			if acked {
				events++
			}
		case m.Opcode == "text" && !acked:
			acked = true
			want := uuid.ReplaceAllString(m.Text, `"endpoint":"`+id.String())
			if got := w.text(); got != want {
				w.t.Errorf("got ack %s, want %s", got, want)
			}
		}
	}
	return events
}

func TestSilentConnectionIsClosedAfterTheUpgradeTimeout(t *testing.T) {
	for name, sent := range map[string]string{"nothing": "", "half a request": "GET /v1/messages/json HTTP/1.1\r\n"} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := pipeWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{})
				w := newRawWS(t, ln.dial())
				start := time.Now()
				w.write(sent)
				if resp := w.response(); resp.StatusCode != 400 {
					t.Errorf("got %s", resp.Status)
				}
				if got := time.Since(start); got != 3*time.Second {
					t.Errorf("closed after %v, want exactly 3s", got)
				}
			})
		})
	}
}

func TestClientBeyondTheLimitGets503(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := pipeWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{MaxClients: 2})
		first, second := newRawWS(t, ln.dial()), newRawWS(t, ln.dial())
		first.upgrade("/v1/messages/json")
		second.upgrade("/v1/messages/json")

		refused := newRawWS(t, ln.dial())
		refused.write(upgradeText("/v1/messages/json"))
		if resp := refused.response(); resp.Status != "503 Too many clients" {
			t.Errorf("got %s", resp.Status)
		}

		first.c.Close()
		synctest.Wait()
		newRawWS(t, ln.dial()).upgrade("/v1/messages/json")
	})
}

func TestOldestConnectionBeyondTheLimitOfUpgradesIsClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ln := pipeWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{MaxClients: 2})
		oldest := newRawWS(t, ln.dial())
		synctest.Wait()
		waiting := newRawWS(t, ln.dial())
		synctest.Wait()
		newest := newRawWS(t, ln.dial())
		oldest.expectEnd()
		waiting.upgrade("/v1/messages/json")
		newest.upgrade("/v1/messages/json")
	})
}

func TestAckCountsConnectionsOfTheEndpoint(t *testing.T) {
	e := newEndpoint(t, bus.Config{})
	one, _ := serveWebSocket(t, e, bus.WebSocketConfig{})
	two, _ := serveWebSocket(t, e, bus.WebSocketConfig{})
	refused := rawDial(t, one)
	refused.write("POST / HTTP/1.1\r\n\r\n")
	refused.response()
	for n, addr := range []string{one, two} {
		want := fmt.Sprintf("%s-websocket-%d", e.ID(), n+1)
		if got := dialWebSocket(t, addr).Endpoint(); got != want {
			t.Errorf("got endpoint %s, want %s", got, want)
		}
	}
}
