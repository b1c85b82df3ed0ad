package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newStageConfigCommand(s streams) *cobra.Command {
	return clientCommand(s, &cobra.Command{
		Use:   "stage-config FILE",
		Short: "Upload a cluster configuration for later deployment",
		Long: "Upload a cluster configuration for later deployment. FILE has zeek-client's INI\n" +
			"form; - reads standard input.",
		Args: wantArgs(1, 1),
	}, func(ctx context.Context, c *cli.Commands, args []string) int {
		return c.StageConfig(ctx, args[0])
	})
}
