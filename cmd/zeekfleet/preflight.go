package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newPreflightCommand(s streams) *cobra.Command {
	var req cli.PreflightRequest
	cmd := &cobra.Command{
		Use:   "preflight [INSTANCE...]",
		Short: "Let instances check whether they could run their nodes",
		Long: "Let instances check whether they could run their nodes, also the nodes that run:\n" +
			"ports, interfaces, scripts, processors, permissions, disks. Nothing is changed.\n" +
			"Nodes that users have stopped are left out. Without INSTANCE all instances check.\n" +
			"The exit status is 1 if there is a problem, or if an instance did not check.\n" +
			"\"zeekfleet check\" checks a cluster file on this host, without an agent.",
	}
	cmd.Flags().BoolVar(&req.Staged, "staged", false, "check the staged configuration, in place of the deployed one")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		req.Instances = args
		return f.Preflight(ctx, req)
	})
}
