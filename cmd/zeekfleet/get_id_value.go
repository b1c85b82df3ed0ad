package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newGetIDValueCommand(s streams) *cobra.Command {
	return clientCommand(s, &cobra.Command{
		Use:        "get-id-value IDENTIFIER [NODE...]",
		SuggestFor: []string{"print"},
		Short:      "Show the value of an identifier in cluster nodes, or in all of them",
		Args:       wantArgs(1, -1),
	}, func(ctx context.Context, c *cli.Commands, args []string) int {
		return c.GetIDValue(ctx, args[0], args[1:])
	})
}
