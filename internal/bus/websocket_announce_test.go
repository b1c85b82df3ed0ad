package bus_test

import (
	"testing"

	"github.com/coder/websocket"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

func TestClientsKnowWhatTheServerSaysOfItself(t *testing.T) {
	for _, said := range []string{"", "staged-deploy other"} {
		addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{Announce: said})
		if got := dialWebSocket(t, addr, "t").Announced(); got != said {
			t.Errorf("the server says %q of itself, the client knows %q", said, got)
		}
	}
	zeek := scriptedServer(t, func(c *websocket.Conn) { c.CloseRead(t.Context()) }, ackText)
	c, err := bus.DialWebSocket(t.Context(), zeek, []string{"t"}, bus.WebSocketClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if got := c.Announced(); got != "" {
		t.Errorf("a server that says nothing of itself is known for %q", got)
	}
}
