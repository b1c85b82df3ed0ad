package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/zeekfleet/zeekfleet/internal/cli"
)

func newMonitorCommand(s streams) *cobra.Command {
	return clientCommand(s, &cobra.Command{
		Use:   "monitor",
		Short: "Print the requests and answers of a controller as they come",
		Long: "Print the events on the topic of a controller's API as they come, one line of JSON\n" +
			"each: the requests of all clients, and their answers. Ctrl-C ends it.",
		Args: wantArgs(0, 0),
	}, func(ctx context.Context, c *cli.Commands, _ []string) int { return c.Monitor(ctx) })
}
