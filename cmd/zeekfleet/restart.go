package main

import (
	"context"

	"github.com/spf13/cobra"

	"zeekfleet/internal/cli"
)

func newRestartCommand() *cobra.Command {
	return clientCommand(&cobra.Command{
		Use:   "restart [NODE...]",
		Short: "Restart cluster nodes, or all of them",
		Long:  "Restarts cluster nodes, or all of them, and fails if one of them fails.",
		Args:  cobra.ArbitraryArgs,
	}, func(ctx context.Context, c *cli.Commands, args []string) int {
		return c.Restart(ctx, args)
	})
}
