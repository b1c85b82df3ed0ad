package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newStatusCommand(s streams) *cobra.Command {
	return clientCommand(s, &cobra.Command{
		Use:   "status",
		Short: "Say whether the cluster is well, and what is not",
		Long: "Say on one screen whether the cluster is well, and what is not. The exit status is\n" +
			"0 if the cluster is well, and 1 if it is not or if nobody can tell.",
		Args: wantArgs(0, 0),
	}, func(ctx context.Context, c *cli.Commands, _ []string) int { return c.Status(ctx) })
}

func newNodesCommand(s streams) *cobra.Command {
	return clientCommand(s, &cobra.Command{
		Use:   "nodes [SELECTOR...]",
		Short: "List the nodes, first those that are not well",
		Long: "List the nodes, first those that are not well, with the reason. A SELECTOR is the\n" +
			"name of a node, a pattern (worker-1*), a role (@workers) or an instance\n" +
			"(%sensor-1).",
		Args: cobra.ArbitraryArgs,
	}, func(ctx context.Context, c *cli.Commands, args []string) int { return c.Nodes(ctx, args) })
}

func newWatchCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use:   "watch",
		Short: "Show the cluster on the terminal as it changes",
		Long: "Show the cluster on the terminal as it changes: first the nodes that are not well,\n" +
			"below them what happens. The arrow keys move, q leaves.",
		Args: wantArgs(0, 0),
	}, func(ctx context.Context, f cli.Fleet, _ []string) int { return f.WatchCluster(ctx) })
}
