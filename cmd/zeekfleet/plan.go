package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newPlanCommand(s streams) *cobra.Command {
	var req cli.PlanRequest
	cmd := &cobra.Command{
		Use:   "plan FILE | --revision REV",
		Short: "Say what a deployment would start, stop and restart, and why",
		Long: "Say what a deployment of a cluster file would start, stop and restart, and why.\n" +
			"Every host checks whether it could run its nodes. Nothing is changed. FILE has\n" +
			"zeek-client's INI form; - reads standard input.",
		Args: func(cmd *cobra.Command, args []string) error {
			if err := wantArgs(0, 1)(cmd, args); err != nil {
				return err
			}
			if cmd.Flags().Changed("revision") == (len(args) == 1) {
				return errors.New("please name a cluster file, or --revision")
			}
			return nil
		},
	}
	partial := addPartial(cmd)
	cmd.Flags().BoolVar(&req.ExitCode, "exit-code", false, "exit with status 3 if something would change")
	cmd.Flags().Uint64Var(&req.Revision, "revision", 0, "plan to deploy `REV` again, in place of a file")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		if len(args) == 1 {
			req.Path = args[0]
		}
		f.Partial = *partial
		return f.Plan(ctx, req)
	})
}
