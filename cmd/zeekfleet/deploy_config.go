package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newDeployConfigCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:        "deploy-config FILE",
		SuggestFor: []string{"install", "start"},
		Short:      "Upload a cluster configuration and deploy it",
		Long: "Upload a cluster configuration and deploy it. FILE has zeek-client's INI form; -\n" +
			"reads standard input.",
		Args: wantArgs(1, 1),
	}
	partial := addPartial(cmd)
	return clientCommand(s, cmd, func(ctx context.Context, c *cli.Commands, args []string) int {
		c.Partial = *partial
		return c.DeployConfig(ctx, args[0])
	})
}
