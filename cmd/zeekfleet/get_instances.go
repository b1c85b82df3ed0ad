package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newGetInstancesCommand(s streams) *cobra.Command {
	return clientCommand(s, &cobra.Command{
		Use:   "get-instances",
		Short: "Show the instances whose agents are connected to the controller",
		Args:  wantArgs(0, 0),
	}, func(ctx context.Context, c *cli.Commands, _ []string) int {
		return c.GetInstances(ctx)
	})
}
