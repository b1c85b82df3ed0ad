package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newHardwareCommand(s streams) *cobra.Command {
	return fleetCommand(s, &cobra.Command{
		Use:   "hardware [INSTANCE...]",
		Short: "Show the processors and the network interfaces of hosts",
		Long: "Show what the hosts of instances have, or those of all instances: the processors of\n" +
			"each NUMA node, and the network interfaces with the NUMA node to which they belong.\n" +
			"This is what \"auto\" in a template of workers goes by.",
	}, func(ctx context.Context, f cli.Fleet, args []string) int {
		return cli.Machines{Fleet: f}.Hardware(ctx, args)
	})
}
