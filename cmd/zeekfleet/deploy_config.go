package main

import (
	"context"

	"github.com/spf13/cobra"

	"zeekfleet/internal/cli"
)

func newDeployConfigCommand(s streams) *cobra.Command {
	return clientCommand(s, &cobra.Command{
		Use:   "deploy-config FILE",
		Short: "Upload a cluster configuration and deploy it",
		Long:  "FILE has zeek-client's INI form; - reads standard input.",
		Args:  cobra.ExactArgs(1),
	}, func(ctx context.Context, c *cli.Commands, args []string) int {
		return c.DeployConfig(ctx, args[0])
	})
}
