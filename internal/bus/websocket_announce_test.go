package bus_test

import (
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
)

func TestClientsKnowWhatTheServerAnnounces(t *testing.T) {
	for _, said := range []string{"", "staged-deploy other"} {
		addr, _ := serveWebSocket(t, newEndpoint(t, bus.Config{}), bus.WebSocketConfig{Announce: said})
		if got := dialWebSocket(t, addr, "t").Announced(); got != said {
			t.Errorf("the server announces %q, the client knows %q", said, got)
		}
	}
}
