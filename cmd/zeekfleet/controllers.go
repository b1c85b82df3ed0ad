package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newControllersCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "controllers",
		Short: "List the controllers of the cluster, and say which one leads",
		Long: "List the controllers of the cluster: which one leads, which ones follow, and which are\n" +
			"away; how far the store of each is behind, how full it is, and what it complains\n" +
			"about. With --follow the list stays on the terminal, and changes as they do.",
		Args: wantArgs(0, 0),
	}
	follow := cmd.Flags().BoolP("follow", "f", false, "show changes until you leave (q)")
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, _ []string) int {
		return cli.Controlling{Fleet: f}.Controllers(ctx, *follow)
	})
}

func newControllerRemoveCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "remove NAME",
		Short: "Remove a controller from the cluster for good",
		Long: "Remove a controller from the cluster for good, whether it runs or not. Its certificates\n" +
			"are revoked. If it leads, another one leads first. At least one controller stays.",
		Args: wantArgs(1, 1),
	}
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.Controlling{Fleet: f}.Remove(ctx, args[0])
	})
}

func newControllerLeadCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "lead [NAME]",
		Short: "Make another controller lead",
		Long: "Make another controller lead: that with the NAME, or any other one than that which\n" +
			"leads now. Before a host is restarted, this ends the lead without a wait.",
		Args: wantArgs(0, 1),
	}
	return fleetCommand(s, cmd, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.Controlling{Fleet: f}.Lead(ctx, append(args, "")[0])
	})
}
