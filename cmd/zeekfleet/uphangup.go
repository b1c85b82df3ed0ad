package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilHangup returns a context that ends with ctx, or when the terminal goes
// away, unless nohup keeps the process from hearing of that. It also has writes
// to a pipe that nobody reads return an error, which would otherwise end the
// process: one that dies with its terminal, or with its reader, leaves its nodes
// behind.
func untilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	// Not signal.Ignore, which the nodes would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	if signal.Ignored(syscall.SIGHUP) {
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}
