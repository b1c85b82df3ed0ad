package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilHangup returns a context that ends with ctx, or when the terminal closes
// (SIGHUP). A process that died with its terminal would leave its nodes behind.
// Under nohup the context does not end when the terminal closes.
func untilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	surviveClosedPipes()
	if signal.Ignored(syscall.SIGHUP) {
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}

// surviveClosedPipes makes a write to a pipe without a reader return an error
// instead of ending the process: a daemon goes on when the reader of its log ends.
// Client commands do not call it; they end like any program in a pipeline.
func surviveClosedPipes() {
	// The nodes would inherit a signal that is ignored with signal.Ignore.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}
