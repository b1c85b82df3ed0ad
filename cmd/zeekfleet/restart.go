package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newRestartCommand(s streams) *cobra.Command {
	return clientCommand(s, &cobra.Command{
		Use:   "restart [NODE...]",
		Short: "Restart cluster nodes, or all of them",
		Long:  "Restart the named cluster nodes, or all of them. The command fails if a node fails.",
		Args:  cobra.ArbitraryArgs,
	}, func(ctx context.Context, c *cli.Commands, args []string) int {
		return c.Restart(ctx, args)
	})
}
