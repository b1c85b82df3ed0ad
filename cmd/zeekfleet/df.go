package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newDFCommand(s streams) *cobra.Command {
	return measuredCommand(s, &cobra.Command{
		Use:   "df",
		Short: "Show how full the disks of state, spool and archive are",
		Long: "Show how full the disks are that agents use, the fullest first: that of their state, of\n" +
			"the spool (where nodes work) and of the archive (where logs go). With a SELECTOR, these\n" +
			"are the hosts of the named nodes.\n\n" + selectorHelp + "\n\n" +
			"Examples:\n" +
			"  zeekfleet df\n" +
			"  zeekfleet df --instance sensor-1 --output json",
	}, func(ctx context.Context, m cli.Measured) int { return m.DF(ctx) })
}
