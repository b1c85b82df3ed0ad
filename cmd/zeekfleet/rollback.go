package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newRollbackCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rollback [REV]",
		Short: "Deploy an earlier revision again",
		Long: "Deploy an earlier revision again, as a new one: without REV the one that was\n" +
			"deployed before. The command shows what would start, stop and restart, asks\n" +
			"whether to go on, and follows the deployment.",
		Args: numbered("a revision", 0, 1),
	}
	partial, note, yes, revert := addPartial(cmd), addNote(cmd), addYes(cmd), addRollback(cmd)
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		f.Partial, f.Yes = *partial, *yes
		return f.Rollback(ctx, cli.Change{Revision: numbers(args, 1)[0], Note: *note, RevertAfter: int64(*revert)})
	})
}
