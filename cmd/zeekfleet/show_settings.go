package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newShowSettingsCommand(s streams) *cobra.Command {
	return clientCommand(s, &cobra.Command{
		Use:   "show-settings",
		Short: "Show the settings of client commands",
		Long: "Show the settings of client commands in the form of a settings file, from flags,\n" +
			"environment and settings file together. A passphrase is not shown.",
		Args: wantArgs(0, 0),
	}, func(_ context.Context, c *cli.Commands, _ []string) int { return c.ShowSettings() })
}
