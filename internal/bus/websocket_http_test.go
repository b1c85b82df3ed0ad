package bus_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

// httpHandler takes connections and reports them.
func httpHandler() (handler func(bus.HTTPConn), taken chan bus.HTTPConn) {
	taken = make(chan bus.HTTPConn, 100)
	return func(c bus.HTTPConn) { taken <- c }, taken
}

func TestRequestsThatAskForNoWebSocketAreHandedOver(t *testing.T) {
	handler, taken := httpHandler()
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{HTTP: handler})
	for name, request := range map[string]string{
		"the root":                     "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"a request with a body":        "POST /api/v1/join HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
		"requests one after the other": "GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\n\r\n",
		"an older version":             "GET /healthz HTTP/1.0\r\n\r\n",
		"another upgrade":              "GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
		"a path that is longer":        "GET /v1/messages/json/more HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			w := rawDial(t, addr)
			w.write(request)
			c := take(t, taken)
			defer c.Close()
			got := make([]byte, len(request))
			if _, err := io.ReadFull(c, got); err != nil || string(got) != request {
				t.Errorf("the handler reads %q, %v", got, err)
			}
			w.write("more")
			if _, err := io.ReadFull(c, got[:4]); err != nil || string(got[:4]) != "more" {
				t.Errorf("then the handler reads %q, %v", got[:4], err)
			}
			fmt.Fprint(c, "HTTP/1.1 204 No Content\r\n\r\n")
			if resp := w.response(); resp.StatusCode != http.StatusNoContent {
				t.Errorf("the client reads %s", resp.Status)
			}
			c.Close()
			w.expectEnd()
			if c.Secure || c.Peer.Addr.String() != w.c.LocalAddr().String() {
				t.Errorf("the handler gets %+v", c)
			}
		})
	}
}

func TestUpgradeRequestsAreAnsweredAsZeekDoesBesideHTTP(t *testing.T) {
	handler, taken := httpHandler()
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{HTTP: handler})
	const key, upgrade = "Sec-WebSocket-Key: x\r\n", "Upgrade: websocket\r\n"
	for name, tt := range map[string]struct{ request, status string }{
		"its path, without a key":       {"GET /v1/messages/json HTTP/1.1\r\n\r\n", "400 Missing Sec-WebSocket-Key value"},
		"its path, with another method": {"POST /v1/messages/json HTTP/1.1\r\n\r\n", "400 Invalid HTTP method, need GET, got POST"},
		"another path, and a mistake":   {"GET / HTTP/1.1\r\n" + upgrade + "\r\n", "400 Missing Sec-WebSocket-Key value"},
		"another path, and a key":       {"GET / HTTP/1.1\r\n" + key + "\r\n", "400 Missing Upgrade header"},
		"another method, and a key":     {"PUT / HTTP/1.1\r\n" + key + "\r\n", "400 Invalid HTTP method, need GET, got PUT"},
		"no HTTP at all":                {"hello\r\n\r\n", "400 Invalid HTTP method, need GET, got hello"},
		"HTTP/2":                        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "400 Invalid HTTP method, need GET, got PRI"},
		"headers that are none":         {"GET / HTTP/1.1\r\nnonsense\r\n\r\n", "400 Error parsing HTTP headers"},
		"an upgrade":                    {upgradeText("/v1/messages/json"), "101 Switching Protocols"},
		"an upgrade for another path":   {upgradeText("/"), "101 Switching Protocols"},
	} {
		t.Run(name, func(t *testing.T) {
			w := rawDial(t, addr)
			w.write(tt.request)
			if resp := w.response(); resp.Status != tt.status {
				t.Errorf("got %q, want %q", resp.Status, tt.status)
			}
		})
	}
	if len(taken) > 0 {
		t.Errorf("%d connections were handed over", len(taken))
	}
}

const plainRequest = "GET / HTTP/1.1\r\nHost: x\r\n\r\n"

func TestRefusedCallersAreHandedOverAsRefused(t *testing.T) {
	handler, taken := httpHandler()
	e := newEndpoint(t, bus.Config{Screen: stranger})
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{HTTP: handler})
	w := rawDial(t, addr)
	w.write(plainRequest)
	c := take(t, taken)
	defer c.Close()
	if c.Denied == nil || c.Peer.Caller.UID != 1001 || !strings.Contains(c.Denied.Error(), "user 1001 may not connect") {
		t.Errorf("the handler gets %+v", c)
	}
}

