package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newPeersCommand(s streams) *cobra.Command {
	return measuredCommand(s, &cobra.Command{
		Use:        "peers",
		SuggestFor: []string{"peerstatus"}, // as zeekctl calls it
		Short:      "Show who is connected to whom, what waits there, and what was lost",
		Long: "Show who is connected to whom, as one end tells it: since when, how many messages wait\n" +
			"for the other end and how many may, and how many were lost because too many waited.\n" +
			"Connections with which something is wrong come first.\n\n" + selectorHelp + "\n\n" +
			"Examples:\n" +
			"  zeekfleet peers\n" +
			"  zeekfleet peers manager --output yaml",
	}, func(ctx context.Context, m cli.Measured) int { return m.Peers(ctx) })
}
