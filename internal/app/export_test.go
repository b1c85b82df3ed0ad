package app

import (
	"log/slog"
	"testing"

	"github.com/zeekfleet/zeekfleet/internal/bus"
	"github.com/zeekfleet/zeekfleet/internal/launch"
	"github.com/zeekfleet/zeekfleet/internal/settings"
)

var (
	ServiceOf     = serviceOf
	WarnIfItKills = warnIfItKills

	AlertReceivers = alertReceivers
)

// OpenLauncher is openLauncher for an agent that listens at 127.0.0.1:2151.
func OpenLauncher(t *testing.T, set settings.Agent) (launch.Launcher, error) {
	l, _, err := openLauncher(t.Context(), set, slog.New(slog.DiscardHandler), "127.0.0.1:2151")
	return l, err
}

// WebSocketConfig is how a controller with these settings serves its clients.
func WebSocketConfig(set settings.Controller) (bus.WebSocketConfig, error) {
	return new(Controller).websocketConfig(set)
}

// Close gives up an agent that is not run.
func (a Agent) Close() {
	a.Broker.Close()
	a.closeFiles()
}

// HTTPConnection tells the HTTP API what an endpoint knows of a connection.
var HTTPConnection = httpConnection
