package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/client/api"
	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newOperationsCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "operations",
		Short: "List deployments, restarts and the like, running and past",
		Long:  "List the operations that run and the latest that have ended, the newest first.",
		Args:  wantArgs(0, 0),
	}
	limit := addLimit(cmd, "operations")
	running := cmd.Flags().Bool("running", false, "leave out operations that have ended")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, _ []string) int {
		return f.Operations(ctx, api.OperationQuery{Running: *running, Limit: int(*limit)})
	})
}

func newOperationCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "operation ID",
		Short: "Show an operation with all its steps, or follow it",
		Long: "Show an operation with all its steps. With --follow, show its progress until it\n" +
			"has ended; the exit status is then 0 if it has done everything, else 1.",
		Args: numbered("an operation", 1, 1),
	}
	follow := cmd.Flags().BoolP("follow", "f", false, "show the progress until the operation has ended")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		return f.Operation(ctx, numbers(args, 1)[0], *follow)
	})
}
