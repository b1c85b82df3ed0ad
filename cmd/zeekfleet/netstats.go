package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newNetStatsCommand(s streams) *cobra.Command {
	return measuredCommand(s, &cobra.Command{
		Use:   "netstats",
		Short: "Show the packets that workers have received and lost, as they count them",
		Long: "Show the packets that workers have received and lost since they started, as they count\n" +
			"them themselves: DROPPED came to the capture of a worker and was lost because the\n" +
			"worker was too slow. What was lost before, zeekfleet capstats shows.\n\n" + selectorHelp + "\n\n" +
			"Examples:\n" +
			"  zeekfleet netstats\n" +
			"  zeekfleet netstats %sensor-1 --output json",
	}, func(ctx context.Context, m cli.Measured) int { return m.NetStats(ctx) })
}