// TestHTTPAndClientsDoNotTakeEachOthersPlaces fills all places of both kinds. Further
// HTTP connections take places of HTTP alone.
func TestHTTPAndClientsDoNotTakeEachOthersPlaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, taken := httpHandler()
		e := newEndpoint(t, bus.Config{})
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{HTTP: handler, MaxHTTP: 2, MaxClients: 2})
		ask := func() *rawWS {
			w := newRawWS(t, ln.dial())
			w.write(plainRequest)
			synctest.Wait()
			return w
		}
		oldest, second, third := ask(), ask(), ask()
		oldest.expectEnd()
		for range 2 {
			newRawWS(t, ln.dial()).upgrade("/v1/messages/json")
		}
		fourth := ask()
		second.expectEnd()
		<-taken
		<-taken
		for _, w := range []*rawWS{third, fourth} {
			c := <-taken
			go fmt.Fprint(c, "HTTP/1.1 204 No Content\r\n\r\n")
			if resp := w.response(); resp.StatusCode != http.StatusNoContent {
				t.Errorf("got %s", resp.Status)
			}
			c.Close()
		}
		synctest.Wait()
		fifth := ask()
		c := <-taken
		go fmt.Fprint(c, "HTTP/1.1 204 No Content\r\n\r\n")
		fifth.response()
	})
}

func TestHTTPCountsAgainstTheAllowanceOfNewcomers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		handler, taken := httpHandler()
		e := newEndpoint(t, bus.Config{Pace: bus.Pace{Burst: 1, PerSecond: 1, Shared: 10}})
		ln := pipeWebSocket(t, e, bus.WebSocketConfig{HTTP: handler})
		w := newRawWS(t, ln.dial())
		w.write(plainRequest)
		c := <-taken
		defer c.Close()
		go func() {
			for range 12 {
				io.WriteString(w.c, "x")
			}
		}()
		start := time.Now()
		br := bufio.NewReader(c)
		if _, err := io.ReadFull(br, make([]byte, len(plainRequest)+12)); err != nil {
			t.Fatal(err)
		}
		if got := time.Since(start); got < 900*time.Millisecond || got > 1200*time.Millisecond {
			t.Errorf("read after %v, want about a second", got)
		}
	})
}

func TestTheEndWaitsForHTTP(t *testing.T) {
	for name, tt := range map[string]struct {
		closeAfter, want time.Duration
	}{
		"until it is closed":    {time.Second, time.Second},
		"but no longer than so": {time.Hour, 3 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				handler, taken := httpHandler()
				ln := newPipeListener()
				e := newEndpoint(t, bus.Config{})
				stop := background(t, func(ctx context.Context) error {
					return e.ServeWebSocket(ctx, ln, bus.WebSocketConfig{HTTP: handler})
				})
				w := newRawWS(t, ln.dial())
				w.write(plainRequest)
				c := <-taken
				timer := time.AfterFunc(tt.closeAfter, func() { c.Close() })
				defer timer.Stop()
				start := time.Now()
				stop()
				if got := time.Since(start); got != tt.want {
					t.Errorf("ended after %v, want exactly %v", got, tt.want)
				}
				w.expectEnd()
			})
		})
	}
}

func TestClientsAreGreeted(t *testing.T) {
	e := newEndpoint(t, bus.Config{Screen: stranger})
	sub := subscribe(t, e, "x")
	addr, _ := serveWebSocket(t, e, bus.WebSocketConfig{Greet: func(p bus.Peer) error {
		if p.Bearer == "zfa-good" && p.Denied != nil {
			return nil
		}
		return errors.New("show a token")
	}})
	for name, tt := range map[string]struct {
		header, status string
	}{
		"who is let in":      {"Authorization: bearer zfa-good", "101 Switching Protocols"},
		"who is refused":     {"Authorization: Bearer zfa-bad", "403 Forbidden: show a token"},
		"who shows nothing":  {"X-Nothing: x", "403 Forbidden: show a token"},
		"who shows a secret": {"Authorization: Basic zfa-good", "403 Forbidden: show a token"},
	} {
		t.Run(name, func(t *testing.T) {
			w := rawDial(t, addr)
			w.write(upgradeText("/v1/messages/json", tt.header))
			resp := w.response()
			if resp.Status != tt.status {
				t.Errorf("got %q", resp.Status)
			}
			if resp.StatusCode != http.StatusSwitchingProtocols {
				return
			}
			w.frame(opText, "[]")
			if p := next[bus.PeerAdded](t, sub).Peer; p.Bearer != "zfa-good" || p.Denied == nil {
				t.Errorf("got the peer %+v", p)
			}
		})
	}
}
