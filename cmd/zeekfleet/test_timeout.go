package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newTestTimeoutCommand(s streams) *cobra.Command {
	var withState bool
	cmd := clientCommand(s, &cobra.Command{
		Use:   "test-timeout",
		Short: "Send a request that times out, as a test",
		Args:  wantArgs(0, 0),
	}, func(ctx context.Context, c *cli.Commands, _ []string) int {
		return c.TestTimeout(ctx, withState)
	})
	cmd.Flags().BoolVar(&withState, "with-state", false, "make the controller keep the request until it times out")
	return cmd
}
