package bus_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/websocket"
)

func TestUpgradesAreDiverted(t *testing.T) {
	handler, taken := httpHandler()
	divert := true
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{HTTP: handler, Divert: func() bool { return divert }})
	request := upgradeText("/v1/messages/json")
	w := rawDial(t, addr)
	w.write(request)
	c := take(t, taken)
	defer c.Close()
	got := make([]byte, len(request))
	if _, err := io.ReadFull(c, got); err != nil || string(got) != request {
		t.Errorf("the handler reads %q, %v", got, err)
	}
	w = rawDial(t, addr)
	w.write("hello\r\n\r\n")
	if resp := w.response(); resp.StatusCode != http.StatusBadRequest {
		t.Errorf("what is no HTTP gets %s", resp.Status)
	}
	divert = false
	w = rawDial(t, addr)
	w.write(request)
	if resp := w.response(); resp.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("then an upgrade gets %s", resp.Status)
	}
}

// passedText is an upgrade request of somebody who says for whom it asks.
func passedText(values ...string) string {
	var lines []string
	for _, v := range values {
		lines = append(lines, websocket.ForHeader+": "+v)
	}
	text := upgradeText("/v1/messages/json", lines...)
	return strings.NewReplacer("Host: 127.0.0.1:2149", "Host: hub-2.example.org", "Origin: http://127.0.0.1:2149", "Origin: https://hub-2.example.org").Replace(text)
}

// Whoever lets clients in decides who may ask for others. Their host was checked where they
// have asked.
func TestClientsThatAskForOthers(t *testing.T) {
	addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{})
	w := rawDial(t, addr)
	w.write(passedText("ann"))
	if resp := w.response(); resp.StatusCode != http.StatusForbidden {
		t.Errorf("where nobody decides: %s", resp.Status)
	}
	addr, _ = serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{Greet: func(p bus.Peer) error {
		if p.For != "ann" {
			return errors.New("not " + p.For)
		}
		return nil
	}})
	for status, text := range map[int]string{
		http.StatusSwitchingProtocols: passedText("ann"), http.StatusForbidden: passedText("bob"), http.StatusBadRequest: passedText("ann", "bob"),
	} {
		w := rawDial(t, addr)
		w.write(text)
		if resp := w.response(); resp.StatusCode != status {
			t.Errorf("got %s, want %d", resp.Status, status)
		}
	}
}
