package main

import (
	"context"

	"github.com/zeekfleet/zeekfleet/internal/systemd"
)

// asService returns how this daemon tells its service manager how it is doing. When ctx is done,
// the service manager hears that the daemon ends. Call it before anything reads the environment
// for nodes: it takes the variables of the service manager away.
func asService(ctx context.Context) (n systemd.Notifier, done func()) {
	n = systemd.FromEnvironment()
	stop := context.AfterFunc(ctx, func() {
		_ = n.Stopping() // it sees the end, too
	})
	return n, func() { stop() }
}

// tokenCredential is the credential of the service with a token to join a cluster with
// (LoadCredential).
const tokenCredential = "zeekfleet-token"
