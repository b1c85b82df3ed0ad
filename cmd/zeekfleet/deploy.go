package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

// addPartial adds the flag --partial to a command that deploys.
func addPartial(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("partial", false, "deploy to the instances that are connected; the others get their nodes when they connect")
}

func newDeployCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "deploy [FILE]",
		Short: "Deploy a cluster file, or the staged configuration",
		Long: "Deploy a cluster file: the command shows what would start, stop and restart, asks\n" +
			"whether to go on, and follows the deployment. If somebody else deploys meanwhile,\n" +
			"nothing is done. FILE has zeek-client's INI form; - reads standard input.\n\n" +
			"Without FILE, the command deploys the staged configuration, whoever has staged it. At\n" +
			"a terminal it asks as well; without one it deploys at once, as zeek-client does.",
		Args: wantArgs(0, 1),
	}
	partial, note, yes, revert := addPartial(cmd), addNote(cmd), addYes(cmd), addRollback(cmd)
	cmd.PreRunE = func(cmd *cobra.Command, args []string) error {
		for _, name := range []string{"note", "rollback-on-failure"} {
			if len(args) == 0 && cmd.Flags().Changed(name) {
				return fmt.Errorf("--%s is for the deployment of a cluster file: name the file", name)
			}
		}
		return nil
	}
	return clientCommand(s, cmd, func(ctx context.Context, c *cli.Commands, args []string) int {
		c.Partial = *partial
		f := newFleet(s, c)
		f.Yes = *yes
		if len(args) == 0 {
			return f.DeployStaged(ctx)
		}
		return f.DeployFile(ctx, cli.Change{Path: args[0], Note: *note, RevertAfter: int64(*revert)})
	})
}
