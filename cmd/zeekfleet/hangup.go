package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// untilHangup returns a context that ends with ctx, or when the terminal goes
// away, unless nohup keeps the process from hearing of that. One that died with
// its terminal would leave its nodes behind.
func untilHangup(ctx context.Context) (context.Context, context.CancelFunc) {
	surviveClosedPipes()
	if signal.Ignored(syscall.SIGHUP) {
		return context.WithCancel(ctx)
	}
	return signal.NotifyContext(ctx, syscall.SIGHUP)
}

// surviveClosedPipes has writes to a pipe that nobody reads return an error, which
// would otherwise end the process: no daemon ends because the reader of its log
// does. Other commands are to end so, as any program in a pipeline.
func surviveClosedPipes() {
	// Not signal.Ignore, which the nodes would inherit.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
}
