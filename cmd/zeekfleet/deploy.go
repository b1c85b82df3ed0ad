package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// addPartial adds the flag --partial to a command that deploys.
func addPartial(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("partial", false, "deploy to the instances that are connected; the others get their nodes when they connect")
}

func newDeployCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Deploy the staged cluster configuration",
		Args:  wantArgs(0, 0),
	}
	partial := addPartial(cmd)
	return clientCommand(s, cmd, func(ctx context.Context, c *cli.Commands, _ []string) int {
		c.Partial = *partial
		return c.Deploy(ctx)
	})
}
