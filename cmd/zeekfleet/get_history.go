package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newGetHistoryCommand(s streams) *cobra.Command {
	return clientCommand(s, &cobra.Command{
		Use:   "get-history",
		Short: "Show which configurations were deployed: revision, when, who",
		Args:  wantArgs(0, 0),
	}, func(ctx context.Context, c *cli.Commands, _ []string) int {
		return c.GetHistory(ctx)
	})
}
