package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newGetNodesCommand(s streams) *cobra.Command {
	return clientCommand(s, &cobra.Command{
		Use:   "get-nodes",
		Short: "Show the processes on each instance",
		Args:  wantArgs(0, 0),
	}, func(ctx context.Context, c *cli.Commands, _ []string) int {
		return c.GetNodes(ctx)
	})
}
