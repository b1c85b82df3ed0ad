package main

import (
	"context"

	"github.com/spf13/cobra"

	"zeekfleet/internal/cli"
)

func newDeployCommand(s streams) *cobra.Command {
	return clientCommand(s, &cobra.Command{
		Use:   "deploy",
		Short: "Deploy the staged cluster configuration",
		Args:  wantArgs(0, 0),
	}, func(ctx context.Context, c *cli.Commands, _ []string) int {
		return c.Deploy(ctx)
	})
}
