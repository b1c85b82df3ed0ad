package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newHistoryCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "history",
		Short: "List what is deployed and what was deployed before",
		Long:  "List what is deployed and what was deployed before, the newest first.",
		Args:  wantArgs(0, 0),
	}
	limit := addLimit(cmd, "revisions")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, _ []string) int { return f.History(ctx, int(*limit)) })
}

// addLimit adds the flag --limit to a command that prints a list.
func addLimit(cmd *cobra.Command, what string) *uint32 {
	return cmd.Flags().Uint32("limit", 50, "print at most `N` "+what)
}

func newShowCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use:   "show REV",
		Short: "Print a revision as a cluster file",
		Long:  "Print a revision as a cluster file. --output json prints everything that it has.",
		Args:  numbered("a revision", 1, 1),
	}, func(ctx context.Context, f cli.Fleet, args []string) int { return f.Show(ctx, numbers(args, 1)[0]) })
}

func newDiffCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use:   "diff REV [REV]",
		Short: "Print how two revisions differ",
		Long:  "Print how a revision differs from another one, or from the deployed one.",
		Args:  numbered("a revision", 1, 2),
	}, func(ctx context.Context, f cli.Fleet, args []string) int {
		n := numbers(args, 2)
		return f.Diff(ctx, n[0], n[1])
	})
}
