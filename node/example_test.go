package node_test

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"

	"github.com/zeekfleet/zeekfleet/node"
)

// A sensor that does not run Zeek joins a cluster as worker-1.
func Example() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	n, err := node.New(node.Config{
		Name: "worker-1",
		Identifiers: map[string]any{
			"Sensor::model": "x200",
			"Sensor::tasks": node.Func(func(context.Context) (any, error) {
				return runtime.NumGoroutine(), nil
			}),
		},
		Dispatches: map[string]node.Dispatch{
			"greet": func(_ context.Context, names []string) (any, error) {
				return fmt.Sprint("hello ", names), nil
			},
		},
	})
	if err == nil {
		err = n.Run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}
