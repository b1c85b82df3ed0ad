package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newCapStatsCommand(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "capstats",
		Short: "Show what comes to the interfaces on which nodes capture",
		Long: "Show what comes to the interfaces on which nodes capture, as the kernels and the\n" +
			"network cards of the hosts count it: packets, megabits, and what was lost there before\n" +
			"any node could see it. With a SELECTOR, these are the interfaces on which the named\n" +
			"nodes capture.\n\n" + selectorHelp + "\n\n" +
			"Examples:\n" +
			"  zeekfleet capstats\n" +
			"  zeekfleet capstats worker-1\n" +
			"  zeekfleet capstats --all --instance sensor-1",
	}
	all := cmd.Flags().Bool("all", false, "show the other interfaces of the hosts, too")
	return measuredCommand(s, cmd, func(ctx context.Context, m cli.Measured) int { return m.CapStats(ctx, *all) })
}
